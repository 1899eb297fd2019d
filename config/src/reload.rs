//! What a reload makes of the configuration in force and the one in the file.

use std::collections::{BTreeMap, BTreeSet};

use mail::{SiteName, Unlisted};

use crate::diff::Change;
use crate::{Config, Limits, Listener, Setting, Site};

/// The outcome of reading the file again.
#[derive(Clone, Debug)]
pub struct Reload {
    /// What is in force from now on: the file's word, except for what must wait. A key that waits
    /// keeps its old value in here, so that the next reload finds it waiting again.
    pub config: Config,
    pub applied: Vec<Change>,
    pub needs_restart: Vec<Change>,
}

impl Config {
    /// Puts `file` into force over `self`, as far as a running gateway can. What cannot is all
    /// that is read at the start only, listeners and sites that come or go, and domains and
    /// routing as long as they name a site that is not there yet.
    #[must_use]
    pub fn reload(&self, file: &Self) -> Reload {
        let waits = Waits::new(self, file);
        let (needs_restart, applied) =
            Self::diff(self, file).into_iter().partition(|it| waits.change(it));
        Reload { config: mixed(self, file, &waits), applied, needs_restart }
    }
}

/// Which keys wait for a restart.
struct Waits {
    /// Sections that come or go, and listeners whose role changes, without which their other keys
    /// make no sense; as the beginnings of their keys.
    sections: BTreeSet<String>,
    routing: bool,
}

impl Waits {
    fn new(in_force: &Config, file: &Config) -> Self {
        let listeners =
            |it: &Config| it.listeners.iter().map(|it| (it.name.clone(), it.role)).collect();
        let listeners = differing(listeners(in_force), listeners(file));
        let sites = |it: &Config| it.sites.iter().map(|it| (it.name.to_string(), ())).collect();
        let sites = differing(sites(in_force), sites(file));
        let listeners = listeners.iter().map(|it| format!("listener[{it}]."));
        let is_there = |name: &SiteName| in_force.sites.iter().any(|it| it.name == *name);
        Self {
            sections: listeners.chain(sites.iter().map(|it| format!("site.{it}."))).collect(),
            routing: !named_sites(file).into_iter().all(is_there),
        }
    }

    fn key(&self, key: &str, at_start: bool) -> bool {
        let is_routing = || key.starts_with("relay_domain[") || key.starts_with("routing.");
        at_start
            || self.sections.iter().any(|it| key.starts_with(it.as_str()))
            || (self.routing && is_routing())
    }

    fn change(&self, it: &Change) -> bool {
        self.key(&it.key, it.needs_restart)
    }

    fn setting(&self, it: &Setting) -> bool {
        self.key(&it.key, it.needs_restart)
    }
}

/// Names that are on one side only, or not the same on both.
fn differing<T: PartialEq>(
    before: BTreeMap<String, T>,
    after: BTreeMap<String, T>,
) -> BTreeSet<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|it| before.get(*it) != after.get(*it)).cloned().collect()
}

/// Sites that domains and routing send to.
fn named_sites(config: &Config) -> Vec<&SiteName> {
    let unlisted = config.relay_domains.iter().filter_map(|it| match &it.unlisted {
        Unlisted::Site(site) => Some(site),
        Unlisted::Reject => None,
    });
    let routing = &config.routing;
    unlisted.chain(&routing.copy_while_syncing).chain(&routing.postmaster).collect()
}

fn mixed(in_force: &Config, file: &Config, waits: &Waits) -> Config {
    let routing = if waits.routing { in_force } else { file };
    Config {
        listeners: in_force.listeners.iter().map(|it| listener(it, file)).collect(),
        sites: sites(in_force, file),
        relay_domains: routing.relay_domains.clone(),
        routing: routing.routing.clone(),
        rails: file.rails.clone(),
        alerts: file.alerts.clone(),
        limits: Limits {
            stress_at_percent: in_force.limits.stress_at_percent,
            memory_bytes_max: in_force.limits.memory_bytes_max,
            ..file.limits.clone()
        },
        settings: settings(in_force, file, waits),
        warnings: file.warnings.clone(),
        ..in_force.clone()
    }
}

/// A listener that is gone from the file, or to be another, serves on as it was.
fn listener(in_force: &Listener, file: &Config) -> Listener {
    match file.listeners.iter().find(|it| it.name == in_force.name) {
        None => in_force.clone(),
        Some(new) if new.role != in_force.role => in_force.clone(),
        Some(new) => Listener {
            bind: in_force.bind,
            tls: in_force.tls.clone(),
            client_ca: in_force.client_ca.clone(),
            ..new.clone()
        },
    }
}

/// The sites in force in the order of the file, then those that are gone from it.
fn sites(in_force: &Config, file: &Config) -> Vec<Site> {
    let kept = file.sites.iter().filter_map(|new| {
        let old = in_force.sites.iter().find(|it| it.name == new.name)?;
        Some(Site { recipient: new.recipient.clone(), ..old.clone() })
    });
    let is_gone = |it: &&Site| !file.sites.iter().any(|new| new.name == it.name);
    kept.chain(in_force.sites.iter().filter(is_gone).cloned()).collect()
}

