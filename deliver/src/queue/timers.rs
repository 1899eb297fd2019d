//! Times at which legs want attention. Entries of legs that left are dropped when their time
//! comes, or when they are the greater part.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mail::Timestamp;

use super::leg::LegId;

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, LegId)>>,
}

impl Timers {
    pub(super) fn add(&mut self, due: Timestamp, leg: LegId) {
        self.heap.push(Reverse((due, leg)));
    }

    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<LegId> {
        self.heap.peek().filter(|it| it.0.0 <= now)?;
        self.heap.pop().map(|it| it.0.1)
    }

    /// Drops stale entries once they outnumber the `live` ones.
    pub(super) fn shrink(&mut self, live: usize, is_live: impl Fn(Timestamp, LegId) -> bool) {
        if self.heap.len() > live * 2 + 1024 {
            self.heap.retain(|it| is_live(it.0.0, it.0.1));
        }
    }
}
