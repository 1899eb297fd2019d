//! What the rails need to know of the gateway at this moment, and what they say, in the words of the
//! API. Decides nothing: [`router::rails`] does.

use std::time::Duration;

use api::{Blocked, RailOverride};
use config::{BatchSynced, Config, Hosts, SecondPerson};
use deliver::{Delivery, RecipientVerdict, Routes};
use mail::{Address, SiteName, Timestamp};
use prometheus::core::Collector;
use prometheus::{IntCounterVec, Opts, Registry};
use router::{
    Changes, Domains, MoveState, RailFacts, RailPolicy, Refusal, RowChange, SyncFact, Table,
    Tripped,
};

pub(crate) use crate::impact::{impact, to_ask};

/// How a change is made: it decides who may pass which rail, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// At once, by an edit.
    Direct,
    /// By a step of a move.
    Step,
    Plan,
    /// By a plan that waits for its time: what may be over by then does not count yet.
    Later,
}

/// How often rails are run into, and passed. By rail; every rail has its series from the start.
#[derive(Clone)]
pub(crate) struct RailMetrics {
    /// Changes that ran into it when they were to be made, whether they passed or not. Of a change
    /// that is only looked at nothing is counted.
    tripped: IntCounterVec,
    /// Those that passed because the rail was overridden.
    overridden: IntCounterVec,
}

impl RailMetrics {
    /// Fails only if the registry has these names already.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["rail"])?;
            api::Rail::ALL.iter().for_each(|it| drop(counter.with_label_values(&[it.as_str()])));
            Ok::<_, prometheus::Error>(counter)
        };
        let metrics = Self {
            tripped: counter(
                "causeway_rail_tripped_total",
                "Changes that ran into a rail when they were to be made.",
            )?,
            overridden: counter(
                "causeway_rail_overridden_total",
                "Changes that passed a rail by an override.",
            )?,
        };
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// For a registry or the reference page.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![Box::new(self.tripped.clone()), Box::new(self.overridden.clone())]
    }

    #[cfg(test)]
    pub(crate) fn counts(&self, rail: api::Rail) -> (u64, u64) {
        let of = |it: &IntCounterVec| it.with_label_values(&[rail.as_str()]).get();
        (of(&self.tripped), of(&self.overridden))
    }

    /// Of a change that is made now, or refused because of what is `left` of the rails.
    pub(crate) fn count(&self, blocked: &[Blocked], left: &[Blocked]) {
        let add = |to: &IntCounterVec, it: &Blocked| {
            to.with_label_values(&[it.rail.as_str()]).inc();
        };
        blocked.iter().for_each(|it| add(&self.tripped, it));
        if left.is_empty() {
            let passed = blocked.iter().filter(|it| it.overridden_by.is_some());
            passed.for_each(|it| add(&self.overridden, it));
        }
    }
}

/// The rails of one gateway.
pub(crate) struct Rails<'a> {
    pub(crate) config: &'a Config,
    pub(crate) routes: &'a Routes,
    pub(crate) now: Timestamp,
}

