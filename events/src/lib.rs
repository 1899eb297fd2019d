//! Live events: what the gateway does, for whoever looks on.
//!
//! ```text
//!  gateway, deliver ── publish ──> ring ── one queue each ──> listener ── filter, sample ──> SSE
//! ```
//!
//! Nobody waits for a listener: one that is slow loses events and hears how many. While nobody
//! listens, [`Events::wants_flow`] is one load and nothing else happens; what is rare (tables, sites,
//! plans, alerts) is kept all the same, for those who come back. What must not be here: I/O, and
//! anything that mail depends on.

mod listener;
mod ring;
mod sample;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::{Alert, FlowEvent, PlanEvent, SiteEvent, StreamEvent, TableEvent};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub use listener::{Heard, Interest, Listener};
pub use ring::EventId;
use ring::Ring;
pub use sample::Sampler;

/// Events kept for those who come back, and that a listener may be behind: 20 s of 200 a second.
const KEPT: usize = 4_096;
/// Flow is gathered for so long after the last listener left, so that one who comes back within
/// that time has missed nothing.
const LINGER: Duration = Duration::from_secs(60);

/// An event with its number.
#[derive(Clone, Debug)]
pub struct Numbered {
    pub id: EventId,
    pub event: Arc<StreamEvent>,
}

/// Handle on the bus; cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

pub(crate) struct Inner {
    /// Somebody listens, or did a moment ago.
    flow: AtomicBool,
    listeners: AtomicUsize,
    listeners_max: AtomicUsize,
    ring: Mutex<Ring>,
    out: broadcast::Sender<Numbered>,
    left_at: Mutex<Option<Instant>>,
    closed: CancellationToken,
}

/// As many listen as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    pub max: usize,
}

impl Events {
    /// `run` tells this run of the process from others: ids of another run name nothing here. Every listener comes to its end when `closed` is cancelled.
    pub fn new(run: u64, listeners_max: usize, closed: CancellationToken) -> Self {
        let (out, _) = broadcast::channel(KEPT);
        Self(Arc::new(Inner {
            flow: AtomicBool::new(false),
            listeners: AtomicUsize::new(0),
            listeners_max: AtomicUsize::new(listeners_max),
            ring: Mutex::new(Ring::new(run, KEPT)),
            out,
            left_at: Mutex::new(None),
            closed,
        }))
    }

    /// Whether to make flow events at all. One load.
    #[inline]
    pub fn wants_flow(&self) -> bool {
        self.0.flow.load(Ordering::Relaxed)
    }

    /// Publishes what `make` makes; it is not called while nobody listens.
    #[inline]
    pub fn flow<I: IntoIterator<Item = FlowEvent>>(&self, make: impl FnOnce() -> I) {
        if self.wants_flow() {
            self.publish(make().into_iter().map(StreamEvent::Flow));
        }
    }

    pub fn table(&self, event: TableEvent) {
        self.publish([StreamEvent::Table(event)]);
    }

    pub fn site(&self, event: SiteEvent) {
        self.publish([StreamEvent::Site(event)]);
    }

    pub fn plan(&self, event: PlanEvent) {
        self.publish([StreamEvent::Plan(event)]);
    }

    pub fn alert(&self, event: Alert) {
        self.publish([StreamEvent::Alert(event)]);
    }

    fn publish(&self, events: impl IntoIterator<Item = StreamEvent>) {
        for event in events {
            let event = Arc::new(event);
            // Under one lock, so that every listener sees the order of the numbers.
            let mut ring = self.0.ring.lock();
            let numbered = ring.push(event);
            // Fails when nobody listens.
            let _ = self.0.out.send(numbered);
        }
    }

    /// Listens from now on; with `after`, from the event that follows that one, as far as it is kept.
    ///
    /// # Errors
    /// When as many listen as may.
    pub fn listen(&self, interest: Interest, after: Option<EventId>) -> Result<Listener, TooMany> {
        let max = self.0.listeners_max.load(Ordering::Relaxed);
        let taken = self
            .0
            .listeners
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < max).then_some(n + 1));
        taken.map_err(|_| TooMany { max })?;
        self.0.flow.store(true, Ordering::SeqCst);
        let ring = self.0.ring.lock();
        let receiver = self.0.out.subscribe();
        let position = ring.last();
        let replay = after.map(|it| ring.after(it)).unwrap_or_default();
        drop(ring);
        Ok(Listener::new(Arc::clone(&self.0), receiver, (position, replay), interest))
    }

    pub fn listeners(&self) -> usize {
        self.0.listeners.load(Ordering::Relaxed)
    }

    /// Applies to those who come from now on.
    pub fn set_listeners_max(&self, max: usize) {
        self.0.listeners_max.store(max, Ordering::Relaxed);
    }

    /// The number of the last event; what comes now is after it.
    pub fn last(&self) -> EventId {
        self.0.ring.lock().last()
    }

    /// To be called every few seconds: stops gathering flow a while after the last listener left.
    pub fn rest(&self, now: Instant) {
        let mut left_at = self.0.left_at.lock();
        if !self.wants_flow() || self.listeners() > 0 {
            *left_at = None;
            return;
        }
        let left = *left_at.get_or_insert(now);
        if now.duration_since(left) >= LINGER {
            *left_at = None;
            self.0.flow.store(false, Ordering::SeqCst);
            // Whoever came in between stored `true` before; do not take it from them.
            if self.listeners() > 0 {
                self.0.flow.store(true, Ordering::SeqCst);
            } else {
                self.0.ring.lock().skip();
            }
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Events({} listen)", self.listeners())
    }
}

impl Inner {
    fn leave(&self) {
        self.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
