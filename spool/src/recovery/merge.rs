//! From the contents of segments to the index and the list of what waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use mail::{SpoolId, Timestamp};
use tracing::{error, warn};

use super::notes::{Folded, Note, fold};
use super::scan::Window;
use super::{Contents, Found, Recovered, block_end};
use crate::disk::DiskFile;
use crate::head::Head;
use crate::index::{Entry, SegmentState};
use crate::large;
use crate::queue::Settlement;
use crate::record::{HEADER_BYTES, Header, Lsn};
use crate::shared::Shared;

/// What waits, in the order of ids.
pub(super) struct Listing {
    ids: Vec<u64>,
    /// Sorted by id, then by the order of writing.
    notes: Vec<Note>,
    /// Last segments of runs that ended without order.
    unclean_ends: Vec<u32>,
    now: Timestamp,
}

/// Fills the index. From here on segments may be freed.
pub(super) fn publish(shared: &Shared, mut contents: Vec<Contents>) -> Listing {
    let unclean_ends = unclean_ends(&contents);
    let highest = contents.iter().flat_map(|it| &it.messages).map(|it| it.id).max();
    shared.ids.rise_above(highest.unwrap_or(0));
    let mut index = shared.index.lock();
    for it in &mut contents {
        let Some(segment) = index.segments.get_mut(&it.segment) else { continue };
        segment.state = SegmentState::Sealed;
        segment.end = block_end(it.scan.end);
        segment.events = std::mem::take(&mut it.events);
        segment.ghosts = it.ghosts;
    }
    for found in contents.iter().flat_map(|it| &it.messages) {
        // Found twice: a batch written again or a copy by compaction. The later one counts.
        if let Some(earlier) = index.get(found.id) {
            index.supersede(found.id, earlier);
        }
        index.insert(found.id, entry(found));
        if found.large {
            shared.counts.add_large(found.body_bytes);
        }
    }
    for (segment, (id, recipient)) in
        contents.iter().flat_map(|it| it.settled.iter().map(|pair| (it.segment, *pair)))
    {
        let fate = Some(crate::event::Settled::Delivered);
        index.settle(segment, &Settlement { id, recipients: vec![recipient], fate });
    }
    index.end_recovery();
    shared.metrics.queued.set(i64::try_from(index.queued()).unwrap_or(i64::MAX));
    // Only what was found: mail that this run has accepted meanwhile is in its queues already.
    let found = contents.iter().flat_map(|it| &it.messages).map(|it| it.id);
    let mut ids: Vec<u64> = found.filter(|id| index.waiting(*id).is_some()).collect();
    ids.sort_unstable();
    ids.dedup();
    drop(index);
    let mut notes: Vec<Note> = contents.into_iter().flat_map(|it| it.notes).collect();
    notes.retain(|it| ids.binary_search(&it.id).is_ok());
    notes.sort_by_key(|it| (it.id, it.written));
    Listing { ids, notes, unclean_ends, now: shared.clock.now() }
}

fn entry(found: &Found) -> Entry {
    Entry::new(found.at, found.bytes, found.recipients, found.large)
}

/// The last segment with a record of every run that was not stopped in order.
fn unclean_ends(contents: &[Contents]) -> Vec<u32> {
    let (mut ends, mut open, mut run) = (Vec::new(), None, None);
    for it in contents {
        let own = it.title.map(|title| title.run);
        if own.is_some() && own != run {
            ends.extend(open.take());
            run = own;
        }
        if it.scan.last_batch.is_some() {
            open = (!it.scan.closed).then_some(it.segment);
        }
    }
    ends.extend(open);
    ends
}

/// Removes large bodies that no waiting message names: never accepted, or settled.
pub(super) fn remove_orphans(shared: &Shared) {
    let names = match shared.disk.list(large::DIR) {
        Ok(names) => names,
        Err(error) => return warn!(%error, "Cannot list large bodies."),
    };
    for name in names {
        let Ok(id) = name.parse::<SpoolId>() else { continue };
        let index = shared.index.lock();
        // What an unreadable segment names is not known.
        if index.segments.values().any(|it| it.state == SegmentState::Unread) {
            return;
        }
        drop(index);
        let wanted = shared.index.lock().waiting(id.as_u64()).is_some();
        if !wanted && !shared.ids.is_own(id.as_u64()) {
            let _ = shared.disk.unlink(&large::path(id));
        }
    }
}

