//! How the commit thread tells those who wait, with one wake-up per batch and shard.
//!
//! Every waiting commit has a [`Cell`]. A shard that runs a [`CompletionDriver`] has a lane: the
//! commit thread puts the finished cells of a batch there and wakes the driver once; the driver
//! wakes the waiting tasks from their own thread, which costs no system call. Without a driver
//! on its thread a commit is woken directly.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::error::SpoolError;
use crate::receipt::Placed;

pub(crate) type Outcome = Result<Placed, SpoolError>;

enum State {
    Waiting(Option<Waker>),
    Done(Outcome),
    Taken,
}

/// Where one result arrives.
pub(crate) struct Cell {
    state: Mutex<State>,
    lane: Option<Arc<Lane>>,
}

impl Cell {
    /// Belongs to the lane of the calling thread, if its driver runs.
    pub(crate) fn new(spool: usize) -> Arc<Self> {
        let lane = LANES.with_borrow(|lanes| {
            lanes.iter().find(|it| it.0 == spool).map(|(_, lane)| Arc::clone(lane))
        });
        Arc::new(Self { state: Mutex::new(State::Waiting(None)), lane })
    }

    /// For a thread that is no shard.
    pub(crate) fn direct() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Waiting(None)), lane: None })
    }

    fn finish(&self, outcome: Outcome) -> Option<Waker> {
        match std::mem::replace(&mut *self.state.lock(), State::Done(outcome)) {
            State::Waiting(waker) => waker,
            State::Done(_) | State::Taken => None,
        }
    }
}

/// Waits for a cell.
pub(crate) struct Wait(pub(crate) Arc<Cell>);

impl Future for Wait {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self.0.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(outcome) => Poll::Ready(outcome),
            State::Taken => Poll::Ready(Err(SpoolError::Closed)),
            State::Waiting(_) => {
                *state = State::Waiting(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

/// The wakers of one shard's finished commits.
#[derive(Default)]
struct Lane {
    inner: Mutex<LaneInner>,
}

#[derive(Default)]
struct LaneInner {
    ready: Vec<Waker>,
    driver: Option<Waker>,
    closed: bool,
}

impl Lane {
    /// Hands over wakers; gives them back when no driver will ever come for them.
    fn push(&self, wakers: &mut Vec<Waker>) {
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            wakers.drain(..).for_each(Waker::wake);
            return;
        }
        inner.ready.append(wakers);
        let driver = inner.driver.take();
        drop(inner);
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

thread_local! {
    /// The lanes of this thread, by spool.
    static LANES: RefCell<Vec<(usize, Arc<Lane>)>> = const { RefCell::new(Vec::new()) };
}

/// Results of one batch on their way.
#[derive(Default)]
pub(crate) struct Completions {
    lanes: Vec<(Arc<Lane>, Vec<Waker>)>,
    direct: Vec<Waker>,
}

impl Completions {
    pub(crate) fn add(&mut self, cell: &Cell, outcome: Outcome) {
        let Some(waker) = cell.finish(outcome) else { return };
        let Some(lane) = &cell.lane else {
            self.direct.push(waker);
            return;
        };
        match self.lanes.iter_mut().find(|it| Arc::ptr_eq(&it.0, lane)) {
            Some((_, wakers)) => wakers.push(waker),
            None => self.lanes.push((Arc::clone(lane), vec![waker])),
        }
    }

    pub(crate) fn deliver(&mut self) {
        for (lane, mut wakers) in self.lanes.drain(..) {
            lane.push(&mut wakers);
        }
        self.direct.drain(..).for_each(Waker::wake);
    }
}

/// Runs for as long as a shard does; spawn one per shard, on the shard's own thread, before the
/// first commit. Dropping it is safe: those who wait are woken directly from then on.
#[must_use = "it does nothing unless polled"]
pub struct CompletionDriver {
    spool: usize,
    lane: Arc<Lane>,
    wakers: Vec<Waker>,
}

impl CompletionDriver {
    pub(crate) fn new(spool: usize) -> Self {
        Self { spool, lane: Arc::default(), wakers: Vec::new() }
    }

    /// Every poll, because the first one decides the thread.
    fn register(&self) {
        LANES.with_borrow_mut(|lanes| {
            if !lanes.iter().any(|it| it.0 == self.spool) {
                lanes.push((self.spool, Arc::clone(&self.lane)));
            }
        });
    }
}

impl Future for CompletionDriver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.register();
        let this = &mut *self;
        let mut inner = this.lane.inner.lock();
        if !inner.driver.as_ref().is_some_and(|it| it.will_wake(cx.waker())) {
            inner.driver = Some(cx.waker().clone());
        }
        std::mem::swap(&mut inner.ready, &mut this.wakers);
        drop(inner);
        this.wakers.drain(..).for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for CompletionDriver {
    fn drop(&mut self) {
        let _ = LANES.try_with(|lanes| {
            lanes.borrow_mut().retain(|it| !Arc::ptr_eq(&it.1, &self.lane));
        });
        let mut inner = self.lane.inner.lock();
        inner.closed = true;
        let ready = std::mem::take(&mut inner.ready);
        drop(inner);
        ready.into_iter().for_each(Waker::wake);
    }
}
