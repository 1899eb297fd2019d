//! Start-up: finds out what the segments hold while new mail is already taken in a new one.
//! Changes nothing but what it may do twice, so a crash during it costs nothing.

mod merge;
pub(crate) mod notes;
pub(crate) mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use mail::{Envelope, SpoolId, Timestamp};
use parking_lot::Mutex;
use tracing::{error, info, warn};

use crate::commit::chain;
use crate::compact::block_on;
use crate::completion::{Cell, Wait};
use crate::corrupt;
use crate::disk::{DiskFile, read_full, write_all};
use crate::error::SpoolError;
use crate::event::Event;
use crate::head::Head;
use crate::index::SegmentState;
use crate::ledger::OldSegment;
use crate::queue::Request;
use crate::record::{BLOCK_BYTES, Header, Kind, Lsn};
use crate::segment::{self, FIRST_RECORD, Title};
use crate::shared::Shared;
use crate::upkeep;
pub use notes::RecipientState;
use notes::{Note, Texts, notes_of};
use scan::{Scan, any_record_behind, scan};

/// A message that was in the spool at start and still waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub id: SpoolId,
    pub accepted_at: Timestamp,
    /// Bytes of the body.
    pub size: u64,
    pub envelope: Envelope,
    /// One for each of the envelope's recipients, in its order.
    pub recipients: Vec<RecipientState>,
}

/// The messages that wait, oldest first. Blocks until the scan is complete, ends after the
/// last; to be read on a thread that may block. Dropping it stops the listing, not the scan.
pub struct Recovery {
    receiver: Receiver<Recovered>,
}

impl Iterator for Recovery {
    type Item = Recovered;

    fn next(&mut self) -> Option<Recovered> {
        self.receiver.recv().ok()
    }
}

/// Messages listed ahead of their reader.
const AHEAD: usize = 1024;
const SCANNERS: usize = 2;

/// A message record found by the scan.
struct Found {
    id: u64,
    at: Lsn,
    bytes: u64,
    body_bytes: u64,
    recipients: u16,
    large: bool,
}

/// All of one segment.
struct Contents {
    segment: u32,
    title: Option<Title>,
    /// What is behind does not count.
    limit: Option<u64>,
    scan: Scan,
    messages: Vec<Found>,
    /// Recipients that are settled.
    settled: Vec<(u64, u16)>,
    notes: Vec<Note>,
    /// Messages that events here are about.
    events: Vec<u64>,
    /// Records that do not count are behind the limit.
    ghosts: bool,
}

/// The work of one start, ready to run on a thread of its own.
pub(crate) struct Job {
    shared: Arc<Shared>,
    segments: Vec<u32>,
    sender: SyncSender<Recovered>,
    /// Done when the log says that this run began.
    begun: Arc<Cell>,
}

/// `ahead`: how many messages may be listed before somebody reads them.
pub(crate) fn prepare(
    shared: &Arc<Shared>,
    segments: Vec<u32>,
    ahead: Option<usize>,
) -> Result<(Job, Recovery), SpoolError> {
    let begun = Cell::direct();
    let mark = Request { done: Some(Arc::clone(&begun)), ..Request::mark(Kind::Mark) };
    shared.queue.push(mark)?;
    let (sender, receiver) = sync_channel(ahead.unwrap_or(AHEAD));
    let recovery = Recovery { receiver };
    let shared = Arc::clone(shared);
    Ok((Job { shared, segments, sender, begun }, recovery))
}

impl Job {
    /// Scans, publishes what was found, then lists it.
    pub(crate) fn run(self) {
        let contents = self.scan_all();
        contents.iter().for_each(|it| self.report(it));
        contents.iter().for_each(|it| self.persist_tail(it));
        self.repair_ledger(&contents);
        let (shared, sender) = (&*self.shared, &self.sender);
        let any_damage = contents.iter().any(|it| !it.scan.gaps.is_empty());
        let listing = merge::publish(shared, contents);
        merge::remove_orphans(shared, any_damage);
        shared.upkeep.kick();
        // Nothing is listed, and so nothing delivered, by a run that the next start would not
        // know of. A disk that cannot write even that is no reason to keep mail back.
        let _ = block_on(Wait(self.begun), &mut || ());
        let n = listing.len();
        info!(messages = n, "The spool knows what it holds.");
        listing.send_all(shared, sender);
    }

