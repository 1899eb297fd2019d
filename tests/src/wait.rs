//! Waiting for a state, with a bound and in words.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks.
const STEP: Duration = Duration::from_millis(10);

/// Looks until `state` holds; an error that says `what` was awaited after `bound`.
pub fn until(what: &str, bound: Duration, mut state: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !state() {
        if start.elapsed() > bound {
            bail!("waited {} s in vain: {what}", bound.as_secs());
        }
        std::thread::sleep(STEP);
    }
    Ok(())
}

/// Waits until `count` reaches `goal` or has not changed for `quiet`; returns the last count.
pub fn settled(goal: usize, quiet: Duration, mut count: impl FnMut() -> usize) -> usize {
    let mut last = count();
    let mut changed = Instant::now();
    while last < goal && changed.elapsed() < quiet {
        std::thread::sleep(STEP);
        let now = count();
        if now != last {
            (last, changed) = (now, Instant::now());
        }
    }
    last
}
