//! Histories of the queues, chosen and random.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mail::{SpoolId, Timestamp};
use proptest::prelude::*;

use super::leg::{Hold, HopIndex, LegId, LegRecipient};
use super::{Batch, NewLeg, NewMessage, Next, Queues, Work};

const NOW: Timestamp = Timestamp::from_micros(1_000_000);
const ALL: Batch = Batch { messages_max: 1000, bytes_max: u64::MAX };

fn queues() -> (Queues<()>, HopIndex) {
    let mut queues = Queues::new(1 << 20);
    let hop = queues.add_hop(true);
    (queues, hop)
}

fn submit(queues: &mut Queues<()>, hop: HopIndex, id: u64, mailboxes: &[u64]) {
    let recipients = (0..).zip(mailboxes).map(|(index, &mailbox)| LegRecipient { index, mailbox });
    let leg = NewLeg {
        hop,
        recipients: recipients.collect(),
        past: None,
        maybe_duplicate: false,
        delay_notified: false,
    };
    let new = NewMessage {
        id: SpoolId::from_u64(id),
        accepted_at: NOW,
        size: 100,
        is_notification: false,
        message: Some(()),
        legs: vec![leg],
    };
    queues.submit(new, NOW);
}

fn ids(works: &[Work<()>]) -> Vec<u64> {
    works.iter().map(|it| it.id.as_u64()).collect()
}

fn all(work: &Work<()>, next: &Next) -> Vec<(u16, Next)> {
    work.recipients.iter().map(|it| (it.index, next.clone())).collect()
}

fn finish(queues: &mut Queues<()>, work: &Work<()>, next: &Next) {
    queues.finish(work.leg, &all(work, next), true, NOW);
}

#[test]
fn mail_for_one_mailbox_goes_one_after_the_other() {
    let (mut queues, hop) = queues();
    submit(&mut queues, hop, 1, &[7]);
    submit(&mut queues, hop, 2, &[7, 8]);
    submit(&mut queues, hop, 3, &[8]);
    submit(&mut queues, hop, 4, &[9]);
    let first = queues.take(hop, ALL, Duration::ZERO);
    assert_eq!(ids(&first), [1, 4], "2 waits for 1, and 3 for 2");
    assert!(queues.take(hop, ALL, Duration::ZERO).is_empty());
    finish(&mut queues, &first[0], &Next::Settled);
    let second = queues.take(hop, ALL, Duration::ZERO);
    assert_eq!(ids(&second), [2]);
    finish(&mut queues, &second[0], &Next::Settled);
    assert_eq!(ids(&queues.take(hop, ALL, Duration::ZERO)), [3]);
}

#[test]
fn what_comes_back_unattempted_keeps_its_place() {
    let (mut queues, hop) = queues();
    submit(&mut queues, hop, 1, &[7]);
    submit(&mut queues, hop, 2, &[7]);
    let works = queues.take(hop, ALL, Duration::ZERO);
    finish(&mut queues, &works[0], &Next::Again);
    assert_eq!(ids(&queues.take(hop, ALL, Duration::ZERO)), [1]);
}

#[test]
fn a_closed_hop_hands_out_nothing_and_drops_bodies() {
    let (mut queues, hop) = queues();
    submit(&mut queues, hop, 1, &[7]);
    assert_eq!(queues.cached_bytes(), 100);
    queues.close(hop);
    submit(&mut queues, hop, 2, &[8]);
    assert_eq!((queues.cached_bytes(), queues.take(hop, ALL, Duration::ZERO).len()), (0, 0));
    queues.open(hop);
    let works = queues.take(hop, ALL, Duration::ZERO);
    assert_eq!(ids(&works), [1, 2]);
    assert!(works.iter().all(|it| it.message.is_none()));
}

#[test]
fn live_mail_does_not_wait_behind_a_backlog_but_never_overtakes_its_own() {
    let (mut queues, hop) = queues();
    queues.close(hop);
    for id in 0..100 {
        submit(&mut queues, hop, id, &[id]);
    }
    queues.open(hop);
    submit(&mut queues, hop, 200, &[1000]);
    submit(&mut queues, hop, 201, &[50]);
    let few = queues.take(hop, Batch { messages_max: 3, bytes_max: u64::MAX }, Duration::ZERO);
    assert!(ids(&few).contains(&200), "{:?}", ids(&few));
    let rest = ids(&queues.take(hop, ALL, Duration::ZERO));
    assert!(rest.contains(&50) && !rest.contains(&201), "201 waits for 50, which is in flight");
}