    /// Nothing proves that the last batch of a run was synced: what was read of it may be in the
    /// page cache only, even if a sync of it failed. It is written again as it is and synced
    /// before anybody acts on it.
    fn persist_tail(&self, contents: &Contents) {
        if contents.limit.is_some() || contents.scan.last_batch.is_none() {
            return;
        }
        let index = self.shared.index.lock();
        let file = index.segments.get(&contents.segment).map(|it| it.file.clone());
        drop(index);
        let (from, to) = (contents.scan.last_batch_at, contents.scan.end);
        // The title goes with the first batch.
        let from = if from == FIRST_RECORD { 0 } else { from };
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(0)];
        let name = segment::path(contents.segment);
        let done = file.map_or(Ok(()), |file| {
            read_full(&*file, from, &mut bytes)?;
            write_all(&*file, from, &bytes)?;
            file.sync_data()
        });
        if let Err(error) = done.map_err(SpoolError::io("sync", name)) {
            upkeep::complain(&self.shared, "The end of a segment could not be synced.", &error);
        }
    }

    fn repair_ledger(&self, contents: &[Contents]) {
        let shared = &self.shared;
        let index = shared.index.lock();
        let old = contents.iter().filter_map(|it| {
            let file = Arc::clone(&index.segments.get(&it.segment)?.file);
            Some(OldSegment { number: it.segment, limit: it.limit, file })
        });
        let old: Vec<OldSegment> = old.collect();
        drop(index);
        if let Err(error) = shared.ledger.repair(&old, shared.clock.now()) {
            shared.ledger.give_up();
            upkeep::complain(shared, "The ledger could not be repaired from the spool.", &error);
        }
    }

    fn scan_all(&self) -> Vec<Contents> {
        let files: Vec<(u32, Arc<dyn DiskFile>)> = {
            let index = self.shared.index.lock();
            let old = self.segments.iter().filter_map(|it| Some((*it, index.segments.get(it)?)));
            old.map(|(number, segment)| (number, Arc::clone(&segment.file))).collect()
        };
        let titles: Vec<(u32, Option<Title>)> =
            files.iter().map(|(n, file)| (*n, Title::read(&**file, *n).ok().flatten())).collect();
        let limits = limits(&titles);
        let next = AtomicU64::new(0);
        let done = Mutex::new(Vec::with_capacity(files.len()));
        let work = || {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some((number, file)) = usize::try_from(n).ok().and_then(|it| files.get(it))
                else {
                    return;
                };
                let title = titles.iter().find(|it| it.0 == *number).and_then(|it| it.1);
                let limit = limits.get(number).copied();
                let contents = self.read(*number, title, limit, &**file);
                done.lock().extend(contents);
            }
        };
        if files.len() > 1 && self.shared.threads {
            thread::scope(|scope| (0..SCANNERS).for_each(|_| drop(scope.spawn(work))));
        } else {
            work();
        }
        let mut all = done.into_inner();
        all.sort_unstable_by_key(|it| it.segment);
        all
    }

    /// A segment that cannot be read stays as it is, untouched, for an operator.
    fn read(
        &self,
        segment: u32,
        title: Option<Title>,
        limit: Option<u64>,
        file: &dyn DiskFile,
    ) -> Option<Contents> {
        match read_segment(segment, title, limit, file) {
            Ok(contents) => Some(contents),
            Err(error) => {
                self.shared.count_corrupt();
                let name = segment::path(segment);
                error!(segment = name, %error, "A segment cannot be read; it is left alone.");
                None
            }
        }
    }

    fn report(&self, contents: &Contents) {
        let name = segment::path(contents.segment);
        let shared = &self.shared;
        if contents.scan.torn {
            shared.metrics.torn_tails.inc();
            info!(segment = name, at = contents.scan.end, "A torn tail is ignored.");
        }
        let index = shared.index.lock();
        let Some(file) = index.segments.get(&contents.segment).map(|it| it.file.clone()) else {
            return;
        };
        drop(index);
        for gap in &contents.scan.gaps {
            let offset = u32::try_from(gap.range.start).unwrap_or(u32::MAX);
            let at = Lsn { segment: contents.segment, offset };
            let len = gap.range.end - gap.range.start;
            let saved = corrupt::save_range(&*shared.disk, &*file, at, len);
            if saved.is_err() {
                shared.index.lock().pin(contents.segment);
            }
            if matches!(saved, Ok(false)) {
                continue;
            }
            shared.count_corrupt();
            let id = gap.id.map(SpoolId::from_u64);
            let error = saved.err().map(|it| chain(&it));
            warn!(segment = name, offset, len, ?id, ?error, "Unreadable; copied to corrupt/.");
        }
    }
}

