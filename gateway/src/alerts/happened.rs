//! What happened once and wants a person for a while: an alert until what ends it comes, or a day goes by.
//! In memory, as alerts are.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use api::Severity;
use mail::{AddressKey, Timestamp};
use parking_lot::Mutex;
use router::MoveState;

use super::rules::Condition;

/// Nobody looks into it after that.
const TOLD_FOR: Duration = Duration::from_secs(86_400);
/// Of each kind; beyond, the oldest go.
const KEPT_MAX: usize = 100;
/// Mailboxes of one cutover that are looked at: whoever moves thousands begins again with all of them.
const MAILBOXES_MAX: usize = 1000;

#[derive(Default)]
pub(crate) struct Happened {
    canaries: Mutex<VecDeque<Canary>>,
    cutovers: Mutex<VecDeque<Ended>>,
}

struct Canary {
    plan: String,
    why: String,
    at: Timestamp,
}

/// Cutovers that took too long and were ended together.
struct Ended {
    generation: u64,
    reason: String,
    n: u64,
    /// Where they went back to.
    mailboxes: Vec<(AddressKey, MoveState)>,
    at: Timestamp,
}

impl Happened {
    pub(crate) fn canary_went_back(&self, plan: &str, why: &str, at: Timestamp) {
        let canary = Canary { plan: plan.to_owned(), why: why.to_owned(), at };
        push(&mut self.canaries.lock(), canary);
    }

    /// Somebody has learnt from the ones before.
    pub(crate) fn plan_applied(&self) {
        self.canaries.lock().clear();
    }

    /// `n` cutovers ended with `generation`; `mailboxes` with the states that they have now.
    pub(crate) fn cutovers_ended(
        &self,
        (generation, n): (u64, u64),
        mut mailboxes: Vec<(AddressKey, MoveState)>,
        reason: &str,
        at: Timestamp,
    ) {
        mailboxes.truncate(MAILBOXES_MAX);
        let ended = Ended { generation, reason: reason.to_owned(), n, mailboxes, at };
        push(&mut self.cutovers.lock(), ended);
    }

    /// What still is an alert. `state` says how far a mailbox is.
    pub(super) fn conditions(
        &self,
        now: Timestamp,
        state: impl Fn(&AddressKey) -> Option<MoveState>,
    ) -> Vec<Condition> {
        let is_new = |at: Timestamp| now.since(at) < TOLD_FOR;
        let mut canaries = self.canaries.lock();
        canaries.retain(|it| is_new(it.at));
        let mut cutovers = self.cutovers.lock();
        cutovers.retain(|it| {
            let stays = |(key, back): &(AddressKey, MoveState)| state(key) == Some(*back);
            is_new(it.at) && it.mailboxes.iter().any(stays)
        });
        canaries.iter().map(canary).chain(cutovers.iter().map(ended)).collect()
    }
}

fn push<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() >= KEPT_MAX {
        kept.pop_front();
    }
    kept.push_back(one);
}

fn canary(it: &Canary) -> Condition {
    Condition {
        name: "CanaryRolledBack",
        severity: Severity::Warning,
        page: "alert-canary-rolled-back",
        hold: Duration::ZERO,
        summary: format!(
            "Plan {} was taken back: {}. Look at these bounces before it is made again",
            it.plan, it.why
        ),
        labels: BTreeMap::from([("plan".to_owned(), it.plan.clone())]),
    }
}

fn ended(it: &Ended) -> Condition {
    Condition {
        name: "CutoverExpired",
        severity: Severity::Warning,
        page: "alert-cutover-expired",
        hold: Duration::ZERO,
        summary: format!(
            "{} mailboxes are back where they were: {}. See why, then move them again",
            it.n, it.reason
        ),
        labels: BTreeMap::from([("generation".to_owned(), it.generation.to_string())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn key(text: &str) -> AddressKey {
        text.parse::<mail::Address>().unwrap().key()
    }

    fn names(happened: &Happened, now: u64, state: Option<MoveState>) -> Vec<&'static str> {
        happened.conditions(at(now), |_| state).iter().map(|it| it.name).collect()
    }

    #[test]
    fn a_canary_that_went_back_is_an_alert_until_a_plan_is_applied_or_a_day_is_over() {
        let happened = Happened::default();
        happened.canary_went_back("p7", "3 of 5 outcomes were bounces", at(0));
        assert_eq!(names(&happened, 5, None), ["CanaryRolledBack"]);
        assert_eq!(names(&happened, 86_399, None), ["CanaryRolledBack"]);
        assert_eq!(names(&happened, 86_400, None), [""; 0]);
        happened.canary_went_back("p8", "4 of 5 outcomes were bounces", at(90_000));
        happened.plan_applied();
        assert_eq!(names(&happened, 90_001, None), [""; 0]);
    }

    #[test]
    fn a_cutover_that_ended_is_an_alert_until_its_mailboxes_are_elsewhere_or_gone() {
        let happened = Happened::default();
        let end = |now| {
            let mailboxes = vec![(key("anna@contoso.example"), MoveState::Syncing)];
            happened.cutovers_ended((7, 1), mailboxes, "too long", at(now));
        };
        end(0);
        assert_eq!(names(&happened, 5, Some(MoveState::Syncing)), ["CutoverExpired"]);
        assert_eq!(names(&happened, 6, Some(MoveState::Cutover)), [""; 0], "moved on");
        assert_eq!(names(&happened, 7, Some(MoveState::Syncing)), [""; 0], "and it has ended");
        end(10);
        assert_eq!(names(&happened, 11, None), [""; 0], "the row is gone");
        end(20);
        assert_eq!(names(&happened, 20 + 86_400, Some(MoveState::Syncing)), [""; 0]);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let happened = Happened::default();
        for n in 0..500 {
            happened.canary_went_back(&format!("p{n}"), "", at(n));
        }
        assert_eq!(names(&happened, 500, None).len(), KEPT_MAX);
    }
}
