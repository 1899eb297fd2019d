//! Who carries a hop's mail: connections that are busy, connections that rest, and when another
//! one is worth opening.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// All connections being busy for this long means that the hop works in series: open another.
const BUSY_FOR: Duration = Duration::from_millis(5);

/// The number of a shard; `None` for any other thread.
pub type Shard = Option<usize>;

/// What the caller must do so that waiting mail moves.
#[derive(Debug)]
pub enum Kick {
    Nothing,
    Wake(Arc<Notify>),
    /// A connection was counted in, for that shard; open it.
    Open(Shard),
}

/// Whether a worker that found nothing to do may rest.
#[derive(Debug, PartialEq, Eq)]
pub enum Rest {
    Rest,
    Work,
}

#[derive(Debug, Default)]
pub struct Workers {
    open: usize,
    limit: usize,
    /// Connections of each shard, as far as they were opened from one.
    by_shard: Vec<usize>,
    resting: Vec<(Shard, Arc<Notify>)>,
}

impl Workers {
    pub fn open(&self) -> usize {
        self.open
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// A connection of the very shard that has mail needs no system call to wake, so each shard
    /// is given one. Another is opened when those that are there cannot keep up.
    pub(super) fn kick(
        &mut self,
        here: Shard,
        ready: usize,
        batch: usize,
        since_take: Duration,
    ) -> Kick {
        if ready == 0 {
            return Kick::Nothing;
        }
        if let Some(place) = self.resting.iter().rposition(|it| it.0 == here && here.is_some()) {
            return Kick::Wake(self.resting.swap_remove(place).1);
        }
        let pressed = ready >= self.open * batch.max(1) || since_take >= BUSY_FOR;
        let none_here = here.is_some_and(|it| self.by_shard.get(it).is_none_or(|n| *n == 0));
        let wants_another = none_here || self.open == 0 || (pressed && self.resting.is_empty());
        if wants_another && self.open < self.limit {
            self.open += 1;
            if let Some(here) = here {
                self.by_shard.resize(self.by_shard.len().max(here + 1), 0);
                self.by_shard[here] += 1;
            }
            return Kick::Open(here);
        }
        // One that is busy here looks again before it rests.
        if none_here || here.is_none() || pressed {
            return self.resting.pop().map_or(Kick::Nothing, |(_, notify)| Kick::Wake(notify));
        }
        Kick::Nothing
    }

    /// A worker with nothing to do waits for `notify`, unless work came meanwhile or it is one
    /// connection too many.
    pub fn rest(&mut self, here: Shard, ready: usize, notify: &Arc<Notify>) -> Rest {
        if ready > 0 && self.open <= self.limit {
            return Rest::Work;
        }
        self.resting.push((here, Arc::clone(notify)));
        Rest::Rest
    }

    /// A worker gives up waiting. False: it was woken in the same moment and must look again.
    pub fn stop_resting(&mut self, notify: &Arc<Notify>) -> bool {
        match self.resting.iter().position(|it| Arc::ptr_eq(&it.1, notify)) {
            Some(place) => {
                self.resting.swap_remove(place);
                true
            }
            None => false,
        }
    }

    /// A connection ended that had been counted in for `shard`.
    pub fn closed(&mut self, shard: Shard) {
        self.open = self.open.saturating_sub(1);
        if let Some(count) = shard.and_then(|it| self.by_shard.get_mut(it)) {
            *count = count.saturating_sub(1);
        }
    }

    /// More connections are open than may be: the one that asks should close.
    pub fn too_many(&self) -> bool {
        self.open > self.limit
    }

    /// Wakes all that rest, so that they see that the hop closed.
    pub fn wake_all(&mut self) {
        for (_, notify) in self.resting.drain(..) {
            notify.notify_one();
        }
    }
}
