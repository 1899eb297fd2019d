//! What an operator can set, and the clock.

use std::time::{Duration, SystemTime};

use mail::Timestamp;

/// Sizes and limits. Every default is what `docs/reference` promises.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a segment file, 64 KiB to 1 GiB, a multiple of 4096.
    pub segment_bytes: u64,
    /// Free segments kept for re-use; more are given back to the file system.
    pub segments_spare_max: usize,
    /// Bodies longer than this have their own file. A record with a body of this size must fit
    /// a quarter of a segment; a greater value is lowered to that.
    pub large_body_bytes: u64,
    /// No new mail below this much free disk space.
    pub free_bytes_min: u64,
    pub free_inodes_min: u64,
    /// No new mail once segments and large bodies take more than this.
    pub bytes_max: Option<u64>,
    /// How long an event may wait for a batch to ride on.
    pub event_flush_for: Duration,
    /// Bodies kept in memory for immediate delivery; beyond it they are read back from disk.
    pub memory_bodies_max: u64,
    /// How long the ledger remembers.
    pub ledger_keep_for: Duration,
    /// Size at which a ledger file is followed by the next.
    pub ledger_file_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            segment_bytes: 64 * MIB,
            segments_spare_max: 4,
            large_body_bytes: MIB,
            free_bytes_min: 1024 * MIB,
            free_inodes_min: 10_000,
            bytes_max: None,
            event_flush_for: Duration::from_millis(20),
            memory_bodies_max: 64 * MIB,
            ledger_keep_for: Duration::from_hours(90 * 24),
            ledger_file_bytes: 64 * MIB,
        }
    }
}

impl Options {
    /// Brings every value into its range.
    pub(crate) fn checked(mut self) -> Self {
        use crate::record::BLOCK_BYTES;
        let segment = self.segment_bytes.clamp(64 * 1024, 1 << 30);
        self.segment_bytes = segment.next_multiple_of(BLOCK_BYTES);
        self.large_body_bytes = self.large_body_bytes.min(self.segment_bytes / 4);
        self.ledger_file_bytes = self.ledger_file_bytes.max(4096);
        self
    }
}

/// Tells the wall-clock time. Never asked for time-outs.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }
}
