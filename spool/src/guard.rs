//! Whether new mail is taken: a few atomics that the upkeep thread refreshes each second.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::disk::Space;
use crate::error::Full;
use crate::options::Options;

/// Answers [`Guard::admit`] without a system call or a lock.
#[derive(Default)]
pub(crate) struct Guard {
    /// 0 open, else which [`Full`].
    state: AtomicU8,
    free_bytes: AtomicU64,
    failing: AtomicBool,
}

impl Guard {
    /// `bytes` is what the client announced; half as much again is asked of the disk.
    pub(crate) fn admit(&self, bytes: u64, options: &Options) -> Result<(), Full> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(Full::Failing);
        }
        if let Some(full) = decode(self.state.load(Ordering::Relaxed)) {
            return Err(full);
        }
        let wanted = bytes.saturating_add(bytes / 2).saturating_add(options.free_bytes_min);
        if bytes > 0 && self.free_bytes.load(Ordering::Relaxed) < wanted {
            return Err(Full::Bytes);
        }
        Ok(())
    }

    /// Takes in what the disk said and what the spool holds.
    pub(crate) fn refresh(&self, space: Space, spool_bytes: u64, options: &Options) {
        self.free_bytes.store(space.free_bytes, Ordering::Relaxed);
        let before = decode(self.state.load(Ordering::Relaxed));
        self.state.store(encode(judge(before, space, spool_bytes, options)), Ordering::Relaxed);
    }

    pub(crate) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(crate) fn is_open(&self, options: &Options) -> bool {
        self.admit(0, options).is_ok()
    }
}

/// The state that follows `before`. A limit that closed the door opens it only when there is a
/// quarter more than it asks (a tenth less, for the size of the spool), so that the door does
/// not flap.
fn judge(before: Option<Full>, space: Space, spool_bytes: u64, options: &Options) -> Option<Full> {
    let floor =
        |min: u64, full| if before == Some(full) { min.saturating_add(min / 4) } else { min };
    if space.free_bytes < floor(options.free_bytes_min, Full::Bytes) {
        return Some(Full::Bytes);
    }
    if space.free_inodes < floor(options.free_inodes_min, Full::Inodes) {
        return Some(Full::Inodes);
    }
    let max = options.bytes_max?;
    let ceiling = if before == Some(Full::Spool) { max - max / 10 } else { max };
    (spool_bytes > ceiling).then_some(Full::Spool)
}

const fn encode(full: Option<Full>) -> u8 {
    match full {
        None => 0,
        Some(Full::Bytes) => 1,
        Some(Full::Inodes) => 2,
        Some(Full::Spool) => 3,
        Some(Full::Failing) => 4,
    }
}

const fn decode(state: u8) -> Option<Full> {
    match state {
        1 => Some(Full::Bytes),
        2 => Some(Full::Inodes),
        3 => Some(Full::Spool),
        4 => Some(Full::Failing),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_does_not_flap() {
        let options = Options {
            free_bytes_min: 100,
            free_inodes_min: 10,
            bytes_max: Some(1000),
            ..Options::default()
        };
        let space = |free_bytes, free_inodes| Space { free_bytes, free_inodes };
        let next = |before, space, bytes| judge(before, space, bytes, &options);
        assert_eq!(next(None, space(100, 10), 1000), None);
        assert_eq!(next(None, space(99, 10), 0), Some(Full::Bytes));
        assert_eq!(next(Some(Full::Bytes), space(110, 10), 0), Some(Full::Bytes));
        assert_eq!(next(Some(Full::Bytes), space(125, 10), 0), None);
        assert_eq!(next(None, space(100, 9), 0), Some(Full::Inodes));
        assert_eq!(next(None, space(100, 10), 1001), Some(Full::Spool));
        assert_eq!(next(Some(Full::Spool), space(100, 10), 950), Some(Full::Spool));
        assert_eq!(next(Some(Full::Spool), space(100, 10), 900), None);
    }

    #[test]
    fn an_announced_size_counts_half_more() {
        let options = Options { free_bytes_min: 100, ..Options::default() };
        let guard = Guard::default();
        guard.refresh(Space { free_bytes: 1100, free_inodes: u64::MAX }, 0, &options);
        assert_eq!(guard.admit(666, &options), Ok(()));
        assert_eq!(guard.admit(668, &options), Err(Full::Bytes));
    }
}
