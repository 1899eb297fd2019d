//! The disk as the spool sees it: the few calls it makes, so that a test can be the disk.

use std::fs;
use std::io::{self, IoSlice};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of files. Paths are relative to it, parts separated by `/`.
///
/// Nothing here survives a power cut unless said: file contents need
/// [`DiskFile::sync_data`], names need [`Disk::sync_dir`].
pub trait Disk: Send + Sync + 'static {
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a new file; an existing one of that name is an error.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Replaces an existing file of the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn unlink(&self, path: &str) -> io::Result<()>;
    /// Names in a folder, in no order.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Makes a folder and those above it; an existing one is fine.
    fn create_dir(&self, dir: &str) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
    /// What is left for us, not for root.
    fn space(&self) -> io::Result<Space>;
}

/// An open file.
pub trait DiskFile: Send + Sync + 'static {
    /// Writes the buffers one after the other at `offset`, in one system call.
    /// Returns how many bytes were written, which may be fewer than given.
    fn write_at(&self, offset: u64, buffers: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Reads at `offset`; 0 at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Makes contents and length durable. An error is final: what was written since the last
    /// success may be lost although a second call succeeds, so there must be none.
    fn sync_data(&self) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|it| it == 0)
    }
}

/// Free space of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub free_bytes: u64,
    pub free_inodes: u64,
}

/// The file system.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Makes `root`, readable by nobody else, if it is not there.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let disk = Self { root: root.into() };
        disk.create_dir("")?;
        Ok(disk)
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn open_with(&self, path: &str, new: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(new)
            .mode(0o600)
            .open(self.at(path))?;
        Ok(Arc::new(RealFile(file)))
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open_with(path, false)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open_with(path, true)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.at(dir))? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.at(dir))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        fs::File::open(self.at(dir))?.sync_all()
    }

    fn space(&self) -> io::Result<Space> {
        space_of(&self.root)
    }
}

fn space_of(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    // Some file systems (btrfs, overlay on it) count no inodes: 0 of 0 is not "none left".
    let free_inodes = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
    Ok(Space { free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize), free_inodes })
}

struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn write_at(&self, offset: u64, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match rustix::io::pwritev(&self.0, buffers, offset) {
                Err(rustix::io::Errno::INTR) => (),
                done => return Ok(done?),
            }
        }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                done => return done,
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|it| it.len())
    }
}

/// The most buffers one `pwritev` takes on Linux (`IOV_MAX`).
pub(crate) const BUFFERS_MAX: usize = 1024;

const ZEROS: &[u8; 64 * 1024] = &[0; 64 * 1024];

/// Zeros at hand for padding, up to 64 KiB of them.
pub(crate) fn zeros(n: usize) -> &'static [u8] {
    &ZEROS[..n.min(ZEROS.len())]
}

/// Writes zeros over `from..to`, so that later writes there change no metadata.
pub(crate) fn fill_zeros(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let chunk: Vec<IoSlice<'_>> = (at..to)
            .step_by(ZEROS.len())
            .take(16)
            .map(|start| IoSlice::new(zeros(usize::try_from(to - start).unwrap_or(usize::MAX))))
            .collect();
        at += write_some(file, at, &chunk)? as u64;
    }
    Ok(())
}

fn write_some(file: &dyn DiskFile, at: u64, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    match file.write_at(at, buffers)? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        n => Ok(n),
    }
}

/// Writes all of `bytes`, in as many calls as it takes.
pub(crate) fn write_all(file: &dyn DiskFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        done += write_some(file, offset + done as u64, &[IoSlice::new(&bytes[done..])])?;
    }
    Ok(())
}

/// Fills `buffer` as far as the file goes; returns how far that was.
pub(crate) fn read_full(file: &dyn DiskFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(offset + done as u64, &mut buffer[done..])? {
            0 => break,
            n => done += n,
        }
    }
    Ok(done)
}
