//! Frees segments: those in which nothing waits, and sparse ones after what waits was copied to
//! the head.
//!
//! What must not happen is that a settled message comes back because its record outlived the
//! event that settled it. Two rules prevent it. An event about a message whose record is in
//! another segment is copied before its own segment goes. And a segment with ghosts, records
//! that the index has elsewhere or not at all, goes before any other.
//!
//! A segment that cannot be read cannot go, and holds back no other: see [`Index::needs_event`] for
//! the events, and [`Index::is_witness`] for the title that says how much of it counts.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bytes::Bytes;
use mail::SpoolId;
use tracing::{debug, error};

use crate::completion::{Cell, Wait};
use crate::corrupt;
use crate::disk::{DiskFile, read_full};
use crate::error::SpoolError;
use crate::event::Event;
use crate::index::{Index, Segment, SegmentState};
use crate::queue::{Effect, Request};
use crate::record::{HEADER_BYTES, Header, Kind};
use crate::recovery::event_in;
use crate::recovery::scan::scan;
use crate::segment::{self, FIRST_RECORD};
use crate::shared::Shared;
use crate::upkeep;

/// Copies under way at once, so that mail is not held up by them.
const COPY_BYTES: u64 = 1 << 20;

/// What an event takes, about.
const EVENT_BYTES: u64 = 256;

/// Lets the commit thread go on while we wait for it. Does nothing where it is a thread.
pub(crate) type Turn<'a> = &'a mut dyn FnMut();

/// Why a segment was not freed.
enum Stop {
    /// It cannot be read: the others can go.
    Segment(SpoolError),
    /// Nothing can be written; the next round meets it again.
    All(SpoolError),
    /// Most of it would only be written again: events about messages that wait elsewhere.
    NotWorthIt,
}

impl From<SpoolError> for Stop {
    fn from(error: SpoolError) -> Self {
        Self::All(error)
    }
}

/// Frees what can be freed.
pub(crate) fn reclaim(shared: &Arc<Shared>, turn: Turn<'_>) -> Result<(), SpoolError> {
    if shared.upkeep.may_try_stuck_again() {
        shared.index.lock().try_stuck_again();
    }
    while !shared.upkeep.is_closed() {
        let Some(number) = choose(&shared.index.lock()) else { return Ok(()) };
        match copy_needed(shared, number, turn) {
            Ok(()) => free(shared, number)?,
            Err(Stop::All(error)) => return Err(error),
            Err(Stop::NotWorthIt) => shared.index.lock().let_rest(number),
            Err(Stop::Segment(error)) => {
                shared.index.lock().stick(number);
                upkeep::complain(shared, "A segment cannot be read; it is left alone.", &error);
            }
        }
    }
    Ok(())
}

/// The next segment to free: one with ghosts, else an empty one, else the sparsest of those of
/// which less than half is alive.
fn choose(index: &Index) -> Option<u32> {
    if index.recovering {
        return None;
    }
    let sealed = || {
        let all = index.segments.iter().filter(|(_, it)| it.state == SegmentState::Sealed);
        all.filter(|(number, it)| !it.is_left_alone() && !index.is_witness(**number))
    };
    if let Some((&number, _)) = sealed().find(|(_, it)| it.ghosts) {
        return Some(number);
    }
    if index.segments.values().any(|it| it.ghosts && !it.is_left_alone()) {
        return None;
    }
    let awake = || sealed().filter(|(_, it)| !it.rests);
    if let Some((&number, _)) = awake().find(|(_, it)| it.live == 0) {
        return Some(number);
    }
    let sparse = awake().filter(|(_, it)| it.live_bytes * 2 < used(it));
    let fill = |it: &Segment| it.live_bytes * 1000 / used(it).max(1);
    sparse.min_by_key(|(_, it)| fill(it)).map(|(&number, _)| number)
}

fn used(segment: &Segment) -> u64 {
    segment.end - FIRST_RECORD
}

/// Copies live messages and needed events to the head.
fn copy_needed(shared: &Arc<Shared>, number: u32, turn: Turn<'_>) -> Result<(), Stop> {
    let (file, end) = {
        let mut index = shared.index.lock();
        let needed = index.events_needed(number);
        let Some(segment) = index.segments.get_mut(&number) else { return Ok(()) };
        if segment.live == 0 && needed == 0 {
            return Ok(());
        }
        let copied = segment.live_bytes + needed as u64 * EVENT_BYTES;
        if !segment.ghosts && copied * 2 > used(segment) {
            return Err(Stop::NotWorthIt);
        }
        segment.ghosts = true;
        (Arc::clone(&segment.file), segment.end)
    };
    let mut copier = Copier { shared, number, file: &*file, cells: Vec::new(), bytes: 0, turn };
    let mut result = Ok(());
    scan(&*file, number, Some(end), |header, head| {
        if result.is_ok() {
            result = copier.record(header, head);
        }
    })
    .map_err(|it| unreadable(number, it))?;
    result?;
    copier.wait()?;
    lose_damaged(shared, number, &*file).map_err(Stop::Segment)?;
    let mut index = shared.index.lock();
    if let Some(segment) = index.segments.get_mut(&number) {
        segment.events = Vec::new();
    }
    Ok(())
}

