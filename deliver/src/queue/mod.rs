//! Everything that waits to be delivered, as one plain value: no I/O, no clock, no lock of its own.
//!
//! A message has one [`leg::Leg`] for each hop and fate of its recipients. Legs wait in the lane
//! of their hop, for a time, or for a person; what is in flight is on a connection. The body of
//! a waiting message is in memory only within a budget; beyond it, whoever attempts the leg
//! reads it from the spool. `M` is the handle on a body in memory.

mod lane;
pub mod leg;
mod timers;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use mail::{SpoolId, Timestamp};

use lane::Lane;
use leg::{Hold, HopIndex, Leg, LegId, LegRecipient, Past, Place, Taken};
use timers::Timers;
pub use workers::{Kick, Rest, Shard, Workers};

/// Keys are numbers that we made ourselves, so no stranger can choose them to collide.
#[derive(Default)]
pub struct OwnIds(u64);

impl Hasher for OwnIds {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

pub type IdMap<V> = HashMap<u64, V, BuildHasherDefault<OwnIds>>;

/// A message of which something is not settled.
#[derive(Debug)]
struct Pending<M> {
    accepted_at: Timestamp,
    size: u64,
    is_notification: bool,
    legs: u32,
    message: Option<M>,
}

/// What [`Queues::submit`] is told.
#[derive(Debug)]
pub struct NewMessage<M> {
    pub id: SpoolId,
    pub accepted_at: Timestamp,
    pub size: u64,
    /// Its reverse-path is null.
    pub is_notification: bool,
    /// The whole message, if it is in memory anyway.
    pub message: Option<M>,
    pub legs: Vec<NewLeg>,
}

#[derive(Clone, Debug)]
pub struct NewLeg {
    pub hop: HopIndex,
    pub recipients: Vec<LegRecipient>,
    pub past: Option<Past>,
    pub maybe_duplicate: bool,
    pub delay_notified: bool,
}

/// A leg handed out by [`Queues::take`]; it comes back through [`Queues::finish`].
#[derive(Debug)]
pub struct Work<M> {
    pub leg: LegId,
    pub hop: HopIndex,
    pub id: SpoolId,
    pub accepted_at: Timestamp,
    pub size: u64,
    /// `None`: read it from the spool.
    pub message: Option<M>,
    pub recipients: Vec<LegRecipient>,
    pub attempts: u32,
    pub maybe_duplicate: bool,
    /// Connections that broke off with it.
    pub aborts: u8,
    /// How often the leg had been taken with this time: see [`Queues::drop_taken`].
    pub turn: u32,
}

/// What becomes of one recipient after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Delivered, bounced, expired or discarded: it leaves the queue.
    Settled,
    /// Not attempted, through no fault of its own.
    Again,
    Later {
        due: Timestamp,
        reply: String,
        maybe_duplicate: bool,
    },
    Hold(Hold),
    /// The table sends it elsewhere now.
    Hop(HopIndex),
}

/// How much is taken at once.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub messages_max: usize,
    /// A batch ends with the message that passes this many octets.
    pub bytes_max: u64,
}

/// Numbers of one lane, for metrics and for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    pub queued: usize,
    pub in_flight: usize,
    pub deferred: usize,
    pub held: usize,
}

#[derive(Debug)]
struct HopLane {
    lane: Lane,
    workers: Workers,
    open: bool,
    counts: LaneCounts,
    taken_at: Duration,
}

impl HopLane {
    fn new(open: bool) -> Self {
        Self {
            lane: Lane::default(),
            workers: Workers::default(),
            open,
            counts: LaneCounts::default(),
            taken_at: Duration::ZERO,
        }
    }
}

#[derive(Debug)]
pub struct Queues<M> {
    pending: IdMap<Pending<M>>,
    legs: IdMap<Leg>,
    next_leg: LegId,
    hops: Vec<HopLane>,
    timers: Timers,
    /// Legs of each mailbox, wherever they are. Mailboxes are keyed hashes already.
    legs_of: IdMap<u32>,
    /// Legs held by a cutover, for each mailbox.
    cut_over_of: IdMap<u32>,
    /// Legs to be routed again, because the table changed while they were being attempted.
    stale: Vec<LegId>,
    /// What a leg is marked with that is taken now.
    taking: Taken,
    bytes: u64,
    cached_bytes: u64,
    cached_bytes_max: u64,
}

