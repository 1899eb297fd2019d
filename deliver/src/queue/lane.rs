//! The queue of one hop, in which mail for one mailbox keeps its order.
//!
//! ```text
//!   fresh ───┐                   ┌──────── again ◄── its connection died
//!            ├── two to one ──►  │ claim every mailbox of the leg
//!   next ────┤                   ├── first in line for each ──► in flight
//!   backlog ─┘                   └── not first ──► parked behind the leg that is ──► next
//! ```
//!
//! What arrives while the hop is closed, or for a mailbox that has mail in the backlog, joins the
//! backlog; everything else is fresh. So live mail does not wait behind a drain, and still never
//! overtakes older mail of its own mailbox.

use std::collections::{HashMap, VecDeque};

use super::IdMap;
use super::leg::{Leg, LegId, LegRecipient, Place};

/// Fresh legs taken for each one of the backlog while both wait.
const FRESH_PER_BACKLOG: u8 = 2;
/// Legs looked at for one that can go, before others have their turn on the lock.
const LOOKED_AT_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Lane {
    fresh: VecDeque<LegId>,
    backlog: VecDeque<LegId>,
    /// They hold their mailboxes and came back unattempted.
    again: VecDeque<LegId>,
    /// They hold their mailboxes since the one before them was done.
    next: VecDeque<LegId>,
    /// Legs in the backlog of each mailbox.
    backlog_of: HashMap<u64, u32>,
    /// Fresh legs of each mailbox, counted while there is a backlog. They are all older than the
    /// legs of that mailbox in the backlog, because a younger one would have joined those.
    fresh_of: HashMap<u64, u32>,
    /// Who is in line for each mailbox; the front one holds it.
    claims: HashMap<u64, VecDeque<LegId>>,
    turn: u8,
}

impl Lane {
    /// Legs that could be taken, not counting the parked ones. An upper bound: legs that left by
    /// another door are only noticed when their turn comes.
    pub(super) fn waiting(&self) -> usize {
        self.fresh.len() + self.backlog.len() + self.again.len() + self.next.len()
    }

    /// Adds a leg at the end.
    pub(super) fn push(&mut self, id: LegId, leg: &mut Leg, open: bool) {
        let behind = leg.recipients.iter().any(|it| self.backlog_of.contains_key(&it.mailbox));
        if open && !behind {
            leg.place = Place::Fresh;
            if !self.backlog_of.is_empty() {
                count_in(&mut self.fresh_of, leg);
            }
            self.fresh.push_back(id);
        } else {
            leg.place = Place::Backlog;
            count_in(&mut self.backlog_of, leg);
            self.backlog.push_back(id);
        }
    }

    /// The hop closed: what was fresh is backlog now, in front of what already was, which is
    /// younger wherever they share a mailbox. Returns the legs whose bodies need not stay in memory.
    pub(super) fn close(&mut self, legs: &mut IdMap<Leg>) -> Vec<LegId> {
        let fresh = std::mem::take(&mut self.fresh);
        self.fresh_of.clear();
        let mut moved = Vec::with_capacity(fresh.len());
        for id in fresh.into_iter().rev() {
            if let Some(leg) = legs.get_mut(&id).filter(|it| it.place == Place::Fresh) {
                leg.place = Place::Backlog;
                count_in(&mut self.backlog_of, leg);
                self.backlog.push_front(id);
                moved.push(id);
            }
        }
        moved
    }

    /// The next leg that may be attempted; it is in flight from here on. `None` with mail still
    /// waiting: ask again after a pause.
    pub(super) fn pop(&mut self, legs: &mut IdMap<Leg>) -> Option<LegId> {
        for _ in 0..LOOKED_AT_MAX {
            let (id, place) = self.pop_any(legs)?;
            let Some(leg) = legs.get_mut(&id).filter(|it| it.place == place) else { continue };
            self.uncount(leg);
            if place == Place::Next || self.claim(id, leg) {
                leg.place = Place::InFlight;
                return Some(id);
            }
            leg.place = Place::Parked;
        }
        None
    }

    /// Whose turn it is, and where it ought to be: it may have left by another door.
    fn pop_any(&mut self, legs: &IdMap<Leg>) -> Option<(LegId, Place)> {
        if let Some(id) = self.again.pop_front() {
            return Some((id, Place::Next));
        }
        let old_waits = self.next.is_empty() && self.backlog_must_wait(legs);
        let fresh_first = self.turn < FRESH_PER_BACKLOG || old_waits;
        self.turn = if fresh_first { self.turn.saturating_add(1) } else { 0 };
        if fresh_first && let Some(id) = self.fresh.pop_front() {
            return Some((id, Place::Fresh));
        }
        if let Some(id) = self.next.pop_front() {
            return Some((id, Place::Next));
        }
        if let Some(id) = self.backlog.pop_front() {
            return Some((id, Place::Backlog));
        }
        self.fresh.pop_front().map(|id| (id, Place::Fresh))
    }