impl Rails<'_> {
    /// Everything that `changes`, which were planned on `table`, run into.
    pub(crate) fn hold_against(
        &self,
        table: &Table,
        changes: &Changes,
        refused: &[Refusal],
        way: Way,
    ) -> Vec<Blocked> {
        let policy = policy(&self.config.rails);
        let domains = self.routes.domains();
        let sites = self.routes.sites();
        let window = self.config.rails.freeze.iter().find(|it| it.contains(self.now));
        let window = window.map(ToString::to_string);
        let ourselves = ourselves(self.config, &domains);
        let people = self.routes.recipients().map(|it| it.snapshot());
        let facts = RailFacts {
            policy: &policy,
            table,
            domains: &domains,
            sites: &sites,
            changes,
            refused,
            ourselves: &ourselves,
            target_address: &|key| people.as_ref()?.find(key)?.recipient.target.clone(),
            sync: &|key| {
                let report = self.routes.directory().sync_of(key)?;
                Some(SyncFact {
                    items_total: report.items_total,
                    items_done: report.items_done,
                    age: report.last_sync_at.map(|it| self.now.since(it)),
                })
            },
            frozen: window.as_deref(),
        };
        let tripped = router::rails(&facts);
        let counts = |it: &Tripped| way != Way::Later || !passes(it.rail);
        let mut blocked: Vec<Blocked> =
            tripped.into_iter().filter(counts).map(|it| self.blocked(it, way)).collect();
        if self.config.rails.second_person == SecondPerson::Always && begins(changes, way) {
            blocked.push(second_person("every change of the table has to be agreed on", changes));
        }
        blocked
    }

    fn blocked(&self, it: Tripped, way: Way) -> Blocked {
        let is_large = matches!(it.rail, router::Rail::LargeChange | router::Rail::DomainRow);
        let agreed = self.config.rails.second_person != SecondPerson::Off;
        let (hint, overridable) = match (is_large, way) {
            (true, Way::Direct | Way::Step) if agreed => {
                ("make it a plan, and have it approved: causeway route plan".to_owned(), false)
            }
            (true, Way::Step) => {
                let rail = it.rail.as_str();
                let text = format!(
                    "take fewer mailboxes at a time; or, if it is meant, name the rail: \
                     --override {rail} --reason TEXT"
                );
                (text, true)
            }
            (false, Way::Step) if it.rail == router::Rail::FreezeWindow => {
                ("wait for its end; the steps back are open".to_owned(), true)
            }
            (true, Way::Direct) => {
                let rail = it.rail.as_str();
                let text = format!(
                    "make it a plan, which shows what it does: causeway route plan; \
                     or name the rail: --override {rail} --reason TEXT"
                );
                (text, true)
            }
            (true, _) => (it.hint, !agreed),
            (false, _) => (it.hint, true),
        };
        Blocked {
            rail: rail(it.rail),
            message: it.message,
            hint,
            rows: it.rows as u64,
            examples: it.examples,
            overridable,
            overridden_by: None,
        }
    }
}

/// Whether somebody else has to agree to what is done alone, where everything needs two. Of a move
/// that is to the cutover: what comes after it was begun by two.
fn begins(changes: &Changes, way: Way) -> bool {
    let cuts = |it: &RowChange| it.after.as_ref().is_some_and(|it| it.state == MoveState::Cutover);
    match way {
        Way::Direct => true,
        Way::Step => changes.rows.iter().any(cuts),
        Way::Plan | Way::Later => false,
    }
}

/// What is likely to be another at another time.
const fn passes(rail: router::Rail) -> bool {
    use router::Rail;
    matches!(rail, Rail::SiteNotHealthy | Rail::FreezeWindow | Rail::BatchNotSynced)
}

pub(crate) fn second_person(why: &str, changes: &Changes) -> Blocked {
    Blocked {
        rail: api::Rail::SecondPerson,
        message: why.to_owned(),
        hint: "make it a plan, and ask somebody else for `causeway route approve ID`".to_owned(),
        rows: changes.rows.len() as u64,
        examples: Vec::new(),
        overridable: false,
        overridden_by: None,
    }
}

/// The rails that stay in the way: what is overridden is marked and does not count.
pub(crate) fn left(
    blocked: &mut [Blocked],
    overrides: &[RailOverride],
    by: &str,
    confirmed: bool,
) -> Vec<Blocked> {
    for it in blocked.iter_mut().filter(|it| it.overridable) {
        if overrides.iter().any(|wanted| wanted.rail == it.rail) {
            it.overridden_by = Some(by.to_owned());
        }
    }
    let asks = |it: &Blocked| matches!(it.rail, api::Rail::LargeChange | api::Rail::DomainRow);
    let stays = |it: &&Blocked| it.overridden_by.is_none() && !(confirmed && asks(it));
    blocked.iter().filter(stays).cloned().collect()
}