#[test]
fn recipients_with_different_fates_go_different_ways() {
    let (mut queues, hop) = queues();
    let other = queues.add_hop(true);
    submit(&mut queues, hop, 1, &[1, 2, 3, 4]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    let due = NOW.plus(Duration::from_secs(60));
    let later = Next::Later { due, reply: "452 4.2.2 full".into(), maybe_duplicate: false };
    let fates =
        [(0, Next::Settled), (1, later), (2, Next::Hop(other)), (3, Next::Hold(Hold::Loop))];
    queues.finish(work.leg, &fates, true, NOW);
    assert_eq!(queues.counts(hop).deferred, 1);
    assert_eq!(queues.counts(hop).held, 1);
    assert_eq!(queues.take(other, ALL, Duration::ZERO)[0].recipients[0].index, 2);
    assert!(queues.tick(NOW).is_empty());
    assert_eq!(queues.tick(due), [hop]);
    let again = queues.take(hop, ALL, Duration::ZERO);
    assert_eq!((again[0].recipients[0].index, again[0].attempts), (1, 1));
}

fn hold(by: &str) -> Hold {
    Hold::Operator { by: by.into(), why: String::new() }
}

/// A leg of two recipients that waits for a person.
fn held(queues: &mut Queues<()>, hop: HopIndex, id: u64) -> LegId {
    submit(queues, hop, id, &[id, id + 1000]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    finish(queues, &work, &Next::Hold(hold("anna")));
    let found = queues.waiting_for(&HashSet::from([id]));
    assert_eq!((found.len(), queues.counts(hop).held), (1, 1));
    found[0]
}

#[test]
fn a_held_leg_is_found_by_its_mailbox_and_released() {
    let (mut queues, hop) = queues();
    let leg = held(&mut queues, hop, 9);
    assert!(queues.take(hop, ALL, Duration::ZERO).is_empty());
    assert_eq!(queues.release(leg, NOW), Some(hop));
    assert_eq!(ids(&queues.take(hop, ALL, Duration::ZERO)), [9]);
}

#[test]
fn a_held_leg_that_was_seized_in_vain_is_held_again() {
    let (mut queues, hop) = queues();
    let leg = held(&mut queues, hop, 9);
    let work = queues.seize(leg).unwrap();
    finish(&mut queues, &work, &Next::Again);
    assert_eq!((queues.counts(hop).held, queues.counts(hop).in_flight), (1, 0));
    assert!(queues.take(hop, ALL, Duration::ZERO).is_empty());
}

#[test]
fn giving_up_one_recipient_of_a_held_leg_leaves_the_other_held() {
    let (mut queues, hop) = queues();
    let leg = held(&mut queues, hop, 9);
    let one = queues.split(leg, &[1], NOW).unwrap();
    assert_ne!(one, leg);
    assert_eq!(queues.counts(hop).held, 2);
    let work = queues.seize(one).unwrap();
    finish(&mut queues, &work, &Next::Settled);
    assert_eq!(queues.counts(hop).held, 1);
    assert_eq!(queues.leg(leg).unwrap().recipients.len(), 1);
    assert_eq!(queues.release(leg, NOW), Some(hop));
    assert_eq!(queues.take(hop, ALL, Duration::ZERO)[0].recipients[0].index, 0);
}

#[test]
fn a_leg_whose_mailbox_moves_while_it_is_in_flight_is_routed_again() {
    let (mut queues, hop) = queues();
    submit(&mut queues, hop, 1, &[7]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    assert!(queues.waiting_for(&HashSet::from([7])).is_empty());
    finish(&mut queues, &work, &Next::Again);
    assert_eq!(queues.take_stale(), [work.leg]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    finish(&mut queues, &work, &Next::Settled);
    assert!(queues.take_stale().is_empty(), "once is enough");
}

#[test]
fn new_mail_waits_behind_mail_that_a_cutover_has_not_let_go_yet() {
    let (mut queues, hop) = queues();
    submit(&mut queues, hop, 1, &[7]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    finish(&mut queues, &work, &Next::Hold(Hold::Cutover));
    let old = queues.waiting_for(&HashSet::from([7]));
    // The table has moved on; 2 is routed as if there was no cutover.
    submit(&mut queues, hop, 2, &[7]);
    assert!(queues.take(hop, ALL, Duration::ZERO).is_empty());
    let new = queues.take_stale();
    for leg in old.iter().chain(&new) {
        queues.seize(*leg).unwrap();
        queues.finish(*leg, &[(0, Next::Hop(hop))], false, NOW);
    }
    let first = queues.take(hop, ALL, Duration::ZERO);
    assert_eq!(ids(&first), [1]);
    finish(&mut queues, &first[0], &Next::Settled);
    assert_eq!(ids(&queues.take(hop, ALL, Duration::ZERO)), [2]);
    submit(&mut queues, hop, 3, &[7]);
    assert_eq!(queues.counts(hop).held, 0, "the cutover is over");
}

#[test]
fn many_legs_that_wait_for_one_mailbox_hide_nobody() {
    let (mut queues, hop) = queues();
    queues.close(hop);
    for id in 0..30_000 {
        submit(&mut queues, hop, id, &[7]);
    }
    submit(&mut queues, hop, 50_000, &[8]);
    queues.open(hop);
    let mut taken = Vec::new();
    for _ in 0..100 {
        taken.extend(ids(&queues.take(hop, ALL, Duration::ZERO)));
    }
    assert_eq!(taken, [0, 50_000]);
    assert_eq!(queues.ready(hop), 0, "nobody looks again in vain");
}

#[test]
fn new_mail_is_not_starved_by_a_backlog_that_is_parked() {
    let (mut queues, hop) = queues();
    queues.close(hop);
    for id in 0..2_000 {
        submit(&mut queues, hop, id, &[id % 4]);
    }
    queues.open(hop);
    let batch = Batch { messages_max: 4, bytes_max: u64::MAX };
    let mut works = queues.take(hop, batch, Duration::ZERO);
    for id in 10_000..10_100 {
        submit(&mut queues, hop, id, &[id]);
        works.drain(..).for_each(|it| finish(&mut queues, &it, &Next::Settled));
        works = queues.take(hop, batch, Duration::ZERO);
    }
    assert!(queues.counts(hop).queued < 1_900);
    let waiting = queues.take(hop, ALL, Duration::ZERO);
    let fresh = ids(&waiting).into_iter().filter(|it| *it >= 10_000).count();
    assert!(fresh < 10, "{fresh} of the new messages still waited");
}

#[test]
fn an_attempt_that_ends_without_a_word_is_made_again_later() {
    let (mut queues, hop) = queues();
    submit(&mut queues, hop, 1, &[7]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    let due = NOW.plus(Duration::from_secs(60));
    queues.drop_taken(work.leg, work.turn + 1, due, NOW);
    assert_eq!(queues.counts(hop).in_flight, 1, "that was another turn");
    queues.drop_taken(work.leg, work.turn, due, NOW);
    assert_eq!(queues.tick(due), [hop]);
    assert!(queues.take(hop, ALL, Duration::ZERO)[0].maybe_duplicate);
}

#[test]
fn a_million_waiting_for_a_closed_hop_cost_the_other_nothing() {
    let (mut queues, open) = queues();
    let closed = queues.add_hop(false);
    for id in 0..100_000 {
        submit(&mut queues, closed, id, &[id % 1000]);
    }
    for id in 200_000..200_100 {
        submit(&mut queues, open, id, &[id]);
        let works = queues.take(open, ALL, Duration::ZERO);
        assert_eq!(ids(&works), [id]);
        finish(&mut queues, &works[0], &Next::Settled);
    }
    assert_eq!(queues.counts(closed).queued, 100_000);
    assert_eq!(queues.messages(), 100_000);
}

#[derive(Clone, Debug)]
enum Op {
    Submit(Vec<u64>),
    Take(usize),
    /// Recipients whose bit is set are settled, the others come back.
    Finish {
        settled: u8,
    },
    Close,
    Open,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => prop::collection::vec(0_u64..6, 1..4).prop_map(Op::Submit),
        2 => (1_usize..5).prop_map(Op::Take),
        3 => prop_oneof![2 => Just(0xff), 1 => any::<u8>()].prop_map(|settled| Op::Finish { settled }),
        1 => Just(Op::Close),
        2 => Just(Op::Open),
    ]
}

proptest! {
    /// Whatever happens, each mailbox gets its mail once and in the order of acceptance.
    #[test]
    fn each_mailbox_gets_its_mail_once_and_in_order(ops in prop::collection::vec(op(), 1..120)) {
        let (mut queues, hop) = queues();
        let mut in_flight: Vec<Work<()>> = Vec::new();
        let mut delivered: HashMap<u64, Vec<u64>> = HashMap::new();
        let mut expected: HashMap<u64, Vec<u64>> = HashMap::new();
        let mut id = 0;
        let settle = |queues: &mut Queues<()>, work: &Work<()>, settled: u8, delivered: &mut HashMap<u64, Vec<u64>>| {
            let mut fates = Vec::new();
            for recipient in &work.recipients {
                if settled & (1 << recipient.index) == 0 {
                    continue;
                }
                fates.push((recipient.index, Next::Settled));
                let list = delivered.entry(recipient.mailbox).or_default();
                if list.last() != Some(&work.id.as_u64()) {
                    list.push(work.id.as_u64());
                }
            }
            queues.finish(work.leg, &fates, true, NOW);
        };
        for op in ops {
            match op {
                Op::Submit(mailboxes) => {
                    id += 1;
                    for mailbox in mailboxes.iter().collect::<HashSet<_>>() {
                        expected.entry(*mailbox).or_default().push(id);
                    }
                    submit(&mut queues, hop, id, &mailboxes);
                }
                Op::Take(n) => {
                    let batch = Batch { messages_max: n, bytes_max: u64::MAX };
                    in_flight.extend(queues.take(hop, batch, Duration::ZERO));
                }
                Op::Finish { settled } if !in_flight.is_empty() => {
                    settle(&mut queues, &in_flight.remove(0), settled, &mut delivered);
                }
                Op::Finish { .. } => (),
                Op::Close => queues.close(hop),
                Op::Open => queues.open(hop),
            }
        }
        queues.open(hop);
        loop {
            in_flight.extend(queues.take(hop, ALL, Duration::ZERO));
            if in_flight.is_empty() {
                break;
            }
            settle(&mut queues, &in_flight.remove(0), 0xff, &mut delivered);
        }
        prop_assert_eq!(&delivered, &expected);
        prop_assert_eq!(queues.messages(), 0);
        prop_assert_eq!(queues.cached_bytes(), 0);
        prop_assert_eq!(queues.counts(hop), super::LaneCounts::default());
    }
}

/// Every leg of the queues with its doubt, by mailbox.
fn doubts(queues: &Queues<()>) -> Vec<(u64, bool)> {
    let legs = queues.ids().into_iter().filter_map(|it| queues.leg(it));
    let mut all: Vec<(u64, bool)> = legs
        .flat_map(|leg| leg.recipients.iter().map(|it| (it.mailbox, leg.maybe_duplicate)))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn a_doubt_is_not_forgotten_when_a_leg_is_split() {
    let (mut queues, hop) = queues();
    let other = queues.add_hop(true);
    submit(&mut queues, hop, 1, &[5, 6, 7, 8]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    let unanswered = Next::Later { due: NOW, reply: "lost".into(), maybe_duplicate: true };
    finish(&mut queues, &work, &unanswered);
    let all = [(5, true), (6, true), (7, true), (8, true)];
    assert_eq!(doubts(&queues), all);

    // By somebody who resolves the doubt of one mailbox.
    let leg = queues.ids()[0];
    let own = queues.split(leg, &[0], NOW).unwrap();
    assert_ne!(own, leg);
    assert_eq!(doubts(&queues), all, "of both halves");
    let seized = queues.seize(own).unwrap();
    assert!(seized.maybe_duplicate);
    queues.finish(seized.leg, &[(0, Next::Again)], false, NOW);
    assert!(queues.clear_doubt(own));
    assert_eq!(doubts(&queues), [(5, false), (6, true), (7, true), (8, true)]);

    // By fates that differ: one is held, one goes elsewhere, one is tried again.
    let rest = queues.seize(leg).unwrap();
    let fates = [(1, Next::Hold(Hold::Cutover)), (2, Next::Hop(other)), (3, Next::Again)];
    queues.finish(rest.leg, &fates, false, NOW);
    assert_eq!(doubts(&queues), [(5, false), (6, true), (7, true), (8, true)]);
    let there = queues.take(other, ALL, Duration::ZERO);
    assert!(there.iter().all(|it| it.maybe_duplicate) && there.len() == 1, "{there:?}");
}

#[test]
fn a_mailbox_that_gets_another_name_is_found_by_it() {
    let (mut queues, hop) = queues();
    let other = queues.add_hop(true);
    submit(&mut queues, hop, 1, &[7, 8]);
    let work = queues.take(hop, ALL, Duration::ZERO).remove(0);
    queues.rename(work.leg, vec![LegRecipient { index: 0, mailbox: 70 }]);
    let fates = [(0, Next::Hold(Hold::Cutover)), (1, Next::Hop(other))];
    queues.finish(work.leg, &fates, false, NOW);
    assert!(queues.waiting_for(&HashSet::from([7])).is_empty());
    let held = queues.waiting_for(&HashSet::from([70]));
    assert_eq!(held.len(), 1);
    assert_eq!(queues.waiting_for(&HashSet::from([8])).len(), 1);
    // New mail for it waits behind what is held, by the same name.
    submit(&mut queues, other, 2, &[70]);
    assert_eq!(queues.counts(other).held, 1);
    let seized = queues.seize(held[0]).unwrap();
    finish(&mut queues, &seized, &Next::Settled);
    assert!(!queues.knows_any([7].into_iter()), "counted out by the name it was counted in");
}
