//! From the contents of segments to the index and the list of what waits.

use std::io;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use mail::{SpoolId, Timestamp};
use rustix::io::Errno;
use tracing::{error, warn};

use super::notes::{Folded, Note, fold};
use super::scan::Window;
use super::{Contents, Found, Recovered, block_end};
use crate::corrupt;
use crate::disk::DiskFile;
use crate::head::Head;
use crate::index::{Entry, SegmentState};
use crate::large;
use crate::queue::Settlement;
use crate::record::{HEADER_BYTES, Header, Lsn};
use crate::shared::Shared;

/// Who holds a message whose body is not there.
const HELD_BY: &str = "spool";
/// How often, and how far apart, a body is opened while descriptors are out: for 30 seconds.
const OPENS_MAX: u32 = 300;
const OPEN_PAUSE: Duration = Duration::from_millis(100);
const WINDOW_BYTES: usize = 256 * 1024;

/// What waits, in the order of ids.
pub(super) struct Listing {
    ids: Vec<u64>,
    /// Sorted by id, then by the order of writing.
    notes: Vec<Note>,
    /// Last segments of runs that ended without order.
    unclean_ends: Vec<u32>,
    /// What a segment that cannot be read says of any recipient is not known.
    unread: bool,
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
    let unread = index.segments.values().any(|it| it.state == SegmentState::Unread);
    let found = contents.iter().flat_map(|it| &it.messages).map(|it| it.id);
    let mut ids: Vec<u64> = found.filter(|id| index.waiting(*id).is_some()).collect();
    ids.sort_unstable();
    ids.dedup();
    drop(index);
    let mut notes: Vec<Note> = contents.into_iter().flat_map(|it| it.notes).collect();
    notes.retain(|it| ids.binary_search(&it.id).is_ok());
    notes.sort_by_key(|it| (it.id, it.written));
    Listing { ids, notes, unclean_ends, unread, now: shared.clock.now() }
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

/// Removes large bodies that no waiting message names: never accepted, or settled. With damage in
/// some segment its record may just not be readable: then they are put into `corrupt/`.
pub(super) fn remove_orphans(shared: &Shared, any_damage: bool) {
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
        if wanted || shared.ids.is_own(id.as_u64()) {
            continue;
        }
        if any_damage {
            corrupt::keep_body(shared, id);
        } else {
            let _ = shared.disk.unlink(&large::path(id));
        }
    }
}

impl Listing {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn send_all(self, shared: &Shared, sender: &SyncSender<Recovered>) {
        let mut ids = self.ids.iter().copied().peekable();
        while let Some(first) = ids.peek().copied() {
            let Some((entry, file)) = place_of(shared, first) else {
                ids.next();
                continue;
            };
            match Window::new(&*file, WINDOW_BYTES) {
                Ok(window) => {
                    if !self.send_from(shared, (entry.at.segment, window), &mut ids, sender) {
                        return;
                    }
                }
                Err(error) => {
                    corrupt::lose_record(shared, SpoolId::from_u64(first), &entry, &error);
                    ids.next();
                }
            }
        }
    }

