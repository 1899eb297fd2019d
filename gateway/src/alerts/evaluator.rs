//! From what is true now to alerts that begin and end. Pure: `now` is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{Alert, AlertState};
use mail::Timestamp;

use super::rules::Condition;

/// What has ended is shown for so long.
const SHOWN_FOR: Duration = Duration::from_secs(3600);
/// And no more than so many.
const ENDED_MAX: usize = 100;

type Key = (&'static str, BTreeMap<String, String>);

#[derive(Default)]
pub(super) struct Evaluator {
    open: BTreeMap<Key, Open>,
    ended: Vec<(Timestamp, Alert)>,
}

struct Open {
    began: Timestamp,
    alert: Alert,
}

impl Evaluator {
    /// Takes note of what is true now; gives the alerts that have begun or ended.
    pub(super) fn step(&mut self, now: Timestamp, conditions: Vec<Condition>) -> Vec<Alert> {
        let mut changed = Vec::new();
        let mut still = BTreeMap::new();
        for condition in conditions {
            let key = (condition.name, condition.labels.clone());
            let was = self.open.remove(&key);
            let began = was.as_ref().map_or(now, |it| it.began);
            let fired = was.as_ref().is_some_and(|it| it.alert.state == AlertState::Firing);
            let fires = now.since(began) >= condition.hold;
            let mut alert = alert(condition, began);
            if fired || fires {
                alert.state = AlertState::Firing;
                alert.since = match &was {
                    Some(was) if fired => was.alert.since.clone(),
                    _ => now.to_string(),
                };
            }
            if fires && !fired {
                changed.push(alert.clone());
            }
            still.insert(key, Open { began, alert });
        }
        for (_, over) in std::mem::replace(&mut self.open, still) {
            if over.alert.state == AlertState::Firing {
                let since = now.to_string();
                let ended = Alert { state: AlertState::Resolved, since, ..over.alert };
                changed.push(ended.clone());
                self.ended.push((now, ended));
            }
        }
        self.ended.retain(|(at, _)| now.since(*at) < SHOWN_FOR);
        let too_many = self.ended.len().saturating_sub(ENDED_MAX);
        self.ended.drain(..too_many);
        changed
    }

    /// Names of those that fire, one for each.
    pub(super) fn firing(&self) -> Vec<&'static str> {
        let firing = self.open.iter().filter(|(_, it)| it.alert.state == AlertState::Firing);
        firing.map(|((name, _), _)| *name).collect()
    }

    /// Firing first, then what is about to, then what has ended; each the gravest first.
    pub(super) fn list(&self) -> Vec<Alert> {
        let ended = self.ended.iter().rev().map(|it| &it.1);
        let mut all: Vec<Alert> =
            self.open.values().map(|it| &it.alert).chain(ended).cloned().collect();
        let rank = |it: &Alert| match it.state {
            AlertState::Firing => 0,
            AlertState::Pending => 1,
            AlertState::Resolved => 2,
        };
        all.sort_by_key(|it| (rank(it), std::cmp::Reverse(it.severity)));
        all
    }
}

fn alert(condition: Condition, began: Timestamp) -> Alert {
    Alert {
        name: condition.name.to_owned(),
        severity: condition.severity,
        state: AlertState::Pending,
        since: began.to_string(),
        summary: condition.summary,
        runbook: format!("/help/{}", condition.page),
        labels: condition.labels,
    }
}

#[cfg(test)]
mod tests {
    use api::SiteState;

    use super::super::rules::{DirectoryFact, Facts, NAMES, SiteFact, conditions};
    use super::*;

    fn settings() -> config::Alerts {
        config::Alerts {
            site_after: Duration::from_secs(60),
            mail_waits_over: Duration::from_secs(3600),
            free_bytes_under: 1000,
            certificate_within: Duration::from_secs(14 * 86_400),
            directory_after: Duration::from_secs(900),
            break_glass_for: Some(Duration::from_secs(3600)),
            ledger_every: None,
            no_mail_for: Some(Duration::from_secs(7200)),
            working_hours: Vec::new(),
            mail_to: None,
            webhook: None,
            webhook_ca_file: None,
            webhook_timeout: Duration::from_secs(5),
        }
    }

    fn healthy() -> Facts {
        Facts { free_bytes: 5000, ..Facts::default() }
    }

    fn site(state: SiteState, oldest_s: u64) -> SiteFact {
        let oldest = Some(Duration::from_secs(oldest_s));
        SiteFact { name: "cloud".into(), state, reason: Some("refused".into()), oldest }
    }

    /// Steps through facts at seconds; each change as `second name state`.
    fn run(story: &[(u64, Facts)]) -> Vec<String> {
        let mut evaluator = Evaluator::default();
        let mut said = Vec::new();
        for (second, facts) in story {
            let now = Timestamp::from_micros(second * 1_000_000);
            for alert in evaluator.step(now, conditions(facts, &settings(), now)) {
                assert!(admin::has_page(alert.runbook.trim_start_matches("/help/")));
                said.push(format!("{second} {} {:?}", alert.name, alert.state));
            }
        }
        said
    }