const fn rail(rail: router::Rail) -> api::Rail {
    match rail {
        router::Rail::LargeChange => api::Rail::LargeChange,
        router::Rail::DomainRow => api::Rail::DomainRow,
        router::Rail::SiteNotHealthy => api::Rail::SiteNotHealthy,
        router::Rail::RecipientRefused => api::Rail::RecipientRefused,
        router::Rail::Loop => api::Rail::Loop,
        router::Rail::BatchNotSynced => api::Rail::BatchNotSynced,
        router::Rail::FreezeWindow => api::Rail::FreezeWindow,
    }
}

fn policy(rails: &config::Rails) -> RailPolicy {
    RailPolicy {
        large_change_rows: rails.large_change_rows,
        large_change_percent: rails.large_change_percent,
        large_change_percent_from: rails.large_change_percent_from,
        domain_row: rails.domain_row,
        site_not_healthy: rails.site_not_healthy,
        loops: rails.loops,
        batch_synced: match rails.batch_synced {
            BatchSynced::Off => router::BatchSynced::Off,
            BatchSynced::WhenReported => router::BatchSynced::WhenReported,
            BatchSynced::Required => router::BatchSynced::Required,
        },
        batch_synced_age: rails.batch_synced_age,
    }
}

/// Sites that are found by the MX of a domain of ours, which leads here.
fn ourselves(config: &Config, domains: &Domains) -> Vec<SiteName> {
    let leads_here = |it: &&config::Site| match &it.hosts {
        Hosts::Mx(domain) => domains.is_relay_domain(domain),
        Hosts::List(hosts) => hosts.iter().any(|it| is_own_name(config, it)),
    };
    config.sites.iter().filter(leads_here).map(|it| it.name.clone()).collect()
}

fn is_own_name(config: &Config, host: &config::HostPort) -> bool {
    match &host.host {
        config::Host::Name(name) => *name == config.server.hostname && host.port == 25,
        config::Host::Ip(_) => false,
    }
}

/// What the future homes said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) refused: Vec<Refusal>,
    /// Recipients that a site said nothing of, with a reason of one of them.
    pub(crate) unknown: u64,
    pub(crate) why: Option<String>,
    /// The time was up before all were asked.
    pub(crate) late: bool,
}

/// Recipients asked for in one go; their answers come before the next.
const ASKED_AT_ONCE: usize = 100;
/// Once so many of a site's recipients in a row had no answer, the rest is not asked.
const SILENT_MAX: usize = ASKED_AT_ONCE;

/// Asks the future homes for their recipients, at their pace, until `deadline` if there is one.
pub(crate) async fn ask(
    delivery: &Delivery,
    sites: Vec<(SiteName, Vec<(Address, Address)>)>,
    time_max: Option<Duration>,
) -> Asked {
    let mut asked = Asked::default();
    let started = tokio::time::Instant::now();
    for (site, all) in sites {
        let mut silent = 0;
        for part in all.chunks(ASKED_AT_ONCE) {
            let late = time_max.is_some_and(|it| started.elapsed() >= it);
            if silent >= SILENT_MAX || late {
                asked.unknown += part.len() as u64;
                asked.late |= late;
                continue;
            }
            let onward = part.iter().map(|it| it.1.clone()).collect();
            let verdicts = delivery.verify_onward(&site, onward);
            let verdicts = match time_max {
                None => verdicts.await,
                Some(max) => {
                    let left = max.saturating_sub(started.elapsed());
                    let answered = tokio::time::timeout(left, verdicts).await;
                    asked.late |= answered.is_err();
                    answered.unwrap_or_default()
                }
            };
            let silent_before = asked.unknown;
            asked.unknown += part.len().saturating_sub(verdicts.len()) as u64;
            for ((address, _), verdict) in part.iter().zip(verdicts) {
                match verdict {
                    RecipientVerdict::Accepted => (),
                    RecipientVerdict::Refused(reply) => asked.refused.push(Refusal {
                        recipient: address.to_string(),
                        site: site.clone(),
                        reply: reply.to_string(),
                    }),
                    RecipientVerdict::Unknown(why) => {
                        asked.unknown += 1;
                        asked.why = Some(format!("{site}: {why}"));
                    }
                }
            }
            let all_silent = asked.unknown - silent_before == part.len() as u64;
            silent = if all_silent { silent + part.len() } else { 0 };
        }
    }
    asked
}
