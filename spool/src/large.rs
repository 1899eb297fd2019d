//! Bodies with a file of their own.

use std::io;
use std::sync::Arc;

use mail::SpoolId;

use crate::disk::{Disk, DiskFile, write_all};
use crate::error::SpoolError;

pub(crate) const DIR: &str = "spool/large";

pub(crate) fn path(id: SpoolId) -> String {
    format!("{DIR}/{id}")
}

/// A large body being received. Dropped before it is kept, it leaves nothing.
pub(crate) struct Spill {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    path: String,
    written: u64,
    crc: crc32fast::Hasher,
    kept: bool,
}

impl Spill {
    pub(crate) fn create(disk: Arc<dyn Disk>, id: SpoolId) -> Result<Self, SpoolError> {
        let path = path(id);
        let file = disk.create(&path).map_err(SpoolError::io("create", &*path))?;
        let crc = crc32fast::Hasher::new();
        Ok(Self { disk, file, path, written: 0, crc, kept: false })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let written = write_all(&*self.file, self.written, bytes);
        written.map_err(SpoolError::io("write", &*self.path))?;
        self.crc.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn len(&self) -> u64 {
        self.written
    }

    /// Contents and name are durable when it returns.
    pub(crate) fn sync(&self) -> Result<(), SpoolError> {
        self.file.sync_data().map_err(SpoolError::io("sync", &*self.path))?;
        self.disk.sync_dir(DIR).map_err(SpoolError::io("sync", DIR))
    }

    pub(crate) fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }

    /// A record is about to name the file: from now on only recovery may remove it.
    pub(crate) fn keep(mut self) -> Arc<dyn DiskFile> {
        self.kept = true;
        Arc::clone(&self.file)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if !self.kept {
            // What stays after an error is removed at the next start.
            let _ = self.disk.unlink(&self.path);
        }
    }
}

/// Opens a large body and compares its length with what the record says.
pub(crate) fn open(disk: &dyn Disk, id: SpoolId, len: u64) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.open(&path(id))?;
    if file.len()? == len {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "length differs from the record"))
}