    /// Lists messages as long as they are in this segment: ids in their order lie mostly in the
    /// order of the log, so one window serves many. False when nobody listens any more.
    fn send_from(
        &self,
        shared: &Shared,
        (segment, mut window): (u32, Window<'_>),
        ids: &mut Peekable<impl Iterator<Item = u64>>,
        sender: &SyncSender<Recovered>,
    ) -> bool {
        while let Some(id) = ids.peek().copied() {
            let entry = shared.index.lock().waiting(id);
            let Some(entry) = entry.filter(|it| it.at.segment == segment) else { return true };
            match self.read(shared, &mut window, id, &entry) {
                Ok(recovered) => {
                    if sender.send(recovered).is_err() {
                        return false;
                    }
                }
                // Compaction moved it in this moment: it is looked for where it is now.
                Err(_) if !is_at(shared, id, entry.at) => return true,
                Err(error) => {
                    corrupt::lose_record(shared, SpoolId::from_u64(id), &entry, &error);
                }
            }
            ids.next();
        }
        true
    }

    fn read(
        &self,
        shared: &Shared,
        window: &mut Window<'_>,
        id: u64,
        entry: &Entry,
    ) -> io::Result<Recovered> {
        let spool_id = SpoolId::from_u64(id);
        let (header, head) = read_head(window, id, entry.at).or_else(|_| {
            // Of a segment that is being written to, the window may be out of date.
            window.refresh()?;
            read_head(window, id, entry.at)
        })?;
        let held =
            if header.large { why_no_body(shared, spool_id, header.body_bytes) } else { None };
        let accepted = header.origin.unwrap_or(header.at);
        let mut folded = fold(self.notes_of(id), header.recipients, accepted);
        let index = shared.index.lock();
        for (recipient, it) in (0..=u16::MAX).zip(&mut folded) {
            it.state.settled = index.is_settled(id, recipient);
            it.state.maybe_duplicate = self.maybe_duplicate(it);
            if let Some(why) = &held {
                it.state.held_by = Some(HELD_BY.to_owned());
                it.state.last_reply = Some(why.clone());
            }
        }
        drop(index);
        Ok(Recovered {
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
        let any_doubt = state.maybe_duplicate || self.unread;
        let cut_off = || self.unclean_ends.iter().any(|&it| it >= folded.last_segment);
        !state.settled && (any_doubt || !waited && cut_off())
    }
}

fn read_head(window: &mut Window<'_>, id: u64, at: Lsn) -> io::Result<(Header, Head)> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the record does not check");
    let offset = u64::from(at.offset);
    let header = window.get(offset, HEADER_BYTES)?.and_then(|it| Header::peek(it, at));
    let header = header.filter(|it| it.id == id).ok_or_else(damaged)?;
    let front = window.get(offset, HEADER_BYTES + header.head_bytes as usize)?;
    let front = front.filter(|it| header.check(it)).ok_or_else(damaged)?;
    let head = Head::decode(&front[HEADER_BYTES..]);
    Ok((header, head.map_err(|it| io::Error::new(io::ErrorKind::InvalidData, it.to_string()))?))
}

/// Where a message that waits is now.
fn place_of(shared: &Shared, id: u64) -> Option<(Entry, Arc<dyn DiskFile>)> {
    let index = shared.index.lock();
    let entry = index.waiting(id)?;
    let file = index.segments.get(&entry.at.segment).map(|it| Arc::clone(&it.file))?;
    Some((entry, file))
}

fn is_at(shared: &Shared, id: u64, at: Lsn) -> bool {
    shared.index.lock().get(id).is_some_and(|it| it.at == at)
}

/// What is wrong with the body of a large message. It waits on hold then: an operator can bring
/// the file back, or give up on the message.
fn why_no_body(shared: &Shared, id: SpoolId, bytes: u64) -> Option<String> {
    let error = open_patiently(shared, id, bytes).err()?;
    shared.count_corrupt();
    error!(%id, %error, "The body of a large message cannot be read; the message is on hold.");
    Some(format!("its body, {}, cannot be read: {error}", large::path(id)))
}

/// Descriptors that ran out come back when connections end.
fn open_patiently(shared: &Shared, id: SpoolId, bytes: u64) -> io::Result<()> {
    let out_of_descriptors = |it: &io::Error| {
        let errno = it.raw_os_error().map(Errno::from_raw_os_error);
        matches!(errno, Some(Errno::MFILE | Errno::NFILE))
    };
    for _ in 0..OPENS_MAX {
        match large::open(&*shared.disk, id, bytes) {
            Err(error) if out_of_descriptors(&error) && !shared.upkeep.is_closed() => {
                thread::sleep(OPEN_PAUSE);
            }
            done => return done.map(drop),
        }
    }
    large::open(&*shared.disk, id, bytes).map(drop)
}