impl<M: Clone> Queues<M> {
    /// `cached_bytes_max`: octets of bodies that may stay in memory while they wait.
    pub fn new(cached_bytes_max: u64) -> Self {
        Self {
            pending: IdMap::default(),
            legs: IdMap::default(),
            next_leg: 0,
            hops: Vec::new(),
            timers: Timers::default(),
            legs_of: IdMap::default(),
            cut_over_of: IdMap::default(),
            stale: Vec::new(),
            taking: Taken::default(),
            bytes: 0,
            cached_bytes: 0,
            cached_bytes_max,
        }
    }

    pub fn add_hop(&mut self, open: bool) -> HopIndex {
        let index = HopIndex(u32::try_from(self.hops.len()).unwrap_or(u32::MAX));
        self.hops.push(HopLane::new(open));
        index
    }

    /// The hop of this place is forgotten and another may have it. False: it is in use.
    pub fn reset_hop(&mut self, index: HopIndex) -> bool {
        let Some(hop) = self.hops.get_mut(index.0 as usize) else { return false };
        let idle = hop.counts == LaneCounts::default() && hop.workers.open() == 0;
        if idle {
            *hop = HopLane::new(true);
        }
        idle
    }

    fn hop(&mut self, index: HopIndex) -> &mut HopLane {
        &mut self.hops[index.0 as usize]
    }

    pub fn workers(&mut self, index: HopIndex) -> &mut Workers {
        &mut self.hop(index).workers
    }

    pub fn connections(&self, index: HopIndex) -> usize {
        self.hops[index.0 as usize].workers.open()
    }

    pub fn counts(&self, index: HopIndex) -> LaneCounts {
        self.hops[index.0 as usize].counts
    }

    pub fn is_open(&self, index: HopIndex) -> bool {
        self.hops[index.0 as usize].open
    }

    /// Messages of which something is not settled.
    pub fn messages(&self) -> usize {
        self.pending.len()
    }

