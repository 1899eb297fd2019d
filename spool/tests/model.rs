//! Any sequence of what a gateway does, with crashes in between, against a table in memory.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{TestClock, World, body, deferred, delivered, open};
use mail::{SpoolId, Timestamp};
use proptest::prelude::*;
use spool::sim::{Hands, SimDisk};
use spool::{Event, Recovered, Spool, What};

#[derive(Clone, Debug)]
enum Step {
    Accept {
        bytes: usize,
        recipients: u16,
    },
    /// `nth` of what was accepted; the rest of it after `skip` recipients.
    Settle {
        nth: usize,
        skip: u16,
    },
    Post {
        nth: usize,
    },
    Defer {
        nth: usize,
        due: u64,
    },
    Hold {
        nth: usize,
    },
    Release {
        nth: usize,
    },
    Keep,
    Stop,
    Kill,
    PowerCut {
        seed: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let nth = || 0..50_usize;
    prop_oneof![
        6 => (0..12_000_usize, 1..5_u16)
            .prop_map(|(bytes, recipients)| Step::Accept { bytes, recipients }),
        1 => (100..200_usize, 60..130_u16)
            .prop_map(|(bytes, recipients)| Step::Accept { bytes, recipients }),
        4 => (nth(), 0..3_u16).prop_map(|(nth, skip)| Step::Settle { nth, skip }),
        3 => nth().prop_map(|nth| Step::Post { nth }),
        2 => (nth(), 1..9_u64).prop_map(|(nth, due)| Step::Defer { nth, due }),
        1 => nth().prop_map(|nth| Step::Hold { nth }),
        1 => nth().prop_map(|nth| Step::Release { nth }),
        2 => Just(Step::Keep),
        1 => Just(Step::Stop),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(|seed| Step::PowerCut { seed }),
    ]
}

/// What is known of the first recipient of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct First {
    attempts: u32,
    first_failed_at: Option<Timestamp>,
    due: Option<Timestamp>,
    held_by: Option<String>,
}

struct Model {
    clock: Arc<TestClock>,
    disk: SimDisk,
    spool: Spool,
    hands: Option<Hands>,
    world: World,
    accepted: Vec<SpoolId>,
    firsts: BTreeMap<SpoolId, First>,
    n: usize,
}

impl Model {
    fn new() -> Self {
        let (disk, clock) = (SimDisk::new(), TestClock::new());
        let (spool, _, hands) = open(&disk, &clock).unwrap();
        Self {
            clock,
            disk,
            spool,
            hands: Some(hands),
            world: World::default(),
            accepted: Vec::new(),
            firsts: BTreeMap::new(),
            n: 0,
        }
    }

    fn nth(&self, nth: usize) -> Option<SpoolId> {
        let waiting: Vec<&SpoolId> = self
            .accepted
            .iter()
            .filter(|it| {
                let sent = &self.world.sent[*it];
                sent.posted.len() < usize::from(sent.recipients)
            })
            .collect();
        (!waiting.is_empty()).then(|| *waiting[nth % waiting.len()])
    }

    fn open_recipients(&self, id: SpoolId) -> Vec<u16> {
        let sent = &self.world.sent[&id];
        (0..sent.recipients).filter(|it| !sent.posted.contains(it)).collect()
    }

    fn run(&mut self, step: &Step) {
        let mut hands = self.hands.take().unwrap();
        match step {
            Step::Accept { bytes, recipients } => {
                self.n += 1;
                let body = body(self.n, *bytes);
                let id = self.world.accept(&mut hands, &self.spool, &body, *recipients);
                self.accepted.push(id.unwrap());
            }
            Step::Settle { nth, skip } => {
                if let Some(id) = self.nth(*nth) {
                    let of: Vec<u16> =
                        self.open_recipients(id).into_iter().skip(usize::from(*skip)).collect();
                    self.world.settle(&mut hands, &self.spool, Some(id), &of);
                }
            }
            Step::Post { nth } => {
                if let Some(id) = self.nth(*nth) {
                    let of = self.open_recipients(id);
                    self.world.post(&self.spool, Some(id), &of);
                }
            }
            Step::Defer { nth, due } => {
                if let Some(id) = self.nth(*nth) {
                    let first = self.firsts.entry(id).or_default();
                    first.attempts += 1;
                    let due = Timestamp::from_micros(*due);
                    let event = deferred(id, vec![0], first.attempts, due);
                    first.first_failed_at = first.first_failed_at.or(Some(event.at));
                    first.due = Some(due);
                    hands.settle(&self.spool, event).unwrap();
                }
            }
            Step::Hold { nth } => self.say(&mut hands, *nth, Some("ann")),
            Step::Release { nth } => self.say(&mut hands, *nth, None),
            Step::Keep => hands.keep(),
            Step::Stop => {
                hands.close();
                let disk = self.disk.after_kill();
                return self.restart(disk, false);
            }
            Step::Kill => return self.restart(self.disk.after_kill(), true),
            Step::PowerCut { seed } => {
                return self.restart(self.disk.after_power_cut(*seed), true);
            }
        }
        self.hands = Some(hands);
    }

