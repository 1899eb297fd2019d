//! Appends frames to the current file. Whatever is not synced stays in memory too, so that after
//! a failed sync it is written again, to a new file.

use std::sync::Arc;

use mail::Timestamp;

use super::files::{self, Known};
use super::frame::{self, TITLE_BYTES, Title};
use crate::disk::{Disk, DiskFile, write_all};
use crate::error::SpoolError;
use crate::record::Header;

/// Notes are written once they are this many bytes.
const WRITE_BYTES: usize = 64 * 1024;
/// Notes kept while the disk refuses them. Beyond, facts are left to the next repair.
const UNSYNCED_BYTES_MAX: usize = 64 << 20;

struct Current {
    known: Known,
    /// Up to here synced, with its name.
    synced: u64,
    named: bool,
}

pub(super) struct Writer {
    run: u32,
    next_number: u32,
    file_bytes: u64,
    made_at: Timestamp,
    current: Option<Current>,
    /// The last file of this run that is finished, and how much of it counts.
    follows: Option<(u32, u64)>,
    /// All that is not synced.
    unsynced: Vec<u8>,
    /// How much of it is in the file.
    written: usize,
    /// Something in it is more than a mark.
    facts: bool,
    /// Facts were dropped: segments must stay until a repair.
    lost: bool,
}

/// A sync under way, outside of the lock.
pub(super) struct Sync {
    file: Arc<dyn DiskFile>,
    number: u32,
    upto: usize,
    name: bool,
}

impl Sync {
    pub(super) fn run(&self, disk: &dyn Disk) -> Result<(), SpoolError> {
        self.file.sync_data().map_err(SpoolError::io("sync", files::path(self.number)))?;
        if self.name {
            disk.sync_dir(files::DIR).map_err(SpoolError::io("sync", files::DIR))?;
        }
        Ok(())
    }
}

impl Writer {
    pub(super) fn new(run: u32, next_number: u32, file_bytes: u64, made_at: Timestamp) -> Self {
        Self {
            run,
            next_number,
            file_bytes,
            made_at,
            current: None,
            follows: None,
            unsynced: Vec::new(),
            written: 0,
            facts: false,
            lost: false,
        }
    }

    pub(super) fn note(&mut self, header: &Header, head: &[u8]) {
        if self.lost || self.unsynced.len() > UNSYNCED_BYTES_MAX {
            self.lost = true;
            return;
        }
        frame::append(&mut self.unsynced, header, head);
        self.facts = true;
    }

    pub(super) fn is_long(&self) -> bool {
        self.unsynced.len() - self.written >= WRITE_BYTES
    }

    pub(super) fn unwritten(&self) -> u64 {
        (self.unsynced.len() - self.written) as u64
    }

    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    pub(super) fn current(&self) -> Option<Known> {
        self.current.as_ref().map(|it| it.known.clone())
    }

    /// Begins a file after another one of an earlier run, whose `follows.1` bytes count.
    pub(super) fn follow(&mut self, follows: Option<(u32, u64)>) {
        self.follows = follows;
    }

    pub(super) fn give_up(&mut self) {
        self.lost = true;
    }

    /// Frames that are ready made.
    pub(super) fn append(&mut self, frames: Vec<u8>) {
        self.unsynced = frames;
        self.facts = true;
    }

    /// A number that no file has.
    pub(super) fn take_number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Writes what is noted. What a failed call wrote in part is written over by the next.
    pub(super) fn write(&mut self, disk: &dyn Disk, now: Timestamp) -> Result<(), SpoolError> {
        if self.unwritten() == 0 {
            return Ok(());
        }
        if self.current.is_none() {
            self.current = Some(self.begin(disk, now)?);
        }
        let Some(current) = &self.current else { return Ok(()) };
        let at = current.synced + self.written as u64;
        write_all(&*current.known.file, at, &self.unsynced[self.written..])
            .map_err(SpoolError::io("write", files::path(current.known.number)))?;
        self.written = self.unsynced.len();
        Ok(())
    }

    fn begin(&mut self, disk: &dyn Disk, now: Timestamp) -> Result<Current, SpoolError> {
        let number = self.next_number;
        let made_at = now.max(self.made_at);
        let title = Title { number, run: self.run, follows: self.follows, made_at };
        let path = files::path(number);
        let file = disk.create(&path).map_err(SpoolError::io("create", &*path))?;
        self.next_number += 1;
        if let Err(error) = write_all(&*file, 0, &title.encode()) {
            let _ = disk.unlink(&path);
            return Err(SpoolError::io("write", path)(error));
        }
        let known = Known { number, run: self.run, made_at, file, len: None };
        Ok(Current { known, synced: TITLE_BYTES as u64, named: false })
    }

    /// Writes the rest and says what has to be synced. `None`: nothing has.
    pub(super) fn begin_sync(
        &mut self,
        disk: &dyn Disk,
        now: Timestamp,
    ) -> Result<Option<Sync>, SpoolError> {
        if self.lost {
            let source = std::io::Error::other("facts were dropped while the disk failed");
            return Err(SpoolError::io("complete", files::DIR)(source));
        }
        self.write(disk, now)?;
        let Some(current) = self.current.as_ref().filter(|_| self.facts) else {
            return Ok(None);
        };
        let file = Arc::clone(&current.known.file);
        let (number, upto, name) = (current.known.number, self.written, !current.named);
        Ok(Some(Sync { file, number, upto, name }))
    }

    /// After a failed sync the file counts only to where it was synced before; the rest goes to
    /// a new one. Returns a file that is finished.
    pub(super) fn end_sync(&mut self, sync: &Sync, good: bool) -> Option<Known> {
        let current = self.current.as_mut().filter(|it| it.known.number == sync.number)?;
        if good {
            current.synced += sync.upto as u64;
            current.named = true;
            self.unsynced.drain(..sync.upto);
            self.written -= sync.upto;
            self.facts = !self.unsynced.is_empty();
            frame::append_synced(&mut self.unsynced, sync.number, current.synced);
            if current.synced < self.file_bytes || self.facts {
                return None;
            }
            // The file is finished; its successor says how much of it counts.
            self.unsynced.clear();
            self.written = 0;
        } else {
            self.written = 0;
        }
        let mut current = self.current.take()?;
        self.follows = Some((current.known.number, current.synced));
        current.known.len = Some(current.synced);
        Some(current.known)
    }
}