    #[test]
    fn a_site_that_is_down_for_a_moment_is_no_alert_and_for_a_minute_is_one() {
        let down = Facts { sites: vec![site(SiteState::Down, 0)], ..healthy() };
        assert_eq!(run(&[(0, down.clone()), (59, down.clone()), (60, healthy())]), [""; 0]);
        let story = [
            (0, down.clone()),
            (60, down.clone()),
            (300, down),
            (305, healthy()),
            (310, healthy()),
        ];
        assert_eq!(run(&story), ["60 SiteDown Firing", "305 SiteDown Resolved"]);
    }

    #[test]
    fn a_site_that_goes_from_down_to_held_is_another_alert() {
        let with = |state| Facts { sites: vec![site(state, 0)], ..healthy() };
        let story = [
            (0, with(SiteState::Down)),
            (60, with(SiteState::Down)),
            (65, with(SiteState::Held)),
            (125, with(SiteState::Held)),
        ];
        let expected = ["60 SiteDown Firing", "65 SiteDown Resolved", "125 SiteHeld Firing"];
        assert_eq!(run(&story), expected);
    }

    #[test]
    fn mail_that_waits_disks_damage_and_certificates_are_alerts() {
        let old = Facts { sites: vec![site(SiteState::Up, 3601)], ..healthy() };
        assert_eq!(run(&[(0, old)]), ["0 MailWaits Firing"]);
        let full = Facts { full: Some("no room".into()), ..healthy() };
        assert_eq!(run(&[(0, full)]), ["0 SpoolFull Firing"]);
        let low = Facts { free_bytes: 999, ..healthy() };
        assert_eq!(run(&[(0, low.clone()), (60, low)]), ["60 DiskFillsUp Firing"]);
        let stuck = Facts { stuck_segments: 1, ..healthy() };
        assert_eq!(run(&[(0, stuck)]), ["0 DamageOnDisk Firing"]);
        let at = Timestamp::from_micros(15 * 86_400 * 1_000_000);
        let soon = Facts { certificates: vec![("mx".into(), at)], ..healthy() };
        assert_eq!(run(&[(0, soon.clone()), (86_400, soon)]), ["86400 CertificateExpires Firing"]);
    }

    #[test]
    fn directories_glass_ledger_and_silence_are_alerts_that_end() {
        let stale = DirectoryFact { name: "ad".into(), why: Some("no route".into()) };
        let stale = Facts { directories: vec![stale], ..healthy() };
        let story = [(0, stale.clone()), (899, stale.clone()), (900, stale), (905, healthy())];
        assert_eq!(run(&story), ["900 DirectoryStale Firing", "905 DirectoryStale Resolved"]);
        let used = |second: u64| Facts {
            glass: Some((Timestamp::from_micros(second * 1_000_000), "PUT /x from ::1".into())),
            ..healthy()
        };
        let story = [(0, used(0)), (3599, used(0)), (3600, used(3599)), (7199, used(3599))];
        assert_eq!(run(&story), ["0 BreakGlassUsed Firing", "7199 BreakGlassUsed Resolved"]);
        let wrong = Facts { ledger: Some("record 7 twice".into()), ..healthy() };
        let story = [(0, wrong), (3600, healthy())];
        assert_eq!(run(&story), ["0 LedgerUnbalanced Firing", "3600 LedgerUnbalanced Resolved"]);
        let quiet = |seconds| Facts { quiet: Some(Duration::from_secs(seconds)), ..healthy() };
        let story = [(0, quiet(7199)), (5, quiet(7200)), (10, quiet(0))];
        assert_eq!(run(&story), ["5 NoInboundMail Firing", "10 NoInboundMail Resolved"]);
    }

    #[test]
    fn every_name_has_a_series() {
        let source = concat!(include_str!("rules.rs"), include_str!("happened.rs"));
        let names = source.split("name: \"").skip(1).filter_map(|it| it.split('"').next());
        let wrong: Vec<&str> = names.filter(|it| !NAMES.contains(it)).collect();
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn what_has_ended_is_shown_for_an_hour() {
        let mut evaluator = Evaluator::default();
        let at = |second: u64| Timestamp::from_micros(second * 1_000_000);
        let full = Facts { full: Some("no room".into()), ..healthy() };
        evaluator.step(at(0), conditions(&full, &settings(), at(0)));
        evaluator.step(at(5), Vec::new());
        assert_eq!(evaluator.list().len(), 1);
        evaluator.step(at(3605), Vec::new());
        assert_eq!(evaluator.list().len(), 0);
    }
}
