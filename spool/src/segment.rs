//! Segment files: their names, their first block, and the pool of free ones.

use std::io;
use std::sync::Arc;

use mail::Timestamp;
use parking_lot::Mutex;

use crate::codec::{Put, Take};
use crate::disk::{Disk, DiskFile, fill_zeros, read_full};
use crate::error::SpoolError;
use crate::record::BLOCK_BYTES;

/// Folder of segments and free files.
pub(crate) const DIR: &str = "spool";
pub(crate) const VERSION: u16 = 1;
const MAGIC: &[u8; 8] = b"CwSpool\0";
/// Bytes of a title; the rest of its block is zeros.
const TITLE_BYTES: usize = 44;
/// Where the first record is: the block before it is the segment's own.
pub(crate) const FIRST_RECORD: u64 = BLOCK_BYTES;
/// Zeros are synced after each so many bytes.
const FILL_BYTES: u64 = 4 << 20;
/// How much of a segment is filled with zeros while somebody waits for it.
const QUICK_FILL_BYTES: u64 = 256 * 1024;

pub(crate) fn path(segment: u32) -> String {
    format!("{DIR}/seg-{segment:08x}")
}

fn spare_path(n: u32) -> String {
    format!("{DIR}/spare-{n:08x}")
}

/// The number in a segment's file name.
pub(crate) fn number(name: &str) -> Option<u32> {
    u32::from_str_radix(name.strip_prefix("seg-").filter(|it| it.len() == 8)?, 16).ok()
}

fn spare_number(name: &str) -> Option<u32> {
    u32::from_str_radix(name.strip_prefix("spare-").filter(|it| it.len() == 8)?, 16).ok()
}

/// The first block of a segment. Written with the first batch, so both are synced together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    pub(crate) segment: u32,
    /// The first segment of the run.
    pub(crate) run: u32,
    /// The last segment before this one in the same run in which something was synced, and where
    /// that ends. What is behind that, and in segments between the two, does not count: a batch
    /// that failed there was written again, or those who waited for it were refused.
    pub(crate) follows: Option<(u32, u64)>,
    pub(crate) made_at: Timestamp,
}

impl Title {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIRST_RECORD as usize);
        let (segment, end) = self.follows.unwrap_or_default();
        out.put(MAGIC);
        out.put_u16(VERSION);
        out.put_u16(0);
        out.put_u32(self.segment);
        out.put_u32(segment);
        out.put_u64(end);
        out.put_u64(self.made_at.as_micros());
        out.put_u32(self.run);
        let crc = crc32fast::hash(&out);
        out.put_u32(crc);
        out.resize(FIRST_RECORD as usize, 0);
        out
    }

    /// `Ok(None)`: unreadable, or of an earlier life of the file; the records speak for
    /// themselves. An error only for a later version, which must not be touched.
    pub(crate) fn read(file: &dyn DiskFile, segment: u32) -> Result<Option<Self>, SpoolError> {
        let mut bytes = [0; TITLE_BYTES];
        let n = read_full(file, 0, &mut bytes).map_err(SpoolError::io("read", path(segment)))?;
        if n < bytes.len() || &bytes[..8] != MAGIC {
            return Ok(None);
        }
        Self::decode(&bytes, segment)
    }

    fn decode(bytes: &[u8; TITLE_BYTES], segment: u32) -> Result<Option<Self>, SpoolError> {
        let (body, crc) = bytes.split_at(TITLE_BYTES - 4);
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Ok(None);
        }
        let mut from = Take(&body[8..]);
        let mut parse = || {
            let version = from.u16()?;
            from.u16()?;
            let own = from.u32()?;
            let follows = (from.u32()?, from.u64()?);
            Ok::<_, crate::codec::Malformed>((version, own, follows, from.u64()?, from.u32()?))
        };
        let Ok((version, own, follows, made_at, run)) = parse() else { return Ok(None) };
        if version > VERSION {
            return Err(SpoolError::Version { name: path(segment), version });
        }
        Ok((own == segment).then_some(Self {
            segment,
            run,
            follows: (follows.0 != 0).then_some(follows),
            made_at: Timestamp::from_micros(made_at),
        }))
    }
}

