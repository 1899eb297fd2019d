//! What the table or a person changes while mail waits.

use std::collections::HashSet;

use mail::Timestamp;

use super::Queues;
use super::finish::new_leg;
use super::leg::{Hold, Leg, LegId, LegRecipient, Place};
use super::place::count_out;

impl<M: Clone> Queues<M> {
    /// Makes a leg of its own of some recipients of a leg that waits, in the same state. Returns
    /// the leg that has just these; `None` when it is in flight or has none of them.
    pub fn split(&mut self, leg_id: LegId, recipients: &[u16], now: Timestamp) -> Option<LegId> {
        let leg = self.legs.get(&leg_id).filter(|it| it.place != Place::InFlight)?;
        let meant = |it: &LegRecipient| recipients.contains(&it.index);
        if leg.recipients.iter().all(meant) {
            return Some(leg_id);
        }
        let moved: Vec<LegRecipient> = leg.recipients.iter().copied().filter(meant).collect();
        if moved.is_empty() {
            return None;
        }
        let (id, new) =
            (leg.id, new_leg(leg, leg.hop, moved.clone(), leg.past.as_deref().cloned()));
        self.shrink(leg_id, |it| !recipients.contains(&it.index));
        Some(self.add_leg(id, new, now))
    }

    /// Recipients leave a leg, which keeps its place and its turn.
    pub(super) fn shrink(&mut self, leg_id: LegId, keep: impl Fn(&LegRecipient) -> bool) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let (kept, gone): (_, Vec<_>) =
            std::mem::take(&mut leg.recipients).into_iter().partition(keep);
        leg.recipients = kept;
        let hop = leg.hop;
        if leg.place == Place::Held && leg.hold() == Some(&Hold::Cutover) {
            count_out(&mut self.cut_over_of, &gone);
        }
        self.uncount(&gone);
        self.hops[hop.0 as usize].lane.shrunk(leg_id, &gone, &mut self.legs);
    }

    /// The table that decides about attempts from now on, at least.
    pub fn table_is(&mut self, generation: u64) {
        self.taking.generation = self.taking.generation.max(generation);
    }

    /// Nobody need fear a second copy of it any more. False: it is in flight, or gone.
    pub fn clear_doubt(&mut self, id: LegId) -> bool {
        let waits = |it: &&mut Leg| it.place != Place::InFlight;
        match self.legs.get_mut(&id).filter(waits) {
            Some(leg) => {
                leg.maybe_duplicate = false;
                true
            }
            None => false,
        }
    }

    /// Whether anything of one of these mailboxes is not settled.
    pub fn knows_any(&self, mut mailboxes: impl Iterator<Item = u64>) -> bool {
        mailboxes.any(|it| self.legs_of.contains_key(&it))
    }

    /// The id that the next leg gets: all that are made later have it, or a higher one.
    pub fn next_leg(&self) -> LegId {
        self.next_leg
    }

    /// Legs that wait for one of these mailboxes, wherever they wait, oldest first. Those in
    /// flight are marked: they come out of [`Queues::take_stale`] when they are back.
    pub fn waiting_for(&mut self, mailboxes: &HashSet<u64>) -> Vec<LegId> {
        if !mailboxes.iter().any(|it| self.legs_of.contains_key(it)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (id, leg) in &mut self.legs {
            if !leg.recipients.iter().any(|it| mailboxes.contains(&it.mailbox)) {
                continue;
            }
            if leg.place == Place::InFlight {
                leg.stale = true;
            } else {
                found.push(*id);
            }
        }
        self.sort(&mut found);
        found
    }

    /// As [`Queues::waiting_for`], for all mailboxes.
    pub fn all_waiting(&mut self) -> Vec<LegId> {
        self.legs.values_mut().for_each(|it| it.stale |= it.place == Place::InFlight);
        let waits = |it: &(&LegId, &Leg)| it.1.place != Place::InFlight;
        let mut found: Vec<LegId> = self.legs.iter().filter(waits).map(|(id, _)| *id).collect();
        self.sort(&mut found);
        found
    }

    /// A leg was routed by a table that is no longer the one of now.
    pub fn mark_stale(&mut self, legs: &[LegId]) {
        self.stale.extend(legs);
    }

    /// Legs to be routed again.
    pub fn take_stale(&mut self) -> Vec<LegId> {
        std::mem::take(&mut self.stale)
    }

    /// In the order of acceptance.
    pub fn sort(&self, legs: &mut [LegId]) {
        legs.sort_by_cached_key(|it| {
            let id = self.legs.get(it).map(|leg| leg.id);
            (id.and_then(|id| self.accepted(id)).map(|(at, _)| at), id)
        });
    }

    /// The mailboxes of some recipients, by the table of now: what was unlisted, or had its address
    /// from another mailbox, when it came. Counts once the leg is finished.
    pub fn rename(&mut self, id: LegId, renamed: Vec<LegRecipient>) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|_| !renamed.is_empty()) {
            leg.renamed = Some(renamed.into());
        }
    }

    pub fn mark_delay_notified(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.delay_notified = true;
        }
    }
}
