//! The ledger: every acceptance and every event, in the order of the log, for as long as it is
//! kept. It follows the segments: written after the answer, synced before a segment is re-used,
//! repaired from the segments at start.

mod files;
mod frame;
mod repair;
mod since;
mod trace;
mod verify;
mod writer;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use mail::{SpoolId, Timestamp};
use parking_lot::Mutex;

use crate::disk::Disk;
use crate::error::SpoolError;
use crate::event::Event;
use crate::index::Index;
use crate::options::Clock;
use crate::options::Options;
use crate::record::Header;
pub(crate) use files::DIR;
use files::Known;
pub(crate) use repair::OldSegment;
pub use since::{Arrival, Place};
pub use trace::{Query, Story};
pub use verify::Verification;
use writer::Writer;

/// What happened to whom. Reading blocks.
pub struct Ledger {
    disk: Arc<dyn Disk>,
    /// Files of earlier runs, and those that this run finished.
    files: Mutex<Vec<Known>>,
    writer: Mutex<Writer>,
    /// Held during a sync: one at a time.
    syncing: Mutex<()>,
    keep_for: Duration,
    /// What the books must agree with.
    index: Arc<Mutex<Index>>,
    clock: Arc<dyn Clock>,
}

impl Ledger {
    /// `run`: the first segment of this run.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        run: u32,
        options: &Options,
        index: Arc<Mutex<Index>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SpoolError> {
        let files = files::list(&*disk)?;
        let next = files::highest(&*disk)? + 1;
        let writer = Writer::new(run, next, options.ledger_file_bytes, clock.now());
        let keep_for = options.ledger_keep_for;
        let (files, writer) = (Mutex::new(files), Mutex::new(writer));
        let syncing = Mutex::new(());
        Ok(Self { disk, files, writer, syncing, keep_for, index, clock })
    }

    /// Notes a durable record. Only memory; called in the order of the log.
    pub(crate) fn note(&self, header: &Header, head: &[u8]) {
        self.writer.lock().note(header, head);
    }

    /// Writes what is noted once it is much. For the commit thread, after its wake-ups.
    pub(crate) fn write_if_long(&self) {
        let mut writer = self.writer.lock();
        if writer.is_long() {
            // Kept in memory after an error, and tried again.
            let _ = writer.write(&*self.disk, self.clock.now());
        }
    }

    /// Makes everything noted so far durable. The commit thread is not held up by the sync.
    pub(crate) fn sync(&self) -> Result<(), SpoolError> {
        let _one = self.syncing.lock();
        let mut writer = self.writer.lock();
        let Some(sync) = writer.begin_sync(&*self.disk, self.clock.now())? else { return Ok(()) };
        drop(writer);
        let result = sync.run(&*self.disk);
        let mut writer = self.writer.lock();
        self.files.lock().extend(writer.end_sync(&sync, result.is_ok()));
        // The mark of it; without it a start repairs more than it must.
        let _ = writer.write(&*self.disk, self.clock.now());
        result
    }

    fn keep_since(&self, now: Timestamp) -> Timestamp {
        let keep = u64::try_from(self.keep_for.as_micros()).unwrap_or(u64::MAX);
        Timestamp::from_micros(now.as_micros().saturating_sub(keep))
    }

    /// Whether a file is older than the ledger must remember.
    pub(crate) fn may_prune(&self, now: Timestamp) -> bool {
        self.files.lock().get(1).is_some_and(|it| it.made_at < self.keep_since(now))
    }

    /// Removes files that are older than the ledger must remember, unless a message accepted
    /// while they were written still waits.
    pub(crate) fn prune(&self, now: Timestamp, oldest_waiting: Option<Timestamp>) {
        let since = self.keep_since(now);
        let limit = oldest_waiting.map_or(since, |it| it.min(since));
        let mut files = self.files.lock();
        while let [oldest, next, ..] = &files[..]
            && next.made_at < limit
            && self.disk.unlink(&files::path(oldest.number)).is_ok()
        {
            files.remove(0);
        }
    }

    /// What the spool knows of some messages, newest first, at most `limit` of them.
    pub fn trace(&self, query: &Query, limit: usize) -> Result<Vec<Story>, SpoolError> {
        let (files, _) = self.readable()?;
        trace::trace(&files, query, limit)
    }

    /// Shows what was accepted at `since` or later, in the order of the log and behind `from`, until
    /// `visit` breaks. Returns where it broke off, to go on from there; `None` at the end.
    pub fn accepted_since(
        &self,
        since: Timestamp,
        from: Option<Place>,
        visit: impl FnMut(Arrival) -> ControlFlow<()>,
    ) -> Result<Option<Place>, SpoolError> {
        let (files, _) = self.readable()?;
        since::accepted(&files, since, from, visit)
    }

    /// Shows events of the messages that are `wanted`, as [`Ledger::accepted_since`] shows messages.
    pub fn events_since(
        &self,
        since: Timestamp,
        from: Option<Place>,
        wanted: impl Fn(SpoolId) -> bool,
        visit: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<Option<Place>, SpoolError> {
        let (files, _) = self.readable()?;
        since::events(&files, since, from, wanted, visit)
    }

    /// All files with what is noted written to them, and bytes that could not be.
    fn readable(&self) -> Result<(Vec<Known>, u64), SpoolError> {
        let mut writer = self.writer.lock();
        let failed = writer.write(&*self.disk, self.clock.now()).is_err();
        let missing = if failed { writer.unwritten() } else { 0 };
        // Taken together with the writer's, so that none is missed or shown twice.
        let mut files = self.files.lock().clone();
        files.extend(writer.current());
        files.sort_by_key(|it| (it.run, it.number));
        Ok((files, missing))
    }

    /// Old facts could not be written: every segment stays until the next start tries again.
    pub(crate) fn give_up(&self) {
        self.writer.lock().give_up();
    }

    /// Bytes that are noted and not synced.
    pub(crate) fn unsynced(&self) -> usize {
        self.writer.lock().unsynced()
    }

    /// Balances the books against the spool. Reads all of the ledger; mail goes on meanwhile.
    pub fn verify(&self) -> Result<Verification, SpoolError> {
        let index = self.index.lock();
        if index.recovering {
            return Ok(Verification::not_yet());
        }
        let waiting = index.snapshot();
        // Notes are taken under the index's lock: the files end where the snapshot was taken.
        let (files, missing) = self.readable()?;
        let lens: Vec<u64> = files.iter().map(|it| it.file.len().unwrap_or(0)).collect();
        drop(index);
        verify::verify(&files, &lens, &waiting, missing)
    }
}
