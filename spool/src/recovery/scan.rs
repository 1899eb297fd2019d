//! Reads one segment from front to back, whatever state a crash or a bad disk left it in.

use std::io;
use std::ops::Range;

use crate::disk::{DiskFile, read_full};
use crate::record::{BLOCK_BYTES, HEADER_BYTES, Header, Kind, Lsn, MAGIC};
use crate::segment::FIRST_RECORD;

/// A window over a file, moved forward in large reads.
pub(crate) struct Window<'a> {
    file: &'a dyn DiskFile,
    file_bytes: u64,
    step: usize,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(crate) fn new(file: &'a dyn DiskFile, step: usize) -> io::Result<Self> {
        Ok(Self { file, file_bytes: file.len()?, step, start: 0, bytes: Vec::new() })
    }

    /// The file has been written to: what was read is read again.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        self.bytes.clear();
        self.file_bytes = self.file.len()?;
        Ok(())
    }

    /// `None` when the file is not that long.
    pub(crate) fn get(&mut self, at: u64, n: usize) -> io::Result<Option<&[u8]>> {
        let n_bytes = n as u64;
        if at.checked_add(n_bytes).is_none_or(|end| end > self.file_bytes) {
            return Ok(None);
        }
        let inside = at >= self.start && at + n_bytes <= self.start + self.bytes.len() as u64;
        if !inside {
            let left = usize::try_from(self.file_bytes - at).unwrap_or(usize::MAX);
            self.bytes.resize(n.max(self.step).min(left), 0);
            self.start = at;
            let got = read_full(self.file, at, &mut self.bytes)?;
            self.bytes.truncate(got);
        }
        let from = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..).and_then(|it| it.get(..n)))
    }
}

/// What is wrong with a range of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) range: Range<u64>,
    /// The record whose head is whole and whose body is not.
    pub(crate) id: Option<u64>,
    /// A record of the same batch is before it, or nothing is.
    batch: Option<u32>,
}

/// What a segment holds, beside its records.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// End of the last good record.
    pub(crate) end: u64,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) last_batch: Option<u32>,
    /// Where the last batch begins.
    pub(crate) last_batch_at: u64,
    /// The last record says that the run was stopped in order.
    pub(crate) closed: bool,
    /// Something that was begun and not finished is behind the end.
    pub(crate) torn: bool,
}

enum Probe {
    Record(Header),
    /// Head whole, body not.
    Damaged(Header),
    Nothing,
}

const STEP_BYTES: usize = 1 << 20;

/// Shows every good record before `limit` to `visit`, with its head section. Changes nothing.
pub(crate) fn scan(
    file: &dyn DiskFile,
    segment: u32,
    limit: Option<u64>,
    mut visit: impl FnMut(&Header, &[u8]),
) -> io::Result<Scan> {
    let mut window = Window::new(file, STEP_BYTES)?;
    window.file_bytes = window.file_bytes.min(limit.unwrap_or(u64::MAX));
    let mut scan = Scan { end: FIRST_RECORD, ..Scan::default() };
    let mut at = FIRST_RECORD;
    loop {
        match probe(&mut window, segment, at)? {
            Probe::Record(header) => {
                let front = HEADER_BYTES + header.head_bytes as usize;
                if let Some(front) = window.get(at, front)? {
                    visit(&header, &front[HEADER_BYTES..]);
                }
                at += header.record_bytes();
                scan.end = at;
                scan.closed = header.kind == Kind::Closed;
                if scan.last_batch != Some(header.batch) {
                    scan.last_batch = Some(header.batch);
                    scan.last_batch_at = u64::from(header.at.offset);
                }
            }
            Probe::Damaged(header) => {
                let range = at..at + header.record_bytes();
                at = range.end;
                let (id, batch) = (Some(header.id), Some(header.batch));
                scan.gaps.push(Gap { range, id, batch });
            }
            Probe::Nothing => match next_record(&mut window, segment, at)? {
                Next::Padding(next) => at = next,
                Next::Gap(next) => {
                    let batch = scan.last_batch;
                    scan.gaps.push(Gap { range: at..next, id: None, batch });
                    at = next;
                }
                Next::End { torn } => {
                    scan.torn = torn;
                    return Ok(scan);
                }
            },
        }
    }
}

