//! What all parts of one spool hold together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mail::{SpoolId, Timestamp};
use parking_lot::Mutex;

use crate::corrupt;
use crate::disk::{Disk, read_full};
use crate::error::LoadError;
use crate::guard::Guard;
use crate::head::Head;
use crate::index::{Entry, Index};
use crate::large;
use crate::ledger::Ledger;
use crate::message::{Body, Budget, Message, StoredBody};
use crate::metrics::SpoolMetrics;
use crate::options::{Clock, Options};
use crate::queue::Queue;
use crate::record::{HEADER_BYTES, Header};
use crate::segment::Pool;
use crate::upkeep::Upkeep;

pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) metrics: SpoolMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) queue: Queue,
    pub(crate) index: Arc<Mutex<Index>>,
    pub(crate) pool: Pool,
    pub(crate) guard: Guard,
    pub(crate) ledger: Ledger,
    pub(crate) budget: Arc<Budget>,
    pub(crate) ids: Ids,
    pub(crate) counts: Counts,
    pub(crate) upkeep: Upkeep,
    /// The number of the first segment of this run.
    pub(crate) run: u32,
    /// False when a test turns everything by hand.
    pub(crate) threads: bool,
}

/// What [`crate::SpoolStats`] reads.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) accepted: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
    pub(crate) large_bytes: AtomicU64,
    pub(crate) corrupt: AtomicU64,
}

impl Counts {
    pub(crate) fn add_large(&self, bytes: u64) {
        self.large_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Makes ids: microseconds in the upper 52 bits, the run in the lower 12.
///
/// Ids of one run grow whatever the clock does; two runs cannot make the same id even when the
/// clock steps back between them and the old ids are not known yet.
pub(crate) struct Ids {
    last: AtomicU64,
    run: u64,
}

const RUN_BITS: u32 = 12;
const RUN_MASK: u64 = (1 << RUN_BITS) - 1;

impl Ids {
    /// `run`: any number that the runs before did not have; its lower 12 bits count.
    pub(crate) fn new(run: u32) -> Self {
        Self { last: AtomicU64::new(0), run: u64::from(run) & RUN_MASK }
    }

    pub(crate) fn next(&self, now_micros: u64) -> SpoolId {
        let by_clock = now_micros << RUN_BITS | self.run;
        let step = 1 << RUN_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = by_clock.max(last + step);
            match self.last.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return SpoolId::from_u64(next),
                Err(seen) => last = seen,
            }
        }
    }

    /// Ids from now on are above this one.
    pub(crate) fn rise_above(&self, id: u64) {
        let floor = (id >> RUN_BITS) << RUN_BITS | self.run;
        self.last.fetch_max(floor, Ordering::Relaxed);
    }

    /// When an id was made.
    pub(crate) fn time_of(id: u64) -> Timestamp {
        Timestamp::from_micros(id >> RUN_BITS)
    }

    /// Whether an id was made by this run.
    pub(crate) fn is_own(&self, id: u64) -> bool {
        id & RUN_MASK == self.run
    }

    /// Whether an id was made by the run of that number.
    pub(crate) fn is_of(id: u64, run: u32) -> bool {
        id & RUN_MASK == u64::from(run) & RUN_MASK
    }
}

impl Shared {
    /// Tells one spool of a process from another.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Reads a waiting message. The record is read again when compaction moved it meanwhile.
    pub(crate) fn load(self: &Arc<Self>, id: SpoolId) -> Result<Arc<Message>, LoadError> {
        loop {
            let (entry, record) = self.read_record(id)?;
            match self.parse(id, &entry, record) {
                Some(message) => return message.map(Arc::new),
                None if !self.still_at(id, &entry) => (),
                None => {
                    corrupt::report_record(self, id, &entry);
                    return Err(LoadError::Corrupt(id));
                }
            }
        }
    }

    fn still_at(&self, id: SpoolId, entry: &Entry) -> bool {
        self.index.lock().get(id.as_u64()).is_some_and(|it| it.at == entry.at)
    }