    /// Octets of the messages of which something is not settled.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn cached_bytes(&self) -> u64 {
        self.cached_bytes
    }

    /// Legs that a worker of this hop could take now.
    pub fn ready(&self, index: HopIndex) -> usize {
        let hop = &self.hops[index.0 as usize];
        if hop.open { hop.lane.waiting() } else { 0 }
    }

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

    fn add_leg(&mut self, id: SpoolId, new: NewLeg, now: Timestamp) -> LegId {
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
        };
        for recipient in &leg.recipients {
            *self.legs_of.entry(recipient.mailbox).or_default() += 1;
        }
        self.legs.insert(leg_id, leg);
        self.place(leg_id, now);
        leg_id
    }

    /// Puts a leg that is nowhere where its past says it belongs.
    fn place(&mut self, id: LegId, now: Timestamp) {
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
    fn unplace(&mut self, id: LegId) {
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

    /// Hands out what may be attempted. `moment` is a monotonic time, for [`Queues::kick`].
    pub fn take(&mut self, index: HopIndex, batch: Batch, moment: Duration) -> Vec<Work<M>> {
        self.hop(index).taken_at = moment;
        if !self.is_open(index) {
            return Vec::new();
        }
        self.take_anyway(index, batch)
    }

    /// As [`Queues::take`], from a closed hop too: for the one message that tries a faulted site.
    pub fn take_anyway(&mut self, index: HopIndex, batch: Batch) -> Vec<Work<M>> {
        let hop = &mut self.hops[index.0 as usize];
        let mut out = Vec::new();
        let mut bytes = 0;
        while out.len() < batch.messages_max && bytes < batch.bytes_max {
            let Some(leg_id) = hop.lane.pop(&mut self.legs) else { break };
            hop.counts.queued -= 1;
            hop.counts.in_flight += 1;
            let Some(leg) = self.legs.get_mut(&leg_id) else { continue };
            leg.turn = leg.turn.wrapping_add(1);
            leg.taken = self.taking;
            let Some(pending) = self.pending.get(&leg.id.as_u64()) else { continue };
            bytes += pending.size;
            out.push(work(leg_id, leg, pending));
        }
        out
    }

    /// Takes one leg out of turn, for an operator or an expiry; `None` when it is in flight.
    pub fn seize(&mut self, leg_id: LegId) -> Option<Work<M>> {
        self.legs.get(&leg_id).filter(|it| it.place != Place::InFlight)?;
        self.unplace(leg_id);
        let leg = self.legs.get_mut(&leg_id)?;
        leg.place = Place::InFlight;
        leg.seized = true;
        leg.turn = leg.turn.wrapping_add(1);
        leg.taken = self.taking;
        self.hops[leg.hop.0 as usize].counts.in_flight += 1;
        let pending = self.pending.get(&leg.id.as_u64())?;
        Some(work(leg_id, leg, pending))
    }

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
    fn shrink(&mut self, leg_id: LegId, keep: impl Fn(&LegRecipient) -> bool) {
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

    /// Gives back a leg that was taken or seized, with the fate of each of its recipients.
    /// A recipient that is not named counts as [`Next::Again`]. Returns the hops that have work now.
    pub fn finish(
        &mut self,
        leg_id: LegId,
        fates: &[(u16, Next)],
        attempted: bool,
        now: Timestamp,
    ) -> Vec<HopIndex> {
        let Some(leg) = self.legs.get(&leg_id).filter(|it| it.place == Place::InFlight) else {
            return Vec::new();
        };
        let (id, hop, stale) = (leg.id, leg.hop, leg.stale);
        let fate_of = |index: u16| fates.iter().find(|it| it.0 == index).map(|it| &it.1);
        let again = |it: &LegRecipient| matches!(fate_of(it.index), None | Some(Next::Again));
        let mut hops = vec![hop];
        let mut new: Vec<NewLeg> = Vec::new();
        for (next, recipients) in group(&leg.recipients, fate_of) {
            let past = past_after(leg, &next, attempted, now);
            let target = if let Next::Hop(other) = next { other } else { hop };
            let duplicate = matches!(next, Next::Later { maybe_duplicate: true, .. });
            let mut new_leg = new_leg(leg, target, recipients, past);
            new_leg.maybe_duplicate |= duplicate;
            hops.push(target);
            new.push(new_leg);
        }
        let keeps = leg.recipients.iter().any(again);
        if keeps {
            self.shrink(leg_id, again);
            self.give_back(leg_id, attempted, now);
        } else {
            self.unplace(leg_id);
            if let Some(leg) = self.legs.remove(&leg_id) {
                self.uncount(&leg.recipients);
            }
        }
        let mut made: Vec<LegId> = new.into_iter().map(|it| self.add_leg(id, it, now)).collect();
        if keeps {
            made.push(leg_id);
        } else {
            self.forget_leg(id);
        }
        if stale {
            self.stale.extend(made);
        }
        hops.dedup();
        hops
    }

    /// A leg that was not attempted goes where it came from: next in its lane, or, when it was
    /// seized, to its hold, its time, or the head of the backlog.
    fn give_back(&mut self, leg_id: LegId, attempted: bool, now: Timestamp) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.aborts = leg.aborts.saturating_add(u8::from(attempted));
        leg.stale = false;
        let hop = &mut self.hops[leg.hop.0 as usize];
        hop.counts.in_flight -= 1;
        if !std::mem::take(&mut leg.seized) {
            hop.counts.queued += 1;
            hop.lane.again(leg_id, leg);
            return;
        }
        leg.place = Place::Held;
        if leg.hold().is_some() || leg.due().is_some_and(|it| it > now) {
            self.place(leg_id, now);
        } else {
            hop.counts.queued += 1;
            hop.lane.put_back(leg_id, leg);
        }
    }

    /// A leg whose carrier ended without a word: it may have been handed over.
    pub fn drop_taken(&mut self, leg_id: LegId, turn: u32, due: Timestamp, now: Timestamp) {
        let lost = |it: &&Leg| it.place == Place::InFlight && it.turn == turn;
        let Some(leg) = self.legs.get(&leg_id).filter(lost) else { return };
        let reply = "the attempt ended without a result".to_owned();
        let later = Next::Later { due, reply, maybe_duplicate: true };
        let fates: Vec<_> = leg.recipients.iter().map(|it| (it.index, later.clone())).collect();
        self.finish(leg_id, &fates, true, now);
    }

    fn uncount(&mut self, recipients: &[LegRecipient]) {
        count_out(&mut self.legs_of, recipients);
    }

    fn forget_leg(&mut self, id: SpoolId) {
        let Some(pending) = self.pending.get_mut(&id.as_u64()) else { return };
        pending.legs -= 1;
        if pending.legs == 0 {
            self.drop_body(id);
            if let Some(pending) = self.pending.remove(&id.as_u64()) {
                self.bytes -= pending.size;
            }
        }
    }

    fn drop_body(&mut self, id: SpoolId) {
        if let Some(pending) = self.pending.get_mut(&id.as_u64())
            && pending.message.take().is_some()
        {
            self.cached_bytes -= pending.size;
        }
    }

    /// The hop must not be attempted: its fresh mail joins the backlog and leaves memory.
    pub fn close(&mut self, index: HopIndex) {
        let hop = &mut self.hops[index.0 as usize];
        hop.open = false;
        let moved = hop.lane.close(&mut self.legs);
        for leg in moved {
            if let Some(id) = self.legs.get(&leg).map(|it| it.id) {
                self.drop_body(id);
            }
        }
    }

    pub fn open(&mut self, index: HopIndex) {
        self.hop(index).open = true;
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

    pub fn mark_delay_notified(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.delay_notified = true;
        }
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

    /// Every leg, in no order, to be looked at one by one with [`Queues::leg`].
    pub fn ids(&self) -> Vec<LegId> {
        self.legs.keys().copied().collect()
    }

    pub fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(&id)
    }

    pub fn accepted(&self, id: SpoolId) -> Option<(Timestamp, u64)> {
        self.pending.get(&id.as_u64()).map(|it| (it.accepted_at, it.size))
    }

    /// Its reverse-path is null.
    pub fn is_notification(&self, id: SpoolId) -> bool {
        self.pending.get(&id.as_u64()).is_some_and(|it| it.is_notification)
    }

    /// Hops with mail that a worker could take now.
    pub fn hops_with_work(&self) -> Vec<HopIndex> {
        let hops = (0_u32..).zip(&self.hops);
        let ready = hops.filter(|(_, it)| it.open && it.lane.waiting() > 0);
        ready.map(|(index, _)| HopIndex(index)).collect()
    }

    /// What to do so that the hop's waiting mail moves.
    pub fn kick(&mut self, index: HopIndex, batch: Batch, here: Shard, moment: Duration) -> Kick {
        let ready = self.ready(index);
        let hop = self.hop(index);
        let since_take = moment.saturating_sub(hop.taken_at);
        hop.workers.kick(here, ready, batch.messages_max, since_take)
    }

    /// A worker found nothing: see [`Workers::rest`].
    pub fn rest(
        &mut self,
        index: HopIndex,
        here: Shard,
        notify: &std::sync::Arc<tokio::sync::Notify>,
    ) -> Rest {
        let ready = self.ready(index);
        self.hop(index).workers.rest(here, ready, notify)
    }
}

fn count_out(counts: &mut IdMap<u32>, recipients: &[LegRecipient]) {
    for recipient in recipients {
        if let Some(count) = counts.get_mut(&recipient.mailbox) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&recipient.mailbox);
            }
        }
    }
}

