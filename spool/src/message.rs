//! A message as delivery gets it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use mail::{Envelope, Origin, SpoolId, Timestamp};
use parking_lot::Mutex;

use crate::disk::DiskFile;
use crate::shared::Shared;

/// One accepted message. The body is stored once however many recipients there are.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: SpoolId,
    pub envelope: Envelope,
    pub origin: Origin,
    pub accepted_at: Timestamp,
    pub body: Body,
}

/// Header and body as they will be sent, CRLF line ends, dots not stuffed.
#[derive(Clone, Debug)]
pub enum Body {
    /// Checked against its checksum when it came from disk.
    Memory(Bytes),
    Stored(StoredBody),
}

impl Body {
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A body on disk. Reading blocks.
///
/// A clone reads for itself. Read front to back, the last bytes come only if all of them match
/// the checksum; reading here and there is not checked.
pub struct StoredBody {
    source: Source,
    len: u64,
    crc: u32,
    check: Mutex<Check>,
}

#[derive(Clone)]
enum Source {
    File(Arc<dyn DiskFile>),
    /// In a segment; found by id at every read, because compaction moves it.
    Record {
        shared: Arc<Shared>,
        id: SpoolId,
    },
}

#[derive(Default)]
struct Check {
    next: u64,
    crc: crc32fast::Hasher,
}

impl StoredBody {
    pub(crate) fn file(file: Arc<dyn DiskFile>, len: u64, crc: u32) -> Self {
        Self { source: Source::File(file), len, crc, check: Mutex::default() }
    }

    pub(crate) fn record(shared: Arc<Shared>, id: SpoolId, len: u64, crc: u32) -> Self {
        Self { source: Source::Record { shared, id }, len, crc, check: Mutex::default() }
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads at `offset`; 0 only at the end. Blocks. `InvalidData` when a reader that began at
    /// 0 and left nothing out reaches the end and the bytes are not those that were accepted.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let n = rest.min(buffer.len());
        let buffer = &mut buffer[..n];
        if n == 0 {
            return Ok(0);
        }
        let n = match &self.source {
            Source::File(file) => file.read_at(offset, buffer)?,
            Source::Record { shared, id } => shared.read_body(*id, offset, buffer)?,
        };
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.follow(offset, &buffer[..n])?;
        Ok(n)
    }

    fn follow(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut check = self.check.lock();
        if offset == 0 {
            *check = Check::default();
        }
        if offset != check.next {
            return Ok(());
        }
        check.crc.update(bytes);
        check.next += bytes.len() as u64;
        if check.next == self.len && check.crc.clone().finalize() != self.crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "body fails its checksum"));
        }
        Ok(())
    }
}

impl Clone for StoredBody {
    fn clone(&self) -> Self {
        let check = Mutex::default();
        Self { source: self.source.clone(), len: self.len, crc: self.crc, check }
    }
}

impl std::fmt::Debug for StoredBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredBody").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Counts the bodies in memory.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    used: AtomicU64,
}

impl Budget {
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The bytes are counted until the last slice of them is dropped.
    pub(crate) fn count(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        self.used.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Bytes::from_owner(Counted { bytes, budget: Arc::clone(self) })
    }
}

struct Counted {
    bytes: Vec<u8>,
    budget: Arc<Budget>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}