/// How far each segment counts, as the titles of later ones say; see [`Title::follows`].
fn limits(titles: &[(u32, Option<Title>)]) -> BTreeMap<u32, u64> {
    let mut limits = BTreeMap::new();
    for title in titles.iter().filter_map(|it| it.1) {
        let from = title.follows.map_or(title.run, |it| it.0 + 1);
        let empty = titles.iter().map(|it| it.0).filter(|it| (from..title.segment).contains(it));
        limits.extend(empty.map(|it| (it, FIRST_RECORD)));
        limits.extend(title.follows);
    }
    limits
}

fn read_segment(
    segment: u32,
    title: Option<Title>,
    limit: Option<u64>,
    file: &dyn DiskFile,
) -> std::io::Result<Contents> {
    let (mut messages, mut settled, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut events, mut texts) = (Vec::new(), Texts::default());
    let mut scan = scan(file, segment, limit, |header, head| {
        if header.kind == Kind::Message {
            messages.push(found(header));
        }
        let Some(event) = event_in(header, head) else { return };
        events.push(event.id.as_u64());
        let written = header.origin.unwrap_or(header.at);
        if event.what.settles() {
            settled.extend(event.recipients.iter().map(|&it| (event.id.as_u64(), it)));
        } else {
            notes_of(&event, written, &mut texts, &mut notes);
        }
    })?;
    scan.settle_gaps(limit);
    let ghosts = limit.map_or(Ok(false), |it| any_record_behind(file, segment, it))?;
    events.dedup();
    Ok(Contents { segment, title, limit, scan, messages, settled, notes, events, ghosts })
}

/// The event that a record holds: an event record's own, or what a message settles.
pub(crate) fn event_in(header: &Header, head: &[u8]) -> Option<Event> {
    match header.kind {
        Kind::Event => Event::decode(&mut crate::codec::Take(head)).ok(),
        Kind::Message if header.settles => Head::decode(head).ok()?.settles,
        Kind::Message => None,
        Kind::Mark | Kind::Closed => None,
    }
}

fn found(header: &Header) -> Found {
    Found {
        id: header.id,
        at: header.at,
        bytes: header.record_bytes(),
        body_bytes: header.body_bytes,
        recipients: header.recipients,
        large: header.large,
    }
}

/// Puts the segments of earlier runs into the index, unread. Cheap: it opens them and reads
/// one block of each.
pub(crate) fn register(shared: &Shared, segments: &[u32]) -> Result<(), SpoolError> {
    for &number in segments {
        let name = segment::path(number);
        let file = shared.disk.open(&name).map_err(SpoolError::io("open", &*name))?;
        // One that cannot be read is left alone, as its records are; see [`Job::read`].
        if let Err(error @ SpoolError::Version { .. }) = Title::read(&*file, number) {
            return Err(error);
        }
        let bytes = file.len().map_err(SpoolError::io("measure", name))?;
        let known = crate::index::Segment::new(file, SegmentState::Unread, bytes);
        shared.index.lock().segments.insert(number, known);
    }
    shared.index.lock().recovering = true;
    Ok(())
}

/// The end of a segment as the writer would have it.
fn block_end(end: u64) -> u64 {
    end.next_multiple_of(BLOCK_BYTES)
}
