//! The configuration in force, and how the file differs by now.

use std::path::Path;

use admin::BackendError;
use api::{
    Configuration, ConfigurationDifference, ConfigurationKey, ConfigurationSection,
    ConfigurationSource, ConfigurationTakes,
};
use config::{Change, Config, Mistakes, Setting};

use super::{Control, mistake, table};
use crate::reload::load_config;

impl Control {
    pub(super) async fn describe_configuration(&self) -> Result<Configuration, BackendError> {
        let (in_force, path) = (self.config.load_full(), self.config_path.clone());
        table::blocking(move || Ok(describe(&in_force, load_config(&path), &path))).await
    }
}

/// `file` is read as a reload would read it, and held against what runs as a reload would.
fn describe(in_force: &Config, file: Result<Config, Mistakes>, path: &Path) -> Configuration {
    let mut it = Configuration { file: path.display().to_string(), ..Configuration::default() };
    let listed = |all: &Mistakes| all.list.iter().map(|it| mistake(&all.origin, it)).collect();
    let file = match file {
        Ok(file) => {
            it.warnings = listed(file.warnings());
            it.differences = differences(in_force, &file);
            Some(file)
        }
        Err(mistakes) => {
            it.mistakes = listed(&mistakes);
            None
        }
    };
    for setting in in_force.settings() {
        if it.sections.last().is_none_or(|last| last.name != setting.section()) {
            it.sections.push(ConfigurationSection {
                name: setting.section().to_owned(),
                about: setting.section_about().to_owned(),
            });
        }
        it.keys.push(key(setting, file.as_ref()));
    }
    it
}

fn differences(in_force: &Config, file: &Config) -> Vec<ConfigurationDifference> {
    let reload = in_force.reload(file);
    let difference = |takes| {
        move |it: Change| ConfigurationDifference {
            key: it.key,
            running: written(it.before),
            file: written(it.after),
            takes,
        }
    };
    let by_reload = reload.applied.into_iter().map(difference(ConfigurationTakes::Reload));
    let by_restart = reload.needs_restart.into_iter().map(difference(ConfigurationTakes::Restart));
    let mut all: Vec<_> = by_reload.chain(by_restart).collect();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

fn written(value: Option<String>) -> Option<String> {
    value.filter(|it| !it.is_empty())
}

/// Where the value stands the file says now, if it says the same: lines may have come in above it.
fn key(setting: &Setting, file: Option<&Config>) -> ConfigurationKey {
    let now = file.and_then(|it| it.settings().iter().find(|it| it.key == setting.key));
    let now = now.filter(|it| it.value == setting.value && it.is_default == setting.is_default);
    let line = now.map_or(setting.line, |it| it.line);
    ConfigurationKey {
        key: setting.key.clone(),
        section: setting.section().to_owned(),
        name: setting.name().to_owned(),
        value: written(Some(setting.value.clone())),
        source: match setting.is_default {
            true => ConfigurationSource::Default,
            false => ConfigurationSource::File,
        },
        line: line.and_then(|it| it.try_into().ok()),
        default: setting.default().map(str::to_owned),
        unset_means: setting.unset_means().map(str::to_owned),
        wants: setting.wants(),
        about: setting.about().to_owned(),
        takes: match setting.needs_restart() {
            true => ConfigurationTakes::Restart,
            false => ConfigurationTakes::Reload,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::tests::CONFIG;

    fn parsed(text: &str) -> Config {
        Config::parse(text, "/etc/causeway.toml").unwrap_or_else(|it| panic!("{it}"))
    }

    fn by_name<'a>(it: &'a Configuration, key: &str) -> &'a ConfigurationKey {
        it.keys.iter().find(|it| it.key == key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn every_key_says_its_value_where_it_is_from_and_what_a_new_one_takes() {
        let config = parsed(CONFIG);
        let it = describe(&config, Ok(config.clone()), Path::new("/etc/causeway.toml"));
        assert!(it.mistakes.is_empty() && it.differences.is_empty());
        assert_eq!(it.keys.len(), config.settings().len());
        let names: Vec<&str> = it.sections.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(
            &names[..5],
            [
                "server",
                "listener[mx]",
                "site.on_prem",
                "site.cloud",
                "relay_domain[contoso.example]"
            ]
        );
        assert!(it.sections.iter().all(|it| !it.about.is_empty()));

        let hostname = by_name(&it, "server.hostname");
        assert_eq!(hostname.value.as_deref(), Some("\"gw.example\""));
        assert_eq!((hostname.source, hostname.line), (ConfigurationSource::File, Some(3)));
        assert_eq!(hostname.takes, ConfigurationTakes::Restart);
        let percent = by_name(&it, "rails.large_change_percent");
        assert_eq!((percent.source, percent.line), (ConfigurationSource::Default, None));
        assert_eq!(percent.value, percent.default);
        assert_eq!(percent.takes, ConfigurationTakes::Reload);
        let ca_file = by_name(&it, "site.cloud.ca_file");
        assert_eq!((&ca_file.value, &ca_file.default), (&None, &None));
        assert_eq!(ca_file.unset_means.as_deref(), Some("the system's roots"));
        assert!(it.keys.iter().all(|it| !it.wants.is_empty() && !it.about.is_empty()));
    }

    #[test]
    fn what_the_file_says_by_now_is_told_with_what_it_takes() {
        let text = CONFIG
            .replace("[server]", "# one line more\n[server]")
            .replace("gw.example", "other.example")
            .replace("[admin]", "[limits]\nhops_max = 30\n[admin]");
        let running = parsed(CONFIG);
        let it = describe(&running, Ok(parsed(&text)), Path::new("x"));
        let list: Vec<_> = it.differences.iter().map(|it| (it.key.as_str(), it.takes)).collect();
        assert_eq!(
            list,
            [
                ("limits.hops_max", ConfigurationTakes::Reload),
                ("server.hostname", ConfigurationTakes::Restart),
            ]
        );
        let hostname = &it.differences[1];
        assert_eq!(hostname.running.as_deref(), Some("\"gw.example\""));
        assert_eq!(hostname.file.as_deref(), Some("\"other.example\""));
        assert_eq!(by_name(&it, "server.hostname").value, hostname.running, "what runs");
        assert_eq!(by_name(&it, "server.data_dir").line, Some(5), "as the file is now");
    }

    #[test]
    fn a_file_with_mistakes_says_which_and_what_runs_is_shown_all_the_same() {
        let broken = Config::parse("[server]\nhostname = 7\n", "causeway.toml");
        let it = describe(&parsed(CONFIG), broken, Path::new("causeway.toml"));
        assert!(it.mistakes.iter().any(|it| it.place == "causeway.toml:2:12"), "{it:?}");
        assert!(it.differences.is_empty());
        assert!(!it.keys.is_empty());
    }
}