    fn say(&mut self, hands: &mut Hands, nth: usize, held_by: Option<&str>) {
        let Some(id) = self.nth(nth) else { return };
        self.firsts.entry(id).or_default().held_by = held_by.map(Into::into);
        let by = || "ann".to_owned();
        let what = match held_by {
            Some(_) => What::Held { by: by(), why: String::new() },
            None => What::Released { by: by() },
        };
        let event = Event { id, recipients: vec![0], at: Timestamp::from_micros(5), what };
        hands.settle(&self.spool, event).unwrap();
    }

    fn restart(&mut self, disk: SimDisk, unclean: bool) {
        let (spool, recovered, hands) = open(&disk, &self.clock).unwrap();
        self.world.check(&spool, &recovered, true);
        self.world.check_ledger(&spool);
        for it in &recovered {
            self.check_first(it, unclean);
        }
        self.take_as_fact(&recovered);
        (self.disk, self.spool, self.hands) = (disk, spool, Some(hands));
    }

    fn check_first(&self, found: &Recovered, unclean: bool) {
        let state = &found.recipients[0];
        let expected = self.firsts.get(&found.id).cloned().unwrap_or_default();
        let first = First {
            attempts: state.attempts,
            first_failed_at: state.first_failed_at,
            due: state.due,
            held_by: state.held_by.clone(),
        };
        assert_eq!(first, expected, "{}", found.id);
        let waits = !state.settled && expected.held_by.is_none();
        assert!(state.maybe_duplicate || !(unclean && waits), "{} was in flight", found.id);
        assert!(!state.maybe_duplicate || waits);
    }

    /// What was posted and nobody waited for is there or not: from now on that is known.
    fn take_as_fact(&mut self, recovered: &[Recovered]) {
        let found: BTreeMap<SpoolId, &Recovered> = recovered.iter().map(|it| (it.id, it)).collect();
        for (id, sent) in &mut self.world.sent {
            let settled = |it: &u16| {
                found.get(id).is_none_or(|found| found.recipients[usize::from(*it)].settled)
            };
            sent.posted = (0..sent.recipients).filter(settled).collect();
            sent.settled = sent.posted.clone();
        }
    }
}

/// As many as `PROPTEST_CASES` says, or few enough for every day.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Every recipient is where the table says, and the books balance, after every restart.
    #[test]
    fn the_spool_is_a_table_that_survives(steps in prop::collection::vec(step(), 1..120)) {
        let mut model = Model::new();
        for step in &steps {
            model.run(step);
        }
        model.run(&Step::Kill);
        model.run(&Step::Keep);
        model.run(&Step::PowerCut { seed: 0 });
        prop_assert!(model.hands.is_some());
    }
}

#[test]
fn events_after_a_compaction_are_in_order() {
    let mut model = Model::new();
    model.run(&Step::Accept { bytes: 200, recipients: 2 });
    for n in 1..6 {
        model.run(&Step::Defer { nth: 0, due: n });
        for _ in 0..8 {
            model.run(&Step::Accept { bytes: 8000, recipients: 1 });
            model.run(&Step::Settle { nth: 1, skip: 0 });
        }
        model.run(&Step::Keep);
        model.run(&Step::Kill);
    }
    let id = model.accepted[0];
    assert_eq!(model.firsts[&id].attempts, 5);
    let _ = delivered(id, vec![]);
}

/// Once a fact of the first run was in a file behind those of the second.
#[test]
fn the_books_balance_when_an_old_run_is_repaired_late() {
    let mut model = Model::new();
    for n in 0..12 {
        model.run(&Step::Accept { bytes: 7000, recipients: 2 });
        model.run(&Step::Post { nth: n });
    }
    model.run(&Step::Accept { bytes: 100, recipients: 4 });
    model.run(&Step::Keep);
    model.run(&Step::Stop);
    model.run(&Step::Settle { nth: 0, skip: 0 });
    model.run(&Step::Stop);
    model.run(&Step::PowerCut { seed: 7 });
    model.run(&Step::Kill);
}
