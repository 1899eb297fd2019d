//! What a worker, or an operator, takes out to be attempted.

use std::time::Duration;

use super::leg::{HopIndex, Leg, LegId, Place};
use super::{Batch, Kick, Pending, Queues, Rest, Shard, Work};

impl<M: Clone> Queues<M> {
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

    /// Hops with mail that a worker could take now.
    pub fn hops_with_work(&self) -> Vec<HopIndex> {
        let hops = (0_u32..).zip(&self.hops);
        let ready = hops.filter(|(_, it)| it.open && it.lane.waiting() > 0);
        ready.map(|(index, _)| HopIndex(index)).collect()
    }

    /// Legs that a worker of this hop could take now.
    pub fn ready(&self, index: HopIndex) -> usize {
        let hop = &self.hops[index.0 as usize];
        if hop.open { hop.lane.waiting() } else { 0 }
    }

    /// What to do so that the hop's waiting mail moves.
    pub fn kick(&mut self, index: HopIndex, batch: Batch, here: Shard, moment: Duration) -> Kick {
        let ready = self.ready(index);
        let hop = self.hop(index);
        let since_take = moment.saturating_sub(hop.taken_at);
        hop.workers.kick(here, ready, batch.messages_max, since_take)
    }

    /// A worker found nothing: see [`super::Workers::rest`].
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