/// A file ready to become a segment.
struct Blank {
    name: String,
    file: Arc<dyn DiskFile>,
    zeroed: u64,
}

/// A file that has become a segment; its name is durable, its contents are not written yet.
pub(crate) struct Fresh {
    pub(crate) segment: u32,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Up to here writes change no metadata.
    pub(crate) zeroed: u64,
}

struct PoolState {
    blanks: Vec<Blank>,
    next_segment: u32,
    next_spare: u32,
}

/// The free files, and the numbers of segments to come.
///
/// A free file keeps what it held; the number of a segment is in the checksum of its records, so
/// nothing of an earlier life can be read as part of a later one. That rests on one rule: the
/// name of a segment is durable before anything is written to it, so no number is used twice.
pub(crate) struct Pool {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    spare_max: usize,
    state: Mutex<PoolState>,
}

/// Blanks kept ready: one for the next roll, one that only events may take when the disk is
/// full, so that what is in the spool can still be settled.
const BLANKS_READY: usize = 2;

/// In pieces, so that the syncs of mail in between have little to wait for.
fn fill_and_sync(file: &dyn DiskFile, bytes: u64) -> io::Result<()> {
    let mut at = 0;
    while at < bytes {
        let end = bytes.min(at + FILL_BYTES);
        fill_zeros(file, at, end)?;
        file.sync_data()?;
        at = end;
    }
    Ok(())
}