fn unreadable(number: u32, error: io::Error) -> Stop {
    Stop::Segment(SpoolError::io("read", segment::path(number))(error))
}

/// What the index has in the segment and the scan did not show is damaged: bit rot since it was
/// written. A copy of the bytes goes to `corrupt/`; the message can be had no more.
fn lose_damaged(shared: &Shared, number: u32, file: &dyn DiskFile) -> Result<(), SpoolError> {
    let damaged = shared.index.lock().waiting_in(number);
    for (id, entry) in damaged {
        corrupt::save_range(&*shared.disk, file, entry.at, u64::from(entry.bytes))?;
        let id = SpoolId::from_u64(id);
        error!(%id, "A message does not match its checksum; a copy is in corrupt/.");
        shared.count_corrupt();
        shared.index.lock().lose(id.as_u64());
    }
    Ok(())
}

struct Copier<'a> {
    shared: &'a Arc<Shared>,
    number: u32,
    file: &'a dyn DiskFile,
    cells: Vec<Arc<Cell>>,
    bytes: u64,
    turn: Turn<'a>,
}

impl Copier<'_> {
    fn record(&mut self, header: &Header, head: &[u8]) -> Result<(), Stop> {
        let event = event_in(header, head);
        let index = self.shared.index.lock();
        let live = header.kind == Kind::Message
            && index.waiting(header.id).is_some_and(|it| it.at == header.at);
        let needed =
            event.as_ref().is_some_and(|it| index.needs_event(it.id.as_u64(), self.number));
        drop(index);
        if live {
            let settles = event.map(|it| it.id.as_u64());
            let body = self.body(header)?;
            return Ok(self.push(moved(header, head, body, settles))?);
        }
        match event {
            Some(event) if needed => Ok(self.push(carried(header, &event))?),
            _ => Ok(()),
        }
    }

    fn body(&self, header: &Header) -> Result<Bytes, Stop> {
        if header.large {
            return Ok(Bytes::new());
        }
        let mut body = vec![0; usize::try_from(header.body_bytes).unwrap_or(0)];
        let at = u64::from(header.at.offset) + header.record_bytes() - header.body_bytes;
        let n = read_full(self.file, at, &mut body).map_err(|it| unreadable(self.number, it))?;
        body.truncate(n);
        Ok(body.into())
    }

    fn push(&mut self, request: Request) -> Result<(), SpoolError> {
        let cell = Cell::direct();
        let bytes = request.bytes();
        let request = Request { done: Some(Arc::clone(&cell)), ..request };
        self.shared.queue.push(request)?;
        self.cells.push(cell);
        self.bytes += bytes;
        self.shared.metrics.compacted_bytes.inc_by(bytes);
        if self.bytes > COPY_BYTES { self.wait() } else { Ok(()) }
    }

    fn wait(&mut self) -> Result<(), SpoolError> {
        self.bytes = 0;
        for cell in self.cells.drain(..) {
            block_on(Wait(cell), self.turn)?;
        }
        Ok(())
    }
}

/// The record again, with its first place noted.
fn moved(header: &Header, head: &[u8], body: Bytes, settles: Option<u64>) -> Request {
    let mut front = vec![0; HEADER_BYTES];
    front.extend_from_slice(head);
    let effect = Effect::Move { from: header.at, settles };
    let mut request = Request::bare(header.kind, header.id, front, effect, None);
    let origin = Some(header.origin.unwrap_or(header.at));
    request.header = Header { origin, ..header.clone() };
    Request { body, ..request }
}

/// An event again; that of a message record becomes a record of its own.
fn carried(header: &Header, event: &Event) -> Request {
    let mut request = Request::event(event, None);
    request.header.origin = Some(header.origin.unwrap_or(header.at));
    request.effect = Effect::Carry { id: event.id.as_u64() };
    request
}

/// Nothing in the segment is needed. The ledger knows all of it before it goes.
fn free(shared: &Shared, number: u32) -> Result<(), SpoolError> {
    let (poisoned, file_bytes) = {
        let index = shared.index.lock();
        match index.segments.get(&number) {
            Some(it) if it.live == 0 && index.events_needed(number) == 0 => {
                (it.poisoned, it.file.len().unwrap_or(0))
            }
            _ => return Ok(()),
        }
    };
    shared.ledger.sync()?;
    let keep = !poisoned && file_bytes == shared.options.segment_bytes;
    let spare = shared.pool.retire(number, keep)?;
    // Forgotten before the file can be written to again: nobody reads another life's bytes.
    shared.index.lock().forget_segment(number);
    debug!(segment = number, "A segment is free.");
    match spare {
        Some(spare) => shared.pool.take_in(spare),
        None => Ok(()),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on a thread that may block.
pub(crate) fn block_on<F: Future>(future: F, turn: Turn<'_>) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        turn();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park_timeout(Duration::from_secs(1));
    }
}