    /// Older mail of a mailbox may still be among the fresh.
    fn backlog_must_wait(&self, legs: &IdMap<Leg>) -> bool {
        let front = self.backlog.front().and_then(|it| legs.get(it));
        front.is_some_and(|leg| {
            leg.recipients.iter().any(|it| self.fresh_of.contains_key(&it.mailbox))
        })
    }

    /// A leg is no longer fresh, or no longer in the backlog.
    fn uncount(&mut self, leg: &Leg) {
        match leg.place {
            Place::Fresh => count_out(&mut self.fresh_of, &leg.recipients),
            Place::Backlog => {
                count_out(&mut self.backlog_of, &leg.recipients);
                if self.backlog_of.is_empty() {
                    self.fresh_of.clear();
                }
            }
            _ => (),
        }
    }

    /// Gets in line for each mailbox; true when the leg is first everywhere.
    fn claim(&mut self, id: LegId, leg: &Leg) -> bool {
        let mut first = true;
        for recipient in &leg.recipients {
            let line = self.claims.entry(recipient.mailbox).or_default();
            // Two recipients of one message may be one mailbox.
            if line.back() != Some(&id) {
                line.push_back(id);
            }
            first &= line.front() == Some(&id);
        }
        first
    }

    fn is_first(&self, id: LegId, leg: &Leg) -> bool {
        leg.recipients
            .iter()
            .all(|it| self.claims.get(&it.mailbox).and_then(VecDeque::front) == Some(&id))
    }

    /// A leg in flight comes back unattempted: it keeps its place in every line and goes next.
    pub(super) fn again(&mut self, id: LegId, leg: &mut Leg) {
        leg.place = Place::Next;
        self.again.push_front(id);
    }

    /// A leg that had left the lane is the oldest again.
    pub(super) fn put_back(&mut self, id: LegId, leg: &mut Leg) {
        leg.place = Place::Backlog;
        count_in(&mut self.backlog_of, leg);
        self.backlog.push_front(id);
    }

    /// Recipients left a leg; those behind it move up.
    pub(super) fn shrunk(&mut self, id: LegId, gone: &[LegRecipient], legs: &mut IdMap<Leg>) {
        let Some(leg) = legs.get(&id) else { return };
        match leg.place {
            Place::Fresh => count_out(&mut self.fresh_of, gone),
            Place::Backlog => count_out(&mut self.backlog_of, gone),
            Place::Parked | Place::Next | Place::InFlight => {
                let still: Vec<u64> = leg.recipients.iter().map(|it| it.mailbox).collect();
                for recipient in gone.iter().filter(|it| !still.contains(&it.mailbox)) {
                    self.unclaim(id, recipient.mailbox, legs);
                }
                self.promote(id, legs);
            }
            Place::Deferred | Place::Held => (),
        }
    }

    /// A leg leaves the lane, from wherever it is. Those behind it move up.
    pub(super) fn leave(&mut self, id: LegId, legs: &mut IdMap<Leg>) {
        let Some(leg) = legs.get(&id) else { return };
        match leg.place {
            Place::Fresh | Place::Backlog => self.uncount(leg),
            Place::Parked | Place::Next | Place::InFlight => {
                let mailboxes: Vec<u64> = leg.recipients.iter().map(|it| it.mailbox).collect();
                for mailbox in mailboxes {
                    self.unclaim(id, mailbox, legs);
                }
            }
            Place::Deferred | Place::Held => (),
        }
    }

    fn unclaim(&mut self, id: LegId, mailbox: u64, legs: &mut IdMap<Leg>) {
        let Some(line) = self.claims.get_mut(&mailbox) else { return };
        match line.front() {
            Some(front) if *front == id => drop(line.pop_front()),
            _ => line.retain(|it| *it != id),
        }
        let Some(&successor) = line.front() else {
            self.claims.remove(&mailbox);
            return;
        };
        self.promote(successor, legs);
    }

    /// A parked leg that is first in every line goes next.
    fn promote(&mut self, id: LegId, legs: &mut IdMap<Leg>) {
        let first = |it: &&mut Leg| it.place == Place::Parked && self.is_first(id, it);
        if let Some(leg) = legs.get_mut(&id).filter(first) {
            leg.place = Place::Next;
            self.next.push_back(id);
        }
    }
}

fn count_in(counts: &mut HashMap<u64, u32>, leg: &Leg) {
    for recipient in &leg.recipients {
        *counts.entry(recipient.mailbox).or_default() += 1;
    }
}

fn count_out(counts: &mut HashMap<u64, u32>, recipients: &[LegRecipient]) {
    for recipient in recipients {
        if let Some(count) = counts.get_mut(&recipient.mailbox) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&recipient.mailbox);
            }
        }
    }
}
