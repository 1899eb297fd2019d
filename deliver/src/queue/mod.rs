//! Everything that waits to be delivered, as one plain value: no I/O, no clock, no lock of its own.
//!
//! A message has one [`leg::Leg`] for each hop and fate of its recipients. Legs wait in the lane
//! of their hop, for a time, or for a person; what is in flight is on a connection. The body of
//! a waiting message is in memory only within a budget; beyond it, whoever attempts the leg
//! reads it from the spool. `M` is the handle on a body in memory.

mod finish;
mod ids;
mod lane;
pub mod leg;
mod place;
mod reroute;
mod take;
mod timers;
mod workers;

#[cfg(test)]
mod tests;

use std::time::Duration;

use mail::{SpoolId, Timestamp};

pub use ids::IdMap;
use lane::Lane;
use leg::{Hold, HopIndex, Leg, LegId, LegRecipient, Past, Taken};
use timers::Timers;
pub use workers::{Kick, Rest, Shard, Workers};

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
}