    fn read_record(&self, id: SpoolId) -> Result<(Entry, Vec<u8>), LoadError> {
        let index = self.index.lock();
        if index.is_lost(id.as_u64()) {
            return Err(LoadError::Corrupt(id));
        }
        let entry = index.waiting(id.as_u64()).ok_or(LoadError::Unknown(id))?;
        let segment = index.segments.get(&entry.at.segment).ok_or(LoadError::Unknown(id))?;
        let file = Arc::clone(&segment.file);
        drop(index);
        let mut record = vec![0; entry.bytes as usize];
        let n = read_full(&*file, u64::from(entry.at.offset), &mut record)
            .map_err(|source| LoadError::Io { id, source })?;
        record.truncate(n);
        Ok((entry, record))
    }

    /// `None` when the bytes are not the record.
    fn parse(
        self: &Arc<Self>,
        id: SpoolId,
        entry: &Entry,
        mut record: Vec<u8>,
    ) -> Option<Result<Message, LoadError>> {
        let header = Header::peek(&record, entry.at)?;
        let body_at = HEADER_BYTES + header.head_bytes as usize;
        let front = record.get(..body_at)?;
        if header.id != id.as_u64() || !header.check(front) {
            return None;
        }
        let head = Head::decode(&front[HEADER_BYTES..]).ok()?;
        let body = if header.large {
            let (len, crc) = (header.body_bytes, header.body_crc);
            match large::open(&*self.disk, id, len) {
                Ok(file) => Body::Stored(StoredBody::file(file, len, crc)),
                Err(source) => return Some(Err(LoadError::Io { id, source })),
            }
        } else {
            let body = record.split_off(body_at);
            if body.len() as u64 != header.body_bytes || crc32fast::hash(&body) != header.body_crc {
                return None;
            }
            Body::Memory(self.budget.count(body))
        };
        let Head { accepted_at, envelope, origin, .. } = head;
        Some(Ok(Message { id, envelope, origin, accepted_at, body }))
    }

    /// Reads a part of a small body in its segment.
    pub(crate) fn read_body(
        &self,
        id: SpoolId,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            let gone = || io::Error::new(io::ErrorKind::NotFound, "message is settled");
            let index = self.index.lock();
            let entry = index.get(id.as_u64()).ok_or_else(gone)?;
            let segment = index.segments.get(&entry.at.segment).ok_or_else(gone)?;
            let file = Arc::clone(&segment.file);
            drop(index);
            let mut header = [0; HEADER_BYTES];
            read_full(&*file, u64::from(entry.at.offset), &mut header)?;
            let header = Header::peek(&header, entry.at);
            let done = header.map(|it| {
                let body = u64::from(entry.at.offset) + HEADER_BYTES as u64;
                let at = body + u64::from(it.head_bytes) + offset;
                file.read_at(at, buffer)
            });
            if self.still_at(id, &entry) {
                let damaged = || io::Error::new(io::ErrorKind::InvalidData, "record is damaged");
                return done.unwrap_or_else(|| Err(damaged()));
            }
        }
    }

    pub(crate) fn count_corrupt(&self) {
        self.metrics.corrupt.inc();
        self.counts.corrupt.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of segment files, free files and large bodies.
    pub(crate) fn bytes(&self) -> u64 {
        let index = self.index.lock();
        let segments: u64 = index.segments.values().map(|it| it.file_bytes).sum();
        drop(index);
        let free = self.pool.len() as u64 * self.options.segment_bytes;
        segments + free + self.counts.large_bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_when_the_clock_steps_back() {
        let ids = Ids::new(3);
        let first = ids.next(1000);
        let second = ids.next(10);
        assert!(second > first);
        assert!(ids.next(2000) > second);
        ids.rise_above(SpoolId::from_u64(5000 << RUN_BITS | 77).as_u64());
        assert!(ids.next(10).as_u64() > (5000 << RUN_BITS | 77));
    }

    #[test]
    fn two_runs_share_no_id_at_the_same_microsecond() {
        assert_ne!(Ids::new(1).next(1000), Ids::new(2).next(1000));
    }
}