impl Listing {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn send_all(self, shared: &Shared, sender: &SyncSender<Recovered>) {
        let mut files: HashMap<u32, Arc<dyn DiskFile>> = HashMap::new();
        let mut ids = self.ids.iter().peekable();
        // Ids in their order lie mostly in the order of the log: one window serves many.
        while let Some(first) = ids.peek() {
            let Some(entry) = shared.index.lock().waiting(**first) else {
                ids.next();
                continue;
            };
            let segment = entry.at.segment;
            let Some(file) = file_of(shared, segment, &mut files) else {
                ids.next();
                continue;
            };
            let Ok(mut window) = Window::new(&*file, 256 * 1024) else {
                ids.next();
                continue;
            };
            while let Some(&&id) = ids.peek() {
                let Some(entry) = shared.index.lock().waiting(id) else {
                    ids.next();
                    continue;
                };
                if entry.at.segment != segment {
                    break;
                }
                ids.next();
                let Some(recovered) = self.read(shared, &mut window, id, &entry) else { continue };
                if sender.send(recovered).is_err() {
                    return;
                }
            }
        }
    }

    fn read(
        &self,
        shared: &Shared,
        window: &mut Window<'_>,
        id: u64,
        entry: &Entry,
    ) -> Option<Recovered> {
        let spool_id = SpoolId::from_u64(id);
        let read = read_head(window, entry.at);
        let Some((header, head)) = read.filter(|it| it.0.id == id) else {
            // Compacted in this moment, or damaged since the scan: loading tells.
            error!(id = %spool_id, "A message that was found cannot be read.");
            return None;
        };
        if header.large
            && let Err(error) = large::open(&*shared.disk, spool_id, header.body_bytes)
        {
            shared.metrics.corrupt.inc();
            error!(id = %spool_id, %error, "The body of a large message is missing or damaged.");
            return None;
        }
        let accepted = header.origin.unwrap_or(header.at);
        let notes = self.notes_of(id);
        let mut folded = fold(notes, header.recipients, accepted);
        let index = shared.index.lock();
        for (recipient, it) in (0_u16..).zip(&mut folded) {
            it.state.settled = index.is_settled(id, recipient);
            it.state.maybe_duplicate = self.maybe_duplicate(it);
        }
        drop(index);
        Some(Recovered {
            id: spool_id,
            accepted_at: head.accepted_at,
            size: header.body_bytes,
            envelope: head.envelope,
            recipients: folded.into_iter().map(|it| it.state).collect(),
        })
    }

    fn notes_of(&self, id: u64) -> &[Note] {
        let start = self.notes.partition_point(|it| it.id < id);
        let end = self.notes.partition_point(|it| it.id <= id);
        &self.notes[start..end]
    }

    /// An attempt had no answer, or one may have been in flight: the recipient was due when a run
    /// ended without order, and nothing was written about it later.
    fn maybe_duplicate(&self, folded: &Folded) -> bool {
        let state = &folded.state;
        let waited = state.held_by.is_some() || state.due.is_some_and(|it| it > self.now);
        let cut_off = || self.unclean_ends.iter().any(|&it| it >= folded.last_segment);
        !state.settled && (state.maybe_duplicate || !waited && cut_off())
    }
}

fn read_head(window: &mut Window<'_>, at: Lsn) -> Option<(Header, Head)> {
    let offset = u64::from(at.offset);
    let header = Header::peek(window.get(offset, HEADER_BYTES).ok()??, at)?;
    let front = window.get(offset, HEADER_BYTES + header.head_bytes as usize).ok()??;
    if !header.check(front) {
        return None;
    }
    let head = Head::decode(&front[HEADER_BYTES..]).ok()?;
    Some((header, head))
}

fn file_of(
    shared: &Shared,
    segment: u32,
    files: &mut HashMap<u32, Arc<dyn DiskFile>>,
) -> Option<Arc<dyn DiskFile>> {
    if let Some(file) = files.get(&segment) {
        return Some(Arc::clone(file));
    }
    let file = shared.index.lock().segments.get(&segment).map(|it| Arc::clone(&it.file))?;
    files.insert(segment, Arc::clone(&file));
    Some(file)
}
