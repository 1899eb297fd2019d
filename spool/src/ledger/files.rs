//! The ledger's files, and reading their frames.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use mail::Timestamp;

use super::frame::{Frame, TITLE_BYTES, Title, length, resync};
use crate::disk::{Disk, DiskFile, read_full};
use crate::error::SpoolError;
use crate::record::{Kind, Lsn};

/// Folder of the ledger.
pub(crate) const DIR: &str = "ledger";

pub(super) fn path(number: u32) -> String {
    format!("{DIR}/{number:08x}.led")
}

fn number(name: &str) -> Option<u32> {
    let hex = name.strip_suffix(".led").filter(|it| it.len() == 8)?;
    u32::from_str_radix(hex, 16).ok()
}

/// One file that can be read.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) number: u32,
    pub(super) run: u32,
    pub(super) made_at: Timestamp,
    pub(super) file: Arc<dyn DiskFile>,
    /// How much of it counts, as its successor says. What is behind was written again there.
    pub(super) len: Option<u64>,
}

/// All files in the order of the log: by run, then by number. A run's missing facts are written
/// by a later start, in a file with a later number. One whose title cannot be read is left out and left alone.
pub(super) fn list(disk: &dyn Disk) -> Result<Vec<Known>, SpoolError> {
    let names = disk.list(DIR).map_err(SpoolError::io("list", DIR))?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|it| number(it)).collect();
    numbers.sort_unstable();
    let mut all: Vec<Known> = Vec::new();
    for number in numbers {
        let file = disk.open(&path(number)).map_err(SpoolError::io("open", path(number)))?;
        let mut bytes = [0; TITLE_BYTES];
        let n = read_full(&*file, 0, &mut bytes).map_err(SpoolError::io("read", path(number)))?;
        let Some(title) = Title::decode(&bytes[..n], number)? else { continue };
        if let Some((earlier, len)) = title.follows
            && let Some(earlier) = all.iter_mut().find(|it| it.number == earlier)
        {
            earlier.len = Some(len);
        }
        all.push(Known { number, run: title.run, made_at: title.made_at, file, len: None });
    }
    all.sort_by_key(|it| (it.run, it.number));
    Ok(all)
}

/// The highest number in the folder, readable or not; no number is used twice.
pub(super) fn highest(disk: &dyn Disk) -> Result<u32, SpoolError> {
    let names = disk.list(DIR).map_err(SpoolError::io("list", DIR))?;
    Ok(names.iter().filter_map(|it| number(it)).max().unwrap_or(0))
}

/// What reading a file came upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// Bytes that are no frames, before the last good one.
    pub(super) damaged: u64,
    /// End of the last good frame.
    pub(super) end: u64,
}

const STEP_BYTES: usize = 1 << 20;

/// Shows every good frame and where it ends, in order, until `visit` breaks. Reads in large
/// steps; memory is one step, or one frame if that is longer.
pub(super) fn frames(
    file: &dyn DiskFile,
    len: Option<u64>,
    mut visit: impl FnMut(&Frame<'_>, u64) -> ControlFlow<()>,
) -> io::Result<Read> {
    let len = len.unwrap_or(u64::MAX).min(file.len()?);
    let mut read = Read { damaged: 0, end: TITLE_BYTES as u64 };
    let mut at = TITLE_BYTES as u64;
    let (mut bytes, mut start) = (Vec::new(), at);
    while at < len {
        let front = usize::try_from(at - start).unwrap_or(usize::MAX);
        let have: &[u8] = bytes.get(front..).unwrap_or_default();
        match Frame::read(have) {
            Some((frame, n)) => {
                read.damaged += at - read.end;
                at += n as u64;
                read.end = at;
                if visit(&frame, at).is_break() {
                    return Ok(read);
                }
            }
            None => {
                // Read further before anything is called damaged.
                let wanted = length(have).unwrap_or(STEP_BYTES / 2);
                let left = usize::try_from(len - at).unwrap_or(usize::MAX);
                if have.len() < wanted.min(left) || bytes.is_empty() {
                    bytes.resize(wanted.max(STEP_BYTES).min(left), 0);
                    let n = read_full(file, at, &mut bytes)?;
                    bytes.truncate(n);
                    start = at;
                    if n < wanted.min(left) {
                        return Ok(read);
                    }
                    if Frame::read(&bytes).is_some() {
                        continue;
                    }
                }
                let front = usize::try_from(at - start).unwrap_or(usize::MAX);
                let have: &[u8] = bytes.get(front..).unwrap_or_default();
                // A magic may lie across the end of what was read.
                at += resync(have).unwrap_or_else(|| have.len().saturating_sub(3).max(1)) as u64;
            }
        }
    }
    Ok(read)
}

/// Where a file of an earlier run ends, and the last place of the log that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) len: u64,
    pub(super) last: Lsn,
}

/// Finds the end of what was surely synced: what a mark says, and everything up to the last
/// frame whose segment is gone, because no segment goes before that. What is behind may be in
/// the page cache only, or have holes after a power cut; it is written again from the segments.
pub(super) fn tail(known: &Known, exists: impl Fn(u32) -> bool) -> io::Result<Tail> {
    // A successor tells what was synced.
    let mut sure = known.len.unwrap_or(TITLE_BYTES as u64);
    frames(&*known.file, known.len, |frame, end| {
        if frame.kind == Kind::Mark {
            if frame.at.segment == known.number {
                sure = sure.max(frame.size);
            }
        } else if !exists(frame.at.segment) {
            sure = sure.max(end);
        }
        ControlFlow::Continue(())
    })?;
    let mut last = Lsn::default();
    let read = frames(&*known.file, Some(sure), |frame, _| {
        if frame.kind != Kind::Mark {
            last = last.max(frame.at);
        }
        ControlFlow::Continue(())
    })?;
    Ok(Tail { len: read.end.max(sure), last })
}
