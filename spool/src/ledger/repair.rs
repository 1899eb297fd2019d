//! Brings the ledger up to the segments after a crash.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use mail::Timestamp;
use tracing::info;

use super::files::{self, Known, tail};
use super::writer::Writer;
use super::{Ledger, frame};
use crate::disk::DiskFile;
use crate::error::SpoolError;
use crate::record::{Kind, Lsn};
use crate::recovery::scan::scan;
use crate::segment;

/// A segment of an earlier run.
pub(crate) struct OldSegment {
    pub(crate) number: u32,
    pub(crate) file: Arc<dyn DiskFile>,
}

impl Ledger {
    /// Writes the facts that earlier runs did not get to write, in files of their own. `voided`
    /// are messages that were refused after all. Durable when it returns; may be done twice.
    pub(crate) fn repair(
        &self,
        segments: &[OldSegment],
        voided: &HashSet<u64>,
        now: Timestamp,
    ) -> Result<(), SpoolError> {
        let Some(oldest) = segments.iter().map(|it| it.number).min() else { return Ok(()) };
        let mut runs: BTreeSet<u32> = self.files.lock().iter().map(|it| it.run).collect();
        // Before the first ledger file there was a run too.
        runs.insert(0);
        let runs: Vec<u32> = runs.into_iter().collect();
        for (n, &run) in runs.iter().enumerate() {
            let end = runs.get(n + 1).copied().unwrap_or(u32::MAX);
            let own = segments.iter().filter(|it| (run..end).contains(&it.number));
            let own: Vec<&OldSegment> = own.collect();
            if !own.is_empty() {
                self.repair_run(run, oldest, &own, voided, now)?;
            }
        }
        Ok(())
    }

    fn repair_run(
        &self,
        run: u32,
        oldest: u32,
        segments: &[&OldSegment],
        voided: &HashSet<u64>,
        now: Timestamp,
    ) -> Result<(), SpoolError> {
        let own = self.files.lock().iter().filter(|it| it.run == run).cloned().collect();
        let (follows, after) = end_of(own, oldest)?;
        let facts = collect(segments, after, voided)?;
        if facts.is_empty() {
            return Ok(());
        }
        info!(run, bytes = facts.len(), "The ledger is repaired from the spool.");
        let number = self.take_number();
        let mut writer = Writer::new(run, number, u64::MAX, now);
        writer.follow(follows);
        writer.append(facts);
        let sync = writer.begin_sync(&*self.disk, now)?;
        if let Some(sync) = sync {
            sync.run(&*self.disk)?;
        }
        let mut files = self.files.lock();
        if let Some((number, len)) = follows
            && let Some(known) = files.iter_mut().find(|it| it.number == number)
        {
            known.len = Some(len);
        }
        files.extend(writer.current());
        files.sort_by_key(|it| it.number);
        Ok(())
    }

    fn take_number(&self) -> u32 {
        self.writer.lock().take_number()
    }
}

/// The last file of a run with how much of it counts, and the last place of the log that any of
/// its files knows: the last one may have been begun and no more.
fn end_of(files: Vec<Known>, oldest: u32) -> Result<(Option<(u32, u64)>, Lsn), SpoolError> {
    let mut follows = None;
    for known in files.iter().rev() {
        let tail = tail(&*known.file, known.len, oldest)
            .map_err(SpoolError::io("read", files::path(known.number)))?;
        follows = follows.or(Some((known.number, tail.len)));
        if tail.last != Lsn::default() {
            return Ok((follows, tail.last));
        }
    }
    Ok((follows, Lsn::default()))
}

/// Frames of all facts behind `after`. A batch that failed and was written again is there twice.
fn collect(
    segments: &[&OldSegment],
    after: Lsn,
    voided: &HashSet<u64>,
) -> Result<Vec<u8>, SpoolError> {
    let (mut out, mut seen) = (Vec::new(), HashSet::new());
    for old in segments.iter().filter(|it| it.number >= after.segment) {
        scan(&*old.file, old.number, |header, head| {
            let fact = matches!(header.kind, Kind::Message | Kind::Event);
            let refused = header.kind == Kind::Message && voided.contains(&header.id);
            if fact && !refused && header.origin.is_none() && header.at > after {
                let print = (header.id, header.kind == Kind::Message, crc32fast::hash(head));
                if seen.insert(print) {
                    frame::append(&mut out, header, head);
                }
            }
        })
        .map_err(SpoolError::io("read", segment::path(old.number)))?;
    }
    Ok(out)
}
