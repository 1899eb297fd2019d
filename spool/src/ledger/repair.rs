//! Brings the ledger up to the segments after a crash.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use mail::Timestamp;
use tracing::info;

use super::files::{self, Known, frames, tail};
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
    /// What is behind does not count.
    pub(crate) limit: Option<u64>,
    pub(crate) file: Arc<dyn DiskFile>,
}

impl Ledger {
    /// Writes the facts that earlier runs did not get to write, in files of their own. Durable
    /// when it returns; may be done twice.
    pub(crate) fn repair(&self, segments: &[OldSegment], now: Timestamp) -> Result<(), SpoolError> {
        let numbers: BTreeSet<u32> = segments.iter().map(|it| it.number).collect();
        let mut runs: BTreeSet<u32> = self.files.lock().iter().map(|it| it.run).collect();
        // Before the first ledger file there was a run too.
        runs.insert(0);
        let runs: Vec<u32> = runs.into_iter().collect();
        for (n, &run) in runs.iter().enumerate() {
            let end = runs.get(n + 1).copied().unwrap_or(u32::MAX);
            let own = segments.iter().filter(|it| (run..end).contains(&it.number));
            let own: Vec<&OldSegment> = own.collect();
            if !own.is_empty() {
                self.repair_run(run, &numbers, &own, now)?;
            }
        }
        Ok(())
    }

    fn repair_run(
        &self,
        run: u32,
        numbers: &BTreeSet<u32>,
        segments: &[&OldSegment],
        now: Timestamp,
    ) -> Result<(), SpoolError> {
        let own: Vec<Known> =
            self.files.lock().iter().filter(|it| it.run == run).cloned().collect();
        let (follows, after) = end_of(&own, numbers)?;
        let mut facts = Facts::default();
        if let (Some(known), Some((_, sure))) = (own.last(), follows) {
            facts.add_unsure(known, sure)?;
        }
        for old in segments.iter().filter(|it| it.number >= after.segment) {
            facts.add_segment(old, after)?;
        }
        let facts = facts.frames.into_values().collect::<Vec<_>>().concat();
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
            writer.end_sync(&sync, true);
            // The mark; without it the next start does this work again.
            let _ = writer.write(&*self.disk, now);
        }
        let mut files = self.files.lock();
        if let Some((number, len)) = follows
            && let Some(known) = files.iter_mut().find(|it| it.number == number)
        {
            known.len = Some(len);
        }
        files.extend(writer.current());
        files.sort_by_key(|it| (it.run, it.number));
        Ok(())
    }

    fn take_number(&self) -> u32 {
        self.writer.lock().take_number()
    }
}

/// The last file of a run with how much of it counts, and the last place of the log that any of
/// its files knows: the last one may have been begun and no more.
fn end_of(
    files: &[Known],
    numbers: &BTreeSet<u32>,
) -> Result<(Option<(u32, u64)>, Lsn), SpoolError> {
    let mut follows = None;
    for known in files.iter().rev() {
        let tail = tail(known, |it| numbers.contains(&it))
            .map_err(SpoolError::io("read", files::path(known.number)))?;
        follows = follows.or(Some((known.number, tail.len)));
        if tail.last != Lsn::default() {
            return Ok((follows, tail.last));
        }
    }
    Ok((follows, Lsn::default()))
}

/// Facts on their way into a repaired file, in the order of the log.
#[derive(Default)]
struct Facts {
    frames: BTreeMap<Lsn, Vec<u8>>,
    /// A batch that failed and was written again is there twice.
    seen: HashSet<(u64, bool, u32)>,
}

impl Facts {
    fn add(
        &mut self,
        at: Lsn,
        id: u64,
        message: bool,
        head: &[u8],
        frame: impl FnOnce() -> Vec<u8>,
    ) {
        if self.seen.insert((id, message, crc32fast::hash(head))) {
            self.frames.insert(at, frame());
        }
    }

    /// What the unsure end of a file says: it was noted after a sync, so it is true, and its
    /// segment may be damaged since.
    fn add_unsure(&mut self, known: &Known, sure: u64) -> Result<(), SpoolError> {
        frames(&*known.file, known.len, |frame, end| {
            if end > sure && frame.kind != Kind::Mark {
                let message = frame.kind == Kind::Message;
                let raw = || frame.raw.to_vec();
                self.add(frame.at, frame.id.as_u64(), message, frame.content, raw);
            }
            ControlFlow::Continue(())
        })
        .map_err(SpoolError::io("read", files::path(known.number)))?;
        Ok(())
    }

    fn add_segment(&mut self, old: &OldSegment, after: Lsn) -> Result<(), SpoolError> {
        scan(&*old.file, old.number, old.limit, |header, head| {
            let fact = matches!(header.kind, Kind::Message | Kind::Event);
            if fact && header.origin.is_none() && header.at > after {
                self.add(header.at, header.id, header.kind == Kind::Message, head, || {
                    let mut frame = Vec::new();
                    frame::append(&mut frame, header, head);
                    frame
                });
            }
        })
        .map_err(SpoolError::io("read", segment::path(old.number)))?;
        Ok(())
    }
}
