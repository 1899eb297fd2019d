//! Where a leg waits: in its lane, for a time, or for a person.

use mail::{SpoolId, Timestamp};

use super::leg::{Hold, HopIndex, Leg, LegId, LegRecipient, Place, Taken};
use super::{IdMap, NewLeg, NewMessage, Pending, Queues};

impl<M: Clone> Queues<M> {
    /// Returns the legs in the order of `new.legs`.
    pub fn submit(&mut self, new: NewMessage<M>, now: Timestamp) -> Vec<LegId> {
        let mut pending = Pending {
            accepted_at: new.accepted_at,
            size: new.size,
            is_notification: new.is_notification,
            legs: 0,
            message: None,
        };
        let wanted_soon = new.legs.iter().any(|it| {
            it.past.as_ref().is_none_or(|past| past.held.is_none() && past.due.is_none())
                && self.is_open(it.hop)
        });
        if wanted_soon && self.cached_bytes + new.size <= self.cached_bytes_max {
            pending.message = new.message;
            if pending.message.is_some() {
                self.cached_bytes += new.size;
            }
        }
        self.bytes += new.size;
        self.pending.insert(new.id.as_u64(), pending);
        new.legs.into_iter().map(|leg| self.add_new(new.id, leg, now)).collect()
    }

    /// New mail for a mailbox whose cutover is over waits behind mail that is still to be released.
    fn add_new(&mut self, id: SpoolId, mut leg: NewLeg, now: Timestamp) -> LegId {
        let behind = !self.cut_over_of.is_empty()
            && leg.recipients.iter().any(|it| self.cut_over_of.contains_key(&it.mailbox));
        let is_free = leg.past.as_ref().is_none_or(|it| it.held.is_none());
        if behind && is_free {
            leg.past.get_or_insert_default().held = Some(Hold::Cutover);
        }
        let leg_id = self.add_leg(id, leg, now);
        if behind && is_free {
            self.stale.push(leg_id);
        }
        leg_id
    }

    pub(super) fn add_leg(&mut self, id: SpoolId, new: NewLeg, now: Timestamp) -> LegId {
        let leg_id = self.next_leg;
        self.next_leg += 1;
        if let Some(pending) = self.pending.get_mut(&id.as_u64()) {
            pending.legs += 1;
        }
        let leg = Leg {
            id,
            hop: new.hop,
            place: Place::Held,
            recipients: new.recipients,
            past: new.past.map(Box::new),
            maybe_duplicate: new.maybe_duplicate,
            delay_notified: new.delay_notified,
            aborts: 0,
            turn: 0,
            seized: false,
            stale: false,
            taken: Taken::default(),
            renamed: None,
        };
        for recipient in &leg.recipients {
            *self.legs_of.entry(recipient.mailbox).or_default() += 1;
        }
        self.legs.insert(leg_id, leg);
        self.place(leg_id, now);
        leg_id
    }

    /// Puts a leg that is nowhere where its past says it belongs.
    pub(super) fn place(&mut self, id: LegId, now: Timestamp) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let hop = &mut self.hops[leg.hop.0 as usize];
        if leg.hold().is_some() {
            leg.place = Place::Held;
            hop.counts.held += 1;
            if leg.hold() == Some(&Hold::Cutover) {
                for recipient in &leg.recipients {
                    *self.cut_over_of.entry(recipient.mailbox).or_default() += 1;
                }
            }
            return;
        }
        match leg.due() {
            Some(due) if due > now => {
                leg.place = Place::Deferred;
                hop.counts.deferred += 1;
                self.timers.add(due, id);
            }
            _ => {
                leg.past.as_mut().into_iter().for_each(|it| it.due = None);
                hop.counts.queued += 1;
                hop.lane.push(id, leg, hop.open);
            }
        }
    }

    /// Takes a leg out of its lane, timer or hold, and out of the counts; it is nowhere then.
    pub(super) fn unplace(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let hop = &mut self.hops[leg.hop.0 as usize];
        match leg.place {
            Place::Fresh | Place::Backlog | Place::Parked | Place::Next => hop.counts.queued -= 1,
            Place::InFlight => hop.counts.in_flight -= 1,
            Place::Deferred => hop.counts.deferred -= 1,
            Place::Held => {
                hop.counts.held -= 1;
                if leg.hold() == Some(&Hold::Cutover) {
                    count_out(&mut self.cut_over_of, &leg.recipients);
                }
            }
        }
        hop.lane.leave(id, &mut self.legs);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.place = Place::Held;
        }
    }

    /// Legs whose time has come are in their lanes afterwards; returns the hops concerned.
    pub fn tick(&mut self, now: Timestamp) -> Vec<HopIndex> {
        self.taking.at = now;
        let mut hops = Vec::new();
        while let Some(id) = self.timers.pop_due(now) {
            let waits = self.legs.get(&id).is_some_and(|it| {
                it.place == Place::Deferred && it.due().is_some_and(|d| d <= now)
            });
            if waits {
                self.requeue(id, now);
                hops.extend(self.legs.get(&id).map(|it| it.hop));
            }
        }
        hops.sort_unstable();
        hops.dedup();
        let live = self.hops.iter().map(|it| it.counts.deferred).sum();
        let legs = &self.legs;
        self.timers.shrink(live, |due, id| {
            legs.get(&id).is_some_and(|it| it.place == Place::Deferred && it.due() == Some(due))
        });
        hops
    }

    fn requeue(&mut self, id: LegId, now: Timestamp) {
        self.unplace(id);
        if let Some(past) = self.legs.get_mut(&id).and_then(|it| it.past.as_mut()) {
            past.due = None;
            past.held = None;
        }
        self.place(id, now);
    }

    /// An operator's retry or release: the leg waits in its lane again. False if it is in flight.
    pub fn release(&mut self, id: LegId, now: Timestamp) -> Option<HopIndex> {
        let leg = self.legs.get(&id).filter(|it| it.place != Place::InFlight)?;
        let hop = leg.hop;
        if matches!(leg.place, Place::Deferred | Place::Held) {
            self.requeue(id, now);
        }
        Some(hop)
    }

    pub(super) fn uncount(&mut self, recipients: &[LegRecipient]) {
        count_out(&mut self.legs_of, recipients);
    }

    pub(super) fn forget_leg(&mut self, id: SpoolId) {
        let Some(pending) = self.pending.get_mut(&id.as_u64()) else { return };
        pending.legs -= 1;
        if pending.legs == 0 {
            self.drop_body(id);
            if let Some(pending) = self.pending.remove(&id.as_u64()) {
                self.bytes -= pending.size;
            }
        }
    }

    pub(super) fn drop_body(&mut self, id: SpoolId) {
        if let Some(pending) = self.pending.get_mut(&id.as_u64())
            && pending.message.take().is_some()
        {
            self.cached_bytes -= pending.size;
        }
    }
}

pub(super) fn count_out(counts: &mut IdMap<u32>, recipients: &[LegRecipient]) {
    for recipient in recipients {
        if let Some(count) = counts.get_mut(&recipient.mailbox) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&recipient.mailbox);
            }
        }
    }
}