impl Pool {
    /// Takes stock of the folder. Returns the segments that are there, oldest first.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        segment_bytes: u64,
        spare_max: usize,
    ) -> Result<(Self, Vec<u32>), SpoolError> {
        let names = disk.list(DIR).map_err(SpoolError::io("list", DIR))?;
        let mut segments: Vec<u32> = names.iter().filter_map(|it| number(it)).collect();
        segments.sort_unstable();
        let spares: Vec<u32> = names.iter().filter_map(|it| spare_number(it)).collect();
        let state = PoolState {
            blanks: Vec::new(),
            next_segment: segments.last().map_or(1, |it| it + 1),
            next_spare: spares.iter().max().map_or(1, |it| it + 1),
        };
        let pool = Self {
            disk,
            segment_bytes,
            spare_max: spare_max.max(BLANKS_READY),
            state: Mutex::new(state),
        };
        for n in spares {
            pool.take_in(spare_path(n))?;
        }
        Ok((pool, segments))
    }

    /// A spare file of full size joins the pool; any other is of no use.
    pub(crate) fn take_in(&self, name: String) -> Result<(), SpoolError> {
        let file = self.disk.open(&name).map_err(SpoolError::io("open", &*name))?;
        let full = file.len().is_ok_and(|it| it == self.segment_bytes);
        let mut state = self.state.lock();
        if full && state.blanks.len() < self.spare_max {
            state.blanks.push(Blank { name, file, zeroed: self.segment_bytes });
            return Ok(());
        }
        drop(state);
        self.disk.unlink(&name).map_err(SpoolError::io("unlink", name))
    }

    /// How many more files [`Pool::refill`] would make.
    pub(crate) fn lacks(&self) -> usize {
        BLANKS_READY.saturating_sub(self.state.lock().blanks.len())
    }

    pub(crate) fn has_ready(&self) -> bool {
        self.state.lock().blanks.len() >= BLANKS_READY
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().blanks.len()
    }

    /// Makes one free file, written full of zeros and durable. Slow; for the upkeep thread.
    pub(crate) fn refill(&self) -> Result<(), SpoolError> {
        let mut state = self.state.lock();
        let name = spare_path(state.next_spare);
        state.next_spare += 1;
        drop(state);
        let blank = self.make(name, self.segment_bytes)?;
        self.disk.sync_dir(DIR).map_err(SpoolError::io("sync", DIR))?;
        self.state.lock().blanks.push(blank);
        Ok(())
    }

    fn make(&self, name: String, zeroed: u64) -> Result<Blank, SpoolError> {
        let file = self.disk.create(&name).map_err(SpoolError::io("create", &*name))?;
        if let Err(error) = fill_and_sync(&*file, zeroed) {
            let _ = self.disk.unlink(&name);
            return Err(SpoolError::io("fill", name)(error));
        }
        Ok(Blank { name, file, zeroed })
    }

    /// Turns a free file into the next segment, or makes one when there is none. The last ready
    /// file is only for those who cannot be refused: `reserve`.
    pub(crate) fn next(&self, reserve: bool) -> Result<Fresh, SpoolError> {
        let mut state = self.state.lock();
        let segment = state.next_segment;
        state.next_segment += 1;
        let blank = if state.blanks.len() >= BLANKS_READY { state.blanks.pop() } else { None };
        drop(state);
        let name = path(segment);
        let fresh = match blank {
            Some(blank) => self.activate(blank, segment)?,
            None => match self.make(name, self.segment_bytes.min(QUICK_FILL_BYTES)) {
                Ok(Blank { file, zeroed, .. }) => Fresh { segment, file, zeroed },
                Err(error) => {
                    let last = if reserve { self.state.lock().blanks.pop() } else { None };
                    self.activate(last.ok_or(error)?, segment)?
                }
            },
        };
        self.disk.sync_dir(DIR).map_err(SpoolError::io("sync", DIR))?;
        Ok(fresh)
    }

    fn activate(&self, blank: Blank, segment: u32) -> Result<Fresh, SpoolError> {
        let Blank { name, file, zeroed } = blank;
        let renamed = self.disk.rename(&name, &path(segment));
        renamed.map_err(SpoolError::io("rename", name))?;
        Ok(Fresh { segment, file, zeroed })
    }

    /// Takes the name from a segment that holds nothing any more. Durable when it returns: what
    /// was in it will not come back. Whoever calls has synced the ledger beyond it. Returns the
    /// file's new name for [`Pool::take_in`], when it is to be kept and there is room.
    pub(crate) fn retire(&self, segment: u32, keep: bool) -> Result<Option<String>, SpoolError> {
        let name = path(segment);
        let mut state = self.state.lock();
        let spare = spare_path(state.next_spare);
        state.next_spare += 1;
        let room = state.blanks.len() < self.spare_max;
        drop(state);
        let keep = keep && room;
        let done = if keep { self.disk.rename(&name, &spare) } else { self.disk.unlink(&name) };
        match done {
            // An earlier call got that far, and not to the sync.
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            done => done.map_err(SpoolError::io("retire", name))?,
        }
        self.disk.sync_dir(DIR).map_err(SpoolError::io("sync", DIR))?;
        Ok(keep.then_some(spare))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_comes_back_unless_a_bit_flipped() {
        let title = Title {
            segment: 7,
            run: 3,
            follows: Some((6, 8192)),
            made_at: Timestamp::from_micros(5),
        };
        let bytes: [u8; TITLE_BYTES] = title.encode()[..TITLE_BYTES].try_into().unwrap();
        assert_eq!(Title::decode(&bytes, 7).unwrap(), Some(title));
        assert_eq!(Title::decode(&bytes, 8).unwrap(), None);
        for bit in 8 * 8..bytes.len() * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Title::decode(&bad, 7).unwrap(), None, "bit {bit}");
        }
    }

    #[test]
    fn names_carry_numbers() {
        assert_eq!(number("seg-0000001f"), Some(31));
        assert_eq!(number("seg-1f"), None);
        assert_eq!(number("spare-0000001f"), None);
        assert_eq!(spare_number("spare-0000001f"), Some(31));
    }
}