fn work<M: Clone>(id: LegId, leg: &Leg, pending: &Pending<M>) -> Work<M> {
    Work {
        leg: id,
        hop: leg.hop,
        id: leg.id,
        accepted_at: pending.accepted_at,
        size: pending.size,
        message: pending.message.clone(),
        recipients: leg.recipients.clone(),
        attempts: leg.attempts(),
        maybe_duplicate: leg.maybe_duplicate,
        aborts: leg.aborts,
        turn: leg.turn,
    }
}

/// A leg made of a part of another.
fn new_leg(leg: &Leg, hop: HopIndex, recipients: Vec<LegRecipient>, past: Option<Past>) -> NewLeg {
    NewLeg {
        hop,
        recipients,
        past,
        maybe_duplicate: leg.maybe_duplicate,
        delay_notified: leg.delay_notified,
    }
}

/// Recipients that share a fate stay together; those settled, and those who keep their place,
/// drop out.
fn group<'a>(
    recipients: &[LegRecipient],
    fate_of: impl Fn(u16) -> Option<&'a Next>,
) -> Vec<(Next, Vec<LegRecipient>)> {
    let mut groups: Vec<(Next, Vec<LegRecipient>)> = Vec::new();
    for recipient in recipients {
        let next = match fate_of(recipient.index) {
            None | Some(Next::Again | Next::Settled) => continue,
            Some(next) => next,
        };
        match groups.iter_mut().find(|it| it.0 == *next) {
            Some((_, list)) => list.push(*recipient),
            None => groups.push((next.clone(), vec![*recipient])),
        }
    }
    groups
}

fn past_after(leg: &Leg, next: &Next, attempted: bool, now: Timestamp) -> Option<Past> {
    let mut past = leg.past.as_deref().cloned().unwrap_or_default();
    past.due = None;
    past.held = None;
    match next {
        Next::Later { due, reply, .. } => {
            past.attempts += u32::from(attempted);
            past.first_failed_at.get_or_insert(now);
            past.last_reply.clone_from(reply);
            past.due = Some(*due);
        }
        Next::Hold(hold) => past.held = Some(hold.clone()),
        Next::Settled | Next::Again | Next::Hop(_) => {
            leg.past.as_ref()?;
        }
    }
    Some(past)
}
