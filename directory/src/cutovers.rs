//! Which mailboxes are in cutover now, and since when: kept beside the table, so that whoever
//! bounds cutovers need not read a million rows to find three.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::{AddressKey, Timestamp};
use router::{Changes, MoveState};

/// A mailbox whose mail is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutover {
    pub key: AddressKey,
    /// Of its row.
    pub generation: u64,
    /// When it was cut over. An edit of the row meanwhile, of its note say, does not begin it anew.
    pub since: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Cutovers(Mutex<BTreeMap<AddressKey, Cutover>>);

impl Cutovers {
    pub(crate) fn load(&self, list: impl Iterator<Item = Cutover>) {
        self.rows().extend(list.map(|it| (it.key.clone(), it)));
    }

    /// Of a change that routes.
    pub(crate) fn changed(&self, changes: &Changes) {
        let mut rows = self.rows();
        for change in &changes.rows {
            let Some(key) = change.key() else { continue };
            let before = rows.remove(key).map(|it| it.since);
            if let Some(after) = change.after.as_ref().filter(|it| it.state == MoveState::Cutover) {
                let since = before.unwrap_or(after.changed_at);
                let row = Cutover { key: key.clone(), generation: after.generation, since };
                rows.insert(key.clone(), row);
            }
        }
    }

    pub(crate) fn list(&self) -> Vec<Cutover> {
        self.rows().values().cloned().collect()
    }

    pub(crate) fn get(&self, key: &AddressKey) -> Option<Cutover> {
        self.rows().get(key).cloned()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<AddressKey, Cutover>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says which cutovers have taken too long. A plain value: both clocks are arguments.
///
/// How old a cutover was when it was first seen comes from the wall clock, which somebody may set;
/// from then on it grows by the monotonic clock, which nobody can. So a jump makes no cutover longer
/// than `max` in one run, nor a young one old.
#[derive(Debug, Default)]
pub struct CutoverClock {
    seen: BTreeMap<AddressKey, Seen>,
}

#[derive(Debug)]
struct Seen {
    since: Timestamp,
    age_then: Duration,
    at: Duration,
}

impl CutoverClock {
    /// Of `cutovers`, which are all that there are, those that are `max` old. `moment`: a monotonic
    /// time.
    pub fn due(
        &mut self,
        cutovers: &[Cutover],
        max: Duration,
        now: Timestamp,
        moment: Duration,
    ) -> Vec<Cutover> {
        let mut before = std::mem::take(&mut self.seen);
        let mut due = Vec::new();
        for it in cutovers {
            let known = before.remove(&it.key).filter(|seen| seen.since == it.since);
            let first = || Seen { since: it.since, age_then: now.since(it.since), at: moment };
            let seen = known.unwrap_or_else(first);
            if seen.age_then + moment.saturating_sub(seen.at) >= max {
                due.push(it.clone());
            }
            self.seen.insert(it.key.clone(), seen);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(1800);

    fn at(second: u64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn cutover(generation: u64, since: u64) -> Cutover {
        let key = "anna@contoso.example".parse::<mail::Address>().unwrap().key();
        Cutover { key, generation, since: at(since) }
    }

    /// Whether it is due when the clocks show this.
    fn due(clock: &mut CutoverClock, it: &Cutover, wall: u64, moment: u64) -> bool {
        !clock.due(std::slice::from_ref(it), MAX, at(wall), Duration::from_secs(moment)).is_empty()
    }

    #[test]
    fn a_cutover_is_due_after_its_time_and_stays_due() {
        let (mut clock, it) = (CutoverClock::default(), cutover(2, 10_000));
        assert!(!due(&mut clock, &it, 10_000, 5));
        assert!(!due(&mut clock, &it, 11_799, 1804));
        assert!(due(&mut clock, &it, 11_800, 1805));
        assert!(due(&mut clock, &it, 11_801, 1806), "until somebody ends it");
    }

    #[test]
    fn a_restart_counts_from_the_row() {
        let it = cutover(2, 10_000);
        assert!(due(&mut CutoverClock::default(), &it, 12_000, 1));
        assert!(!due(&mut CutoverClock::default(), &it, 11_000, 1));
    }

    #[test]
    fn a_clock_that_jumps_makes_it_neither_longer_nor_shorter() {
        let (mut clock, it) = (CutoverClock::default(), cutover(2, 10_000));
        assert!(!due(&mut clock, &it, 10_000, 0));
        assert!(!due(&mut clock, &it, 90_000, 60), "an hour forward is not an hour later");
        assert!(!due(&mut clock, &it, 20, 1799));
        assert!(due(&mut clock, &it, 21, 1800), "an hour back is not an hour more");
        // In the future, as seen after a restart: one more time, and not for ever.
        let (mut clock, it) = (CutoverClock::default(), cutover(2, 99_999));
        assert!(!due(&mut clock, &it, 10, 0));
        assert!(due(&mut clock, &it, 10, 1800));
    }

    #[test]
    fn an_edit_meanwhile_does_not_count_and_another_cutover_begins_anew() {
        let mut clock = CutoverClock::default();
        assert!(!due(&mut clock, &cutover(2, 10_000), 10_000, 0));
        assert!(due(&mut clock, &cutover(3, 10_000), 11_800, 1800), "the same one, with a note");
        assert!(!due(&mut clock, &cutover(5, 11_900), 11_900, 1900));
    }
}
