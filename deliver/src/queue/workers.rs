//! Who carries a hop's mail: connections that are busy, connections that rest, and when another
//! one is worth opening.

use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use tokio::sync::Notify;

/// All connections being busy for this long means that the hop works in series: open another.
const BUSY_FOR: Duration = Duration::from_millis(5);

/// What the caller must do so that waiting mail moves.
#[derive(Debug)]
pub enum Kick {
    Nothing,
    Wake(Arc<Notify>),
    /// A connection was counted in; open it.
    Open,
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
    resting: Vec<(ThreadId, Arc<Notify>)>,
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

    pub(super) fn kick(&mut self, ready: usize, batch: usize, since_take: Duration) -> Kick {
        if ready == 0 {
            return Kick::Nothing;
        }
        let here = std::thread::current().id();
        // A connection of this very thread needs no system call to wake.
        if let Some(place) = self.resting.iter().rposition(|it| it.0 == here) {
            return Kick::Wake(self.resting.swap_remove(place).1);
        }
        let pressed = ready >= self.open * batch.max(1) || since_take >= BUSY_FOR;
        if self.open < self.limit && (self.open == 0 || (self.resting.is_empty() && pressed)) {
            self.open += 1;
            return Kick::Open;
        }
        match self.resting.pop() {
            Some((_, notify)) => Kick::Wake(notify),
            None => Kick::Nothing,
        }
    }

    /// A worker with nothing to do waits for `notify`, unless work came meanwhile or it is one
    /// connection too many.
    pub fn rest(&mut self, ready: usize, notify: &Arc<Notify>) -> Rest {
        if ready > 0 && self.open <= self.limit {
            return Rest::Work;
        }
        self.resting.push((std::thread::current().id(), Arc::clone(notify)));
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

    pub fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
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
