//! The one writer: takes everything that waits, writes it in one piece, syncs once, tells all.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tracing::{error, warn};

use crate::completion::Completions;
use crate::disk::{BUFFERS_MAX, DiskFile, zeros};
use crate::error::SpoolError;
use crate::index::{Change, Entry, Index, Segment, SegmentState};
use crate::queue::{Effect, Request, Settlement, Taken};
use crate::receipt::Placed;
use crate::record::{BLOCK_BYTES, HEADER_BYTES, Kind, Lsn};
use crate::segment::{FIRST_RECORD, Fresh, Title};
use crate::shared::Shared;

/// A batch is cut here, so that one sync does not wait for too many writes.
const BATCH_BYTES_MAX: u64 = 4 << 20;

/// Owner of the head segment.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    head: Option<Head>,
    /// The last sealed segment of this run with anything synced in it, and where that ends.
    follows: Option<(u32, u64)>,
    pending: VecDeque<Request>,
    /// Events whose batch failed twice; they ride on the next one.
    retained: Vec<Request>,
    completions: Completions,
}

/// The segment being written.
struct Head {
    segment: u32,
    file: Arc<dyn DiskFile>,
    /// End of the synced part, a multiple of the block size.
    end: u64,
    zeroed: u64,
    batch: u32,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            head: None,
            follows: None,
            pending: VecDeque::new(),
            retained: Vec::new(),
            completions: Completions::default(),
        }
    }

    /// Until the spool is closed and all that waited is durable or refused.
    pub(crate) fn run(mut self) {
        let mut batch = Vec::new();
        let flush_for = self.shared.options.event_flush_for;
        while self.shared.queue.take(&mut batch, flush_for) == Taken::Batch {
            self.commit(&mut batch);
        }
        let in_order = self.shared.queue.is_in_order();
        self.close(in_order);
    }

    /// One turn without waiting.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn turn(&mut self) {
        let mut batch = Vec::new();
        self.shared.queue.take_now(&mut batch);
        self.commit(&mut batch);
    }

    /// The mark tells the next start that nothing was under way.
    pub(crate) fn close(&mut self, in_order: bool) {
        if in_order {
            self.commit(&mut vec![Request::mark(Kind::Closed)]);
        }
        let _ = self.shared.ledger.sync();
    }

    fn commit(&mut self, requests: &mut Vec<Request>) {
        self.pending.extend(self.retained.drain(..));
        self.pending.extend(requests.drain(..));
        if self.pending.is_empty() && self.shared.guard.is_failing() {
            self.pending.push_back(Request::mark(Kind::Mark));
        }
        while !self.pending.is_empty() {
            let mut batch = self.next_batch();
            self.commit_batch(&mut batch);
        }
    }

    /// The front of what is pending, as much as one batch takes.
    fn next_batch(&mut self) -> Vec<Request> {
        let mut bytes = 0;
        let max = BATCH_BYTES_MAX.min(self.shared.options.segment_bytes - FIRST_RECORD);
        let fits = |it: &&Request| {
            bytes += it.bytes();
            bytes <= max
        };
        let n = self.pending.iter().take_while(fits).count();
        self.pending.drain(..n.max(1)).collect()
    }

    fn commit_batch(&mut self, batch: &mut Vec<Request>) {
        let first = match self.write(batch) {
            Ok(()) => return self.succeed(batch),
            Err(error) => error,
        };
        warn!(error = %chain(&first), "A batch failed; it is written to a fresh segment.");
        self.poison();
        match self.write(batch) {
            Ok(()) => self.succeed(batch),
            Err(error) => {
                error!(error = %chain(&error), "A batch failed twice; its mail is refused.");
                self.poison();
                self.fail(batch, error);
            }
        }
    }

    /// Writes and syncs a batch at the head, rolling to a new segment when it does not fit.
    fn write(&mut self, batch: &mut [Request]) -> Result<(), SpoolError> {
        let bytes: u64 = batch.iter().map(Request::bytes).sum();
        let reserve = batch.iter().all(Request::is_event);
        self.make_room(bytes, reserve)?;
        let Some(head) = &mut self.head else { return Err(SpoolError::Closed) };
        let title = (head.end == FIRST_RECORD).then(|| {
            let (run, segment, follows) = (self.shared.run, head.segment, self.follows);
            Title { segment, run, follows, made_at: self.shared.clock.now() }.encode()
        });
        let end = seal(batch, head);
        let start = if title.is_some() { 0 } else { head.end };
        let written = end.next_multiple_of(BLOCK_BYTES) - start;
        let pad = usize::try_from(start + written - end).unwrap_or(0);
        let buffers = buffers(title.as_deref(), batch, pad);
        let failed = |source| SpoolError::NotDurable { source: Arc::new(source) };
        write_batch(&*head.file, start, buffers).map_err(failed)?;
        let syncing = Instant::now();
        head.file.sync_data().map_err(failed)?;
        self.shared.metrics.sync_seconds.observe(syncing.elapsed().as_secs_f64());
        self.shared.counts.syncs.fetch_add(1, Ordering::Relaxed);
        self.shared.counts.written_bytes.fetch_add(written, Ordering::Relaxed);
        self.shared.metrics.written_bytes.inc_by(written);
        head.end = start + written;
        head.batch += 1;
        Ok(())
    }

    fn make_room(&mut self, bytes: u64, reserve: bool) -> Result<(), SpoolError> {
        let segment_bytes = self.shared.options.segment_bytes;
        let fits = self.head.as_ref().is_some_and(|head| {
            let end = head.end + bytes;
            end <= head.zeroed || end <= segment_bytes && !self.shared.pool.has_ready()
        });
        if fits {
            return Ok(());
        }
        self.seal_head();
        let Fresh { segment, file, zeroed } = self.shared.pool.next(reserve)?;
        let known = Segment::new(Arc::clone(&file), SegmentState::Head, segment_bytes);
        self.shared.index.lock().segments.insert(segment, known);
        self.head = Some(Head { segment, file, end: FIRST_RECORD, zeroed, batch: 0 });
        self.shared.upkeep.kick();
        Ok(())
    }

    /// The head gets no more records.
    fn seal_head(&mut self) {
        let Some(head) = self.head.take() else { return };
        if head.end > FIRST_RECORD {
            self.follows = Some((head.segment, head.end));
        }
        if let Some(segment) = self.shared.index.lock().segments.get_mut(&head.segment) {
            segment.state = SegmentState::Sealed;
            segment.end = head.end;
        }
    }

    /// A write or a sync failed: what is synced stays readable, nothing is ever synced here
    /// again, and copies of the failed batch may or may not be found by the next start.
    fn poison(&mut self) {
        let Some(segment) = self.head.as_ref().map(|it| it.segment) else { return };
        self.seal_head();
        self.shared.metrics.write_errors.inc();
        if let Some(segment) = self.shared.index.lock().segments.get_mut(&segment) {
            segment.poisoned = true;
            segment.ghosts = true;
        }
    }

    fn succeed(&mut self, batch: &mut Vec<Request>) {
        let shared = Arc::clone(&self.shared);
        let mut index = shared.index.lock();
        if let Some(head) = &self.head
            && let Some(segment) = index.segments.get_mut(&head.segment)
        {
            segment.end = head.end;
        }
        for request in batch.iter() {
            apply(&shared, &mut index, request);
        }
        shared.metrics.queued.set(i64::try_from(index.queued()).unwrap_or(i64::MAX));
        drop(index);
        shared.guard.set_failing(false);
        shared.counts.batches.fetch_add(1, Ordering::Relaxed);
        shared.metrics.batches.inc();
        shared.metrics.batch_records.observe(batch.len() as f64);
        for request in batch.drain(..) {
            if let Some(cell) = &request.done {
                self.completions.add(cell, Ok(Placed::after_sync()));
            }
        }
        self.completions.deliver();
        shared.ledger.write_if_long();
    }

    fn fail(&mut self, batch: &mut Vec<Request>, error: SpoolError) {
        self.shared.guard.set_failing(true);
        for request in batch.drain(..) {
            match &request.done {
                Some(cell) => self.completions.add(cell, Err(error.clone())),
                None if request.is_event() => self.retained.push(request),
                None => (),
            }
        }
        self.completions.deliver();
    }
}

