//! One file of a simulated disk, and the dice that decide what a power cut leaves of it.

use std::collections::BTreeSet;

/// The sector that a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What was written and what is durable.
#[derive(Clone, Default)]
pub(super) struct FileState {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Sectors written since the last sync.
    pub(super) dirty: BTreeSet<usize>,
}

impl FileState {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(offset / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES);
        }
    }

    pub(super) fn persist(&mut self, sector: usize) {
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(self.live.len());
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[start..end].copy_from_slice(&self.live[start..end]);
    }

    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.persist(sector);
        }
        if self.durable.len() < self.live.len() {
            self.durable.resize(self.live.len(), 0);
        }
    }
}

/// A small generator: the same seed gives the same disk.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn keep(&mut self) -> bool {
        match self.0 {
            0 => false,
            u64::MAX => true,
            _ => {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                self.0.count_ones().is_multiple_of(2)
            }
        }
    }
}
