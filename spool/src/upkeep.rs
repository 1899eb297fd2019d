//! The spool's housekeeping: free space, free segments, dead bodies, compaction, the ledger.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mail::SpoolId;
use parking_lot::{Condvar, Mutex};
use tracing::warn;

use crate::commit::chain;
use crate::compact::{Turn, reclaim};
use crate::large;
use crate::shared::{Ids, Shared};

/// How often limits are looked at.
const TICK: Duration = Duration::from_secs(1);
/// With this much of the ledger unsynced it is synced in the next round.
const LEDGER_SYNC_BYTES: usize = 4 << 20;
/// How long a segment that could not be read is left alone.
const STUCK_FOR: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    kicked: bool,
    closed: bool,
    /// Large bodies whose last recipient is settled.
    dead_bodies: Vec<u64>,
    stuck_until: Option<Instant>,
}

/// Where other threads leave work for this one.
#[derive(Default)]
pub(crate) struct Upkeep {
    state: Mutex<State>,
    wake: Condvar,
}

impl Upkeep {
    /// There is something to do before the next second.
    pub(crate) fn kick(&self) {
        self.state.lock().kicked = true;
        self.wake.notify_one();
    }

    pub(crate) fn add_dead_body(&self, id: u64) {
        self.state.lock().dead_bodies.push(id);
    }

    /// True once in [`STUCK_FOR`].
    pub(crate) fn may_try_stuck_again(&self) -> bool {
        let (mut state, now) = (self.state.lock(), Instant::now());
        let due = state.stuck_until.is_none_or(|it| it <= now);
        if due {
            state.stuck_until = Some(now + STUCK_FOR);
        }
        due
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Until the next tick or kick; false when the spool is closed.
    fn wait(&self) -> bool {
        let until = Instant::now() + TICK;
        let mut state = self.state.lock();
        while !state.kicked && !state.closed {
            if self.wake.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.kicked = false;
        !state.closed
    }
}

/// The thread's loop.
pub(crate) fn run(shared: &Arc<Shared>) {
    loop {
        tick(shared, &mut || ());
        if !shared.upkeep.wait() {
            return;
        }
    }
}

/// One round. Errors are logged and tried again in the next one.
pub(crate) fn tick(shared: &Arc<Shared>, turn: Turn<'_>) {
    refresh_guard(shared);
    remove_dead_bodies(shared);
    if let Err(error) = reclaim(shared, turn) {
        complain(shared, "Segments could not be freed.", &error);
    }
    // Only what re-use does not give is made anew.
    while shared.pool.lacks() > 0 && !shared.upkeep.is_closed() {
        if let Err(error) = shared.pool.refill() {
            complain(shared, "A free segment could not be made.", &error);
            break;
        }
    }
    keep_ledger(shared);
    if shared.guard.is_failing() {
        shared.queue.poke();
    }
}

pub(crate) fn refresh_guard(shared: &Shared) {
    let bytes = shared.bytes();
    match shared.disk.space() {
        Ok(space) => {
            shared.guard.refresh(space, bytes, &shared.options);
            shared.metrics.free_bytes.set(i64::try_from(space.free_bytes).unwrap_or(i64::MAX));
        }
        Err(error) => warn!(%error, "Cannot ask for free space."),
    }
    shared.metrics.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    shared.metrics.full.set(i64::from(!shared.guard.is_open(&shared.options)));
    let (segments, stuck) = {
        let index = shared.index.lock();
        (index.segments.len(), index.left_alone())
    };
    shared.metrics.segments.set(i64::try_from(segments).unwrap_or(i64::MAX));
    shared.metrics.segments_stuck.set(i64::try_from(stuck).unwrap_or(i64::MAX));
}

/// Syncs the ledger when much would have to be repaired, and forgets what is too old.
fn keep_ledger(shared: &Shared) {
    if shared.ledger.unsynced() >= LEDGER_SYNC_BYTES
        && let Err(error) = shared.ledger.sync()
    {
        complain(shared, "The ledger could not be synced.", &error);
    }
    let now = shared.clock.now();
    if shared.ledger.may_prune(now) {
        let oldest = shared.index.lock().waiting_ids().first().copied();
        shared.ledger.prune(now, oldest.map(Ids::time_of));
    }
}

fn remove_dead_bodies(shared: &Shared) {
    let ids = std::mem::take(&mut shared.upkeep.state.lock().dead_bodies);
    for id in ids {
        let path = large::path(SpoolId::from_u64(id));
        let bytes = shared.disk.open(&path).and_then(|it| it.len()).unwrap_or(0);
        // What stays after an error is removed at the next start.
        if shared.disk.unlink(&path).is_ok() {
            shared.counts.large_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

pub(crate) fn complain(shared: &Shared, what: &str, error: &crate::SpoolError) {
    shared.metrics.upkeep_errors.inc();
    warn!(error = %chain(error), "{what}");
}
