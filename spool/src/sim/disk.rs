//! [`SimDisk`]: what was written and what is durable are kept apart.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::file::{Dice, FileState};
use crate::disk::{Disk, DiskFile, Space};

/// What happens instead of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes before the operation; it and all later ones fail.
    PowerCut,
    /// `EIO`. A failed sync throws away what it should have made durable, and a second sync
    /// succeeds without it, as Linux does.
    Error,
    /// `ENOSPC`; only for operations that take space, others go through.
    Full,
    /// Half of a write is done and reported; other operations go through.
    Short,
    /// Half of a write is done and all of it reported; a sync reports success and does nothing.
    Lie,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

type Inode = usize;

#[derive(Default)]
struct State {
    files: Vec<FileState>,
    /// Folders and the names in them, now and after a power cut.
    live: BTreeMap<String, BTreeMap<String, Inode>>,
    durable: BTreeMap<String, BTreeMap<String, Inode>>,
    operations: u64,
    faults: BTreeMap<u64, Fault>,
    power_off: bool,
    /// No file may be made or become longer.
    no_growth: bool,
    space: Option<Space>,
    /// Files that can be read so many times more.
    unreadable: BTreeMap<String, u64>,
    /// So many times more no file of the folder can be opened, with this error of the system.
    unopenable: BTreeMap<String, (u64, i32)>,
    /// What each operation was, for a failing test's message.
    log: Vec<String>,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    pub fn new() -> Self {
        let mut state = State::default();
        state.live.insert(String::new(), BTreeMap::new());
        state.durable.insert(String::new(), BTreeMap::new());
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Operations that change something, so far.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// A fault cut the power: nothing more will be done.
    pub fn is_off(&self) -> bool {
        self.state.lock().power_off
    }

    /// What operation `n` was, for messages.
    pub fn operation(&self, n: u64) -> String {
        let state = self.state.lock();
        let known = usize::try_from(n).ok().and_then(|it| state.log.get(it));
        known.cloned().unwrap_or_default()
    }

    /// Operation `n`, counted from the disk's beginning, meets a fault.
    pub fn fault_at(&self, n: u64, fault: Fault) {
        self.state.lock().faults.insert(n, fault);
    }

    /// So do all operations of a range.
    pub fn fault_during(&self, range: Range<u64>, fault: Fault) {
        self.state.lock().faults.extend(range.map(|it| (it, fault)));
    }

    /// Until it is switched off, no file can be made or become longer.
    pub fn fault_growth(&self, on: bool) {
        self.state.lock().no_growth = on;
    }

    /// A file fails to be read after so many more reads.
    pub fn fault_reads(&self, path: &str, after: u64) {
        self.state.lock().unreadable.insert(path.into(), after);
    }

    /// The next `n` files of a folder that are opened are refused with this error of the system.
    pub fn fault_opens(&self, dir: &str, n: u64, errno: i32) {
        self.state.lock().unopenable.insert(dir.into(), (n, errno));
    }

    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    pub fn set_space(&self, space: Space) {
        self.state.lock().space = Some(space);
    }

    /// The disk that a machine finds after a power cut now: what was synced, and of the rest a
    /// part that depends on the seed; with seed 0 nothing, with `u64::MAX` all.
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let state = self.state.lock();
        let mut dice = Dice(seed);
        let mut files = state.files.clone();
        for file in &mut files {
            for sector in std::mem::take(&mut file.dirty) {
                if dice.keep() {
                    file.persist(sector);
                }
            }
            file.live = file.durable.clone();
        }
        let mut durable = state.durable.clone();
        for (dir, names) in &state.live {
            let Some(kept) = durable.get_mut(dir) else { continue };
            for (name, inode) in names {
                if kept.get(name) != Some(inode) && dice.keep() {
                    // A rename is one step: the old name goes with it.
                    kept.retain(|_, it| it != inode);
                    kept.insert(name.clone(), *inode);
                }
            }
            let gone: Vec<String> =
                kept.keys().filter(|it| !names.contains_key(*it)).cloned().collect();
            for name in gone {
                if dice.keep() {
                    kept.remove(&name);
                }
            }
        }
        let live = durable.clone();
        let state = State { files, live, durable, space: state.space, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as a killed process leaves it to the next one.
    pub fn after_kill(&self) -> Self {
        let state = self.state.lock();
        let (files, live, durable) =
            (state.files.clone(), state.live.clone(), state.durable.clone());
        let state = State { files, live, durable, space: state.space, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Changes a byte of a file, as a bad disk would.
    pub fn flip(&self, path: &str, offset: usize, mask: u8) {
        let mut state = self.state.lock();
        if let Ok(inode) = state.find(path)
            && let Some(byte) = state.files[inode].live.get_mut(offset)
        {
            *byte ^= mask;
            let value = *byte;
            if let Some(byte) = state.files[inode].durable.get_mut(offset) {
                *byte = value;
            }
        }
    }

    /// The contents of a file now.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.find(path).ok().map(|it| state.files[it].live.clone())
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn eio() -> io::Error {
    io::Error::other("the simulated disk fails")
}

impl State {
    fn find(&self, path: &str) -> io::Result<Inode> {
        let (dir, name) = split(path);
        self.live.get(dir).and_then(|it| it.get(name)).copied().ok_or_else(not_found)
    }

    /// Counts an operation and says what is wrong with it.
    fn begin(
        &mut self,
        takes_space: bool,
        what: impl FnOnce() -> String,
    ) -> io::Result<Option<Fault>> {
        if self.power_off {
            return Err(eio());
        }
        let n = self.operations;
        self.operations += 1;
        self.log.push(what());
        match self.faults.get(&n) {
            Some(Fault::PowerCut) => {
                self.power_off = true;
                Err(eio())
            }
            Some(Fault::Full) if takes_space => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Full) | None => Ok(None),
            Some(&fault) => Ok(Some(fault)),
        }
    }

    fn simple(&mut self, takes_space: bool, what: impl FnOnce() -> String) -> io::Result<()> {
        match self.begin(takes_space, what)? {
            Some(Fault::Error) => Err(eio()),
            _ => Ok(()),
        }
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        if state.power_off {
            return Err(eio());
        }
        if let Some((left @ 1.., errno)) = state.unopenable.get_mut(split(path).0) {
            *left -= 1;
            return Err(io::Error::from_raw_os_error(*errno));
        }
        let inode = state.find(path)?;
        Ok(Arc::new(SimFile { state: Arc::clone(&self.state), inode, path: path.into() }))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.simple(true, || format!("create {path}"))?;
        if state.no_growth {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let (dir, name) = split(path);
        let inode = state.files.len();
        let names = state.live.get_mut(dir).ok_or_else(not_found)?;
        if names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        names.insert(name.into(), inode);
        state.files.push(FileState::default());
        Ok(Arc::new(SimFile { state: Arc::clone(&self.state), inode, path: path.into() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.simple(false, || format!("rename {from} to {to}"))?;
        let inode = state.find(from)?;
        let ((from_dir, from), (to_dir, to)) = (split(from), split(to));
        if !state.live.contains_key(to_dir) {
            return Err(not_found());
        }
        state.live.entry(from_dir.into()).or_default().remove(from);
        state.live.entry(to_dir.into()).or_default().insert(to.into(), inode);
        Ok(())
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.simple(false, || format!("unlink {path}"))?;
        let (dir, name) = split(path);
        let names = state.live.get_mut(dir).ok_or_else(not_found)?;
        names.remove(name).map(drop).ok_or_else(not_found)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        if state.power_off {
            return Err(eio());
        }
        let names = state.live.get(dir).ok_or_else(not_found)?;
        Ok(names.keys().cloned().collect())
    }

    /// Durable at once: folders are made once in a spool's life.
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.simple(true, || format!("mkdir {dir}"))?;
        state.live.entry(dir.into()).or_default();
        state.durable.entry(dir.into()).or_default();
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.begin(false, || format!("sync folder {dir}"))?;
        match fault {
            Some(Fault::Error) => return Err(eio()),
            Some(Fault::Lie) => return Ok(()),
            _ => (),
        }
        let names = state.live.get(dir).ok_or_else(not_found)?.clone();
        state.durable.insert(dir.into(), names);
        Ok(())
    }

    fn space(&self) -> io::Result<Space> {
        let space = self.state.lock().space;
        Ok(space.unwrap_or(Space { free_bytes: u64::MAX / 4, free_inodes: u64::MAX }))
    }
}

struct SimFile {
    state: Arc<Mutex<State>>,
    inode: Inode,
    path: String,
}

impl DiskFile for SimFile {
    fn write_at(&self, offset: u64, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state.lock();
        let mut bytes = Vec::with_capacity(buffers.iter().map(|it| it.len()).sum());
        buffers.iter().for_each(|it| bytes.extend_from_slice(it));
        let what = || format!("write {} at {offset} of {}", bytes.len(), self.path);
        let fault = state.begin(true, what)?;
        let offset = usize::try_from(offset).map_err(|_| eio())?;
        let no_growth = state.no_growth;
        let file = &mut state.files[self.inode];
        if no_growth && offset + bytes.len() > file.live.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let half = bytes.len() / 2;
        let (written, reported) = match fault {
            Some(Fault::Error) => return Err(eio()),
            Some(Fault::Short) => (half, half),
            Some(Fault::Lie) => (half, bytes.len()),
            _ => (bytes.len(), bytes.len()),
        };
        file.write(offset, &bytes[..written]);
        Ok(reported)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        let left = state.unreadable.get_mut(&self.path);
        let broken = left.is_some_and(|left| std::mem::replace(left, left.saturating_sub(1)) == 0);
        if state.power_off || broken {
            return Err(eio());
        }
        let live = &state.files[self.inode].live;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
        let n = buffer.len().min(live.len() - start);
        buffer[..n].copy_from_slice(&live[start..start + n]);
        Ok(n)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.begin(false, || format!("sync {}", self.path))?;
        let file = &mut state.files[self.inode];
        match fault {
            Some(Fault::Error) => {
                file.dirty.clear();
                Err(eio())
            }
            Some(Fault::Lie) => Ok(()),
            _ => {
                file.sync();
                Ok(())
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().files[self.inode].live.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
        disk.contents(path)
    }

    #[test]
    fn only_what_was_synced_is_there_after_a_power_cut() {
        let disk = SimDisk::new();
        disk.create_dir("d").unwrap();
        let file = disk.create("d/a").unwrap();
        file.write_at(0, &[IoSlice::new(b"one")]).unwrap();
        file.sync_data().unwrap();
        assert_eq!(read(&disk.after_power_cut(0), "d/a"), None, "its name is not synced");
        disk.sync_dir("d").unwrap();
        file.write_at(0, &[IoSlice::new(b"two")]).unwrap();
        assert_eq!(read(&disk.after_power_cut(0), "d/a").unwrap(), b"one");
        assert_eq!(read(&disk.after_power_cut(u64::MAX), "d/a").unwrap(), b"two");
        disk.rename("d/a", "d/b").unwrap();
        assert_eq!(disk.after_power_cut(0).list("d").unwrap(), ["a"]);
        assert_eq!(disk.after_power_cut(u64::MAX).list("d").unwrap(), ["b"]);
    }

    #[test]
    fn a_second_sync_does_not_bring_back_what_the_first_lost() {
        let disk = SimDisk::new();
        let file = disk.create("a").unwrap();
        disk.sync_dir("").unwrap();
        disk.fault_at(disk.operations() + 1, Fault::Error);
        file.write_at(0, &[IoSlice::new(b"one")]).unwrap();
        assert!(file.sync_data().is_err());
        assert!(file.sync_data().is_ok());
        assert_ne!(read(&disk.after_power_cut(0), "a").unwrap(), b"one");
    }
}