/// Gives every record its place and its checksum; returns where the last one ends.
fn seal(batch: &mut [Request], head: &Head) -> u64 {
    let mut at = head.end;
    for request in batch.iter_mut() {
        let offset = u32::try_from(at).unwrap_or(u32::MAX);
        request.header.at = Lsn { segment: head.segment, offset };
        request.header.batch = head.batch;
        request.header.seal(&mut request.front);
        at += request.bytes();
    }
    at
}

fn buffers<'a>(title: Option<&'a [u8]>, batch: &'a [Request], pad: usize) -> Vec<IoSlice<'a>> {
    let mut buffers = Vec::with_capacity(2 * batch.len() + 2);
    buffers.extend(title.map(IoSlice::new));
    for request in batch {
        buffers.push(IoSlice::new(&request.front));
        if !request.body.is_empty() {
            buffers.push(IoSlice::new(&request.body));
        }
    }
    if pad > 0 {
        buffers.push(IoSlice::new(zeros(pad)));
    }
    buffers
}

/// A short write is a failed write: what follows it is not known.
fn write_batch(file: &dyn DiskFile, start: u64, buffers: Vec<IoSlice<'_>>) -> io::Result<()> {
    let mut at = start;
    for some in buffers.chunks(BUFFERS_MAX) {
        let wanted: usize = some.iter().map(|it| it.len()).sum();
        if file.write_at(at, some)? != wanted {
            return Err(io::ErrorKind::WriteZero.into());
        }
        at += wanted as u64;
    }
    Ok(())
}

