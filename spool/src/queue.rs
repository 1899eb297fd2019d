//! What waits for the next batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::completion::Cell;
use crate::error::SpoolError;
use crate::event::{Event, Settled};
use crate::record::{HEADER_BYTES, Header, Kind, Lsn};

/// One record to be written, with what follows once it is durable.
pub(crate) struct Request {
    pub(crate) header: Header,
    /// Room for the header, then the head section.
    pub(crate) front: Vec<u8>,
    /// Empty when the body has a file of its own.
    pub(crate) body: Bytes,
    pub(crate) effect: Effect,
    pub(crate) done: Option<Arc<Cell>>,
    /// When somebody began to wait, for the histogram.
    pub(crate) since: Instant,
}

/// What a durable record changes in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Accept {
        settles: Option<Settlement>,
    },
    Settle(Settlement),
    /// Compaction: the record of this message now lives here, if it still lived there.
    Move {
        from: Lsn,
        /// The message that it settles by existing.
        settles: Option<u64>,
    },
    /// Compaction: an event that is still needed, about this message.
    Carry {
        id: u64,
    },
    Nothing,
}

/// The part of an event that the index cares for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) id: u64,
    pub(crate) recipients: Vec<u16>,
    /// `None`: nothing is settled, the event only has to be kept.
    pub(crate) fate: Option<Settled>,
}

impl Settlement {
    pub(crate) fn of(event: &Event) -> Self {
        let fate = Settled::of(&event.what);
        let recipients = if fate.is_some() { event.recipients.clone() } else { Vec::new() };
        Self { id: event.id.as_u64(), recipients, fate }
    }
}

impl Request {
    pub(crate) fn event(event: &Event, done: Option<Arc<Cell>>) -> Self {
        let mut front = vec![0; HEADER_BYTES];
        event.encode(&mut front);
        let effect = Effect::Settle(Settlement::of(event));
        Self::bare(Kind::Event, event.id.as_u64(), front, effect, done)
    }

    /// A record with no content.
    pub(crate) fn mark(kind: Kind) -> Self {
        Self::bare(kind, 0, vec![0; HEADER_BYTES], Effect::Nothing, None)
    }

    pub(crate) fn bare(
        kind: Kind,
        id: u64,
        front: Vec<u8>,
        effect: Effect,
        done: Option<Arc<Cell>>,
    ) -> Self {
        let head_bytes = u32::try_from(front.len() - HEADER_BYTES).unwrap_or(u32::MAX);
        let header = Header {
            kind,
            large: false,
            settles: false,
            origin: None,
            at: Lsn::default(),
            batch: 0,
            recipients: 0,
            id,
            head_bytes,
            body_bytes: 0,
            body_crc: 0,
        };
        Self { header, front, body: Bytes::new(), effect, done, since: Instant::now() }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.header.record_bytes()
    }

    pub(crate) fn is_event(&self) -> bool {
        self.header.kind == Kind::Event
    }
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    /// Somebody waits for what is queued.
    urgent: bool,
    /// When the oldest event that nobody waits for was queued.
    oldest_event: Option<Instant>,
    /// The commit thread sleeps.
    asleep: bool,
    closed: bool,
    /// Nothing was broken off when it was closed.
    in_order: bool,
}

/// What waits for the next batch. Its length is bounded by those who fill it: a message per
/// session, an event per delivery under way.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

/// Why the commit thread was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Batch,
    Closed,
}

impl Queue {
    pub(crate) fn push(&self, request: Request) -> Result<(), SpoolError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(SpoolError::Closed);
        }
        if request.done.is_some() {
            state.urgent = true;
        } else if state.oldest_event.is_none() {
            state.oldest_event = Some(request.since);
        }
        state.requests.push(request);
        let wake = std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Makes the commit thread look again, whatever waits.
    pub(crate) fn poke(&self) {
        let mut state = self.state.lock();
        state.urgent = true;
        state.asleep = false;
        drop(state);
        self.wake.notify_one();
    }

    pub(crate) fn close(&self, in_order: bool) {
        let mut state = self.state.lock();
        (state.closed, state.in_order) = (true, in_order);
        drop(state);
        self.poke();
    }

    pub(crate) fn is_in_order(&self) -> bool {
        self.state.lock().in_order
    }

    /// Moves everything that waits into `batch`, after waiting for somebody to be in a hurry or
    /// for an event to get old.
    pub(crate) fn take(&self, batch: &mut Vec<Request>, flush_for: Duration) -> Taken {
        let mut state = self.state.lock();
        loop {
            if state.closed || state.urgent {
                break;
            }
            let Some(oldest) = state.oldest_event else {
                state.asleep = true;
                self.wake.wait(&mut state);
                continue;
            };
            let until = oldest + flush_for;
            if Instant::now() >= until {
                break;
            }
            state.asleep = true;
            self.wake.wait_until(&mut state, until);
        }
        self.drain(&mut state, batch)
    }

    /// As [`Queue::take`], without waiting.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn take_now(&self, batch: &mut Vec<Request>) {
        self.drain(&mut self.state.lock(), batch);
    }

    fn drain(&self, state: &mut State, batch: &mut Vec<Request>) -> Taken {
        state.urgent = false;
        state.asleep = false;
        state.oldest_event = None;
        batch.append(&mut state.requests);
        if state.closed && batch.is_empty() { Taken::Closed } else { Taken::Batch }
    }
}