/// Whether a good record is at `from` or behind it.
pub(crate) fn any_record_behind(file: &dyn DiskFile, segment: u32, from: u64) -> io::Result<bool> {
    let mut window = Window::new(file, STEP_BYTES)?;
    let first = probe(&mut window, segment, from)?;
    let next = next_record(&mut window, segment, from)?;
    Ok(!matches!(first, Probe::Nothing) || !matches!(next, Next::End { .. }))
}

impl Scan {
    /// Splits the gaps: those in what was surely synced, which are damage, stay; those of a
    /// batch that was being written at a crash go, and are the torn tail's. `proven_end`: up to
    /// where a later segment says that this one was synced.
    pub(crate) fn settle_gaps(&mut self, proven_end: Option<u64>) {
        if self.closed {
            return;
        }
        let proven_end = proven_end.unwrap_or(0);
        if proven_end > self.end.next_multiple_of(BLOCK_BYTES) {
            let (range, batch) = (self.end..proven_end, self.last_batch);
            self.gaps.push(Gap { range, id: None, batch });
            self.torn = false;
        }
        let last = self.last_batch;
        let n = self.gaps.len();
        self.gaps.retain(|gap| {
            let in_last_batch = match (gap.batch, last) {
                (Some(gap), Some(last)) => gap >= last,
                (_, None) => true,
                (None, Some(last)) => last == 0,
            };
            gap.range.start < proven_end || !in_last_batch
        });
        self.torn |= self.gaps.len() < n;
    }
}

fn probe(window: &mut Window<'_>, segment: u32, at: u64) -> io::Result<Probe> {
    let Ok(offset) = u32::try_from(at) else { return Ok(Probe::Nothing) };
    let place = Lsn { segment, offset };
    let Some(bytes) = window.get(at, HEADER_BYTES)? else { return Ok(Probe::Nothing) };
    let Some(header) = Header::peek(bytes, place) else { return Ok(Probe::Nothing) };
    let front = HEADER_BYTES + header.head_bytes as usize;
    let Some(bytes) = window.get(at, front)? else { return Ok(Probe::Nothing) };
    if !header.check(bytes) {
        return Ok(Probe::Nothing);
    }
    let all = usize::try_from(header.record_bytes()).unwrap_or(usize::MAX);
    let body = window.get(at, all)?.map(|it| &it[front..]);
    let good = header.large || body.is_some_and(|it| crc32fast::hash(it) == header.body_crc);
    Ok(if good { Probe::Record(header) } else { Probe::Damaged(header) })
}

enum Next {
    /// A batch ended here; the next one begins at its block.
    Padding(u64),
    Gap(u64),
    End {
        torn: bool,
    },
}

/// Looks for a record behind something that is none.
fn next_record(window: &mut Window<'_>, segment: u32, at: u64) -> io::Result<Next> {
    let block = at.next_multiple_of(BLOCK_BYTES);
    if block != at && !matches!(probe(window, segment, block)?, Probe::Nothing) {
        return Ok(Next::Padding(block));
    }
    // One that carries our number but does not check was begun and not finished.
    let mut torn = false;
    let mut from = at;
    while let Some((hit, end)) = find_magic(window, from)? {
        if let Some(hit) = hit {
            let offset = u32::try_from(hit).unwrap_or(u32::MAX);
            let ours = window
                .get(hit, HEADER_BYTES)?
                .and_then(|it| Header::peek(it, Lsn { segment, offset }));
            if ours.is_some() {
                torn = true;
                if !matches!(probe(window, segment, hit)?, Probe::Nothing) {
                    return Ok(Next::Gap(hit));
                }
            }
        }
        from = end;
    }
    Ok(Next::End { torn })
}

/// The next magic at or behind `from` within one step, and where to go on. `None` at the end.
fn find_magic(window: &mut Window<'_>, from: u64) -> io::Result<Option<(Option<u64>, u64)>> {
    let left = window.file_bytes.saturating_sub(from);
    if left < HEADER_BYTES as u64 {
        return Ok(None);
    }
    let n = usize::try_from(left.min(STEP_BYTES as u64 / 2)).unwrap_or(0);
    let Some(bytes) = window.get(from, n)? else { return Ok(None) };
    Ok(Some(match memchr::memmem::find(bytes, &MAGIC) {
        Some(hit) => (Some(from + hit as u64), from + hit as u64 + 1),
        // The last three bytes may be the beginning of one.
        None => (None, from + (n - 3) as u64),
    }))
}