fn settings(in_force: &Config, file: &Config, waits: &Waits) -> Vec<Setting> {
    let old = |key: &str| in_force.settings.iter().find(|it| it.key == key);
    let kept = file.settings.iter().filter_map(|new| match waits.setting(new) {
        true => old(&new.key).cloned(),
        false => Some(new.clone()),
    });
    let is_gone = |it: &&Setting| !file.settings.iter().any(|new| new.key == it.key);
    let gone = in_force.settings.iter().filter(is_gone).filter(|it| waits.setting(it));
    kept.chain(gone.cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"
[server]
hostname = "gw.example"
data_dir = "/data"
[[listener]]
name = "mx"
bind = "127.0.0.1:25"
role = "mx"
[[listener]]
name = "inside"
bind = "127.0.0.1:26"
role = "relay"
relay_from = ["10.0.0.5"]
[site.on_prem]
hosts = ["10.0.0.5:25"]
[[relay_domain]]
name = "contoso.example"
unlisted = "on_prem"
"#;

    fn config(text: &str) -> Config {
        Config::parse(text, "/etc/causeway.toml").unwrap_or_else(|it| panic!("{it}"))
    }

    fn keys(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|it| it.key.as_str()).collect()
    }

    #[test]
    fn what_needs_a_restart_is_not_in_force_and_waits_until_there_is_one() {
        let text = BEFORE
            .replace("gw.example", "other.example")
            .replace("role = \"mx\"", "role = \"relay\"\nrelay_from = [\"192.0.2.1\"]");
        let before = config(BEFORE);
        let first = before.reload(&config(&text));
        assert_eq!(
            keys(&first.needs_restart),
            ["listener[mx].relay_from", "listener[mx].role", "server.hostname"]
        );
        assert!(first.applied.is_empty());
        assert_eq!(first.config.server.hostname, before.server.hostname);
        assert_eq!(first.config.listeners[0].role, crate::Role::Mx);

        let second = first.config.reload(&config(&text));
        assert_eq!(keys(&second.needs_restart), keys(&first.needs_restart));
        assert!(second.applied.is_empty());
        let back = second.config.reload(&before);
        assert!(back.applied.is_empty() && back.needs_restart.is_empty());
    }

    #[test]
    fn a_domain_waits_for_the_site_that_it_names() {
        let site = "[site.cloud]\nhosts = [\"10.0.0.6:25\"]\n";
        let domain = "[[relay_domain]]\nname = \"fabrikam.example\"\nunlisted = \"cloud\"\n";
        let limits = "[limits]\nhops_max = 30\n";
        let file = config(&format!("{BEFORE}{site}{domain}{limits}"));
        let mut in_force = config(BEFORE);
        for round in 0..2 {
            let reload = in_force.reload(&file);
            let waiting = keys(&reload.needs_restart).join(" ");
            assert!(waiting.contains("relay_domain[fabrikam.example].name"), "{waiting}");
            assert!(waiting.contains("site.cloud.recipient"), "{waiting}");
            let applied: &[&str] = if round == 0 { &["limits.hops_max"] } else { &[] };
            assert_eq!(keys(&reload.applied), applied);
            in_force = reload.config;
            assert_eq!((in_force.sites.len(), in_force.relay_domains.len()), (1, 1));
            assert_eq!(in_force.limits.hops_max, 30);
        }
        // A domain at a site that is there need not wait for the other site.
        let near = domain.replace("cloud", "on_prem");
        let reload = in_force.reload(&config(&format!("{BEFORE}{site}{near}{limits}")));
        assert!(keys(&reload.applied).contains(&"relay_domain[fabrikam.example].name"));
        assert_eq!((reload.config.sites.len(), reload.config.relay_domains.len()), (1, 2));
    }

    #[test]
    fn what_is_gone_from_the_file_goes_on_as_it_was() {
        let cut = BEFORE.find("[[listener]]\nname = \"inside\"").unwrap();
        let end = BEFORE.find("[site.on_prem]").unwrap();
        let file = config(&format!("{}{}", &BEFORE[..cut], &BEFORE[end..]));
        let mut in_force = config(BEFORE);
        for _ in 0..2 {
            let reload = in_force.reload(&file);
            assert!(reload.applied.is_empty(), "{:?}", reload.applied);
            assert!(keys(&reload.needs_restart).contains(&"listener[inside].relay_from"));
            in_force = reload.config;
            assert_eq!(in_force.listeners[1].relay_from.len(), 1);
        }
    }

    /// `mixed` takes these from the file and nothing else. A key that is declared to need no
    /// restart belongs into it.
    #[test]
    fn only_these_sections_have_keys_that_a_reload_applies() {
        let text = format!("{BEFORE}[portal]\n");
        for setting in config(&text).settings.iter().filter(|it| !it.needs_restart) {
            let key = &setting.key;
            let is_mixed =
                ["listener[", "relay_domain[", "routing.", "rails.", "alerts.", "limits."]
                    .iter()
                    .any(|it| key.starts_with(it));
            assert!(is_mixed || key == "site.on_prem.recipient", "{key}");
        }
    }
}