/// Index, ledger and metrics learn of a durable record.
fn apply(shared: &Shared, index: &mut Index, request: &Request) {
    let header = &request.header;
    match &request.effect {
        Effect::Accept { settles } => {
            let entry =
                Entry::new(header.at, header.record_bytes(), header.recipients, header.large);
            index.insert(header.id, entry);
            shared.ledger.note(header, &request.front[HEADER_BYTES..]);
            shared.counts.accepted.fetch_add(1, Ordering::Relaxed);
            shared.metrics.accepted.inc();
            shared.metrics.accepted_bytes.inc_by(header.body_bytes);
            shared.metrics.commit_seconds.observe(request.since.elapsed().as_secs_f64());
            if header.large {
                shared.counts.large_bytes.fetch_add(header.body_bytes, Ordering::Relaxed);
            }
            if let Some(settlement) = settles {
                settle(shared, index, header.at.segment, settlement);
            }
        }
        Effect::Settle(settlement) => {
            shared.ledger.note(header, &request.front[HEADER_BYTES..]);
            settle(shared, index, header.at.segment, settlement);
        }
        Effect::Move { from, settles } => {
            index.relocate(header.id, *from, header.at);
            settles.iter().for_each(|&id| index.note_event(header.at.segment, id));
        }
        Effect::Carry { id } => index.note_event(header.at.segment, *id),
        Effect::Nothing => (),
    }
}

fn settle(shared: &Shared, index: &mut Index, segment: u32, settlement: &Settlement) {
    let Change { settled, finished, large } = index.settle(segment, settlement);
    if let Some(fate) = settlement.fate {
        let counter = shared.metrics.settled.with_label_values(&[fate.as_str()]);
        counter.inc_by(u64::from(settled));
    }
    if finished && large {
        shared.upkeep.add_dead_body(settlement.id);
    }
}

/// An error with its cause, for one log line.
pub(crate) fn chain(error: &SpoolError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |it| format!("{error}: {it}"))
}
