//! The spool as its users see it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use mail::SpoolId;
use parking_lot::Mutex;

use crate::commit::Committer;
use crate::completion::{Cell, CompletionDriver, Wait};
use crate::corrupt;
use crate::disk::Disk;
use crate::error::{Full, LoadError, SpoolError};
use crate::event::Event;
use crate::guard::Guard;
use crate::incoming::Incoming;
use crate::index::Index;
use crate::large;
use crate::ledger::Ledger;
use crate::message::Message;
use crate::metrics::SpoolMetrics;
use crate::options::{Clock, Options};
use crate::queue::Request;
use crate::recovery::{self, Recovery};
use crate::segment::{self, Pool};
use crate::shared::{Counts, Ids, Shared};
use crate::upkeep;

/// The durable store of accepted messages. Cheap to clone; all clones are one spool.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// Numbers for an operator. Totals count since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Messages that wait.
    pub queued: u64,
    pub accepted: u64,
    pub segments: u64,
    pub segments_spare: u64,
    /// Segments that cannot be read, or of which something could not be copied to `corrupt/`.
    pub segments_stuck: u64,
    /// Bytes of segment files and large bodies.
    pub bytes: u64,
    /// Bodies in memory.
    pub memory_bytes: u64,
    pub batches: u64,
    pub syncs: u64,
    /// Bytes written to segments, padding included.
    pub written_bytes: u64,
    pub corrupt: u64,
    pub recovering: bool,
}

impl Spool {
    /// Opens the spool below the disk's root. Quick: new mail is taken at once, in a new
    /// segment, while what is there is scanned on threads of the spool; [`Recovery`] lists it.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        metrics: SpoolMetrics,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), SpoolError> {
        let (shared, segments) = open(disk, options, metrics, clock, true)?;
        let (job, recovery) = recovery::prepare(&shared, segments, None)?;
        let committer = Committer::new(Arc::clone(&shared));
        let keeper = Arc::clone(&shared);
        let threads = vec![
            start("spool-commit", move || committer.run())?,
            start("spool-upkeep", move || upkeep::run(&keeper))?,
        ];
        // Not joined: it may wait for a reader of the list that is gone without a word.
        start("spool-recovery", move || job.run())?;
        Ok((Self { shared, threads: Arc::new(Mutex::new(threads)) }, recovery))
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn without_threads(shared: Arc<Shared>) -> Self {
        Self { shared, threads: Arc::default() }
    }

    /// Whether a message of `bytes` may begin; 0 when the size is not known. Only atomics.
    pub fn admit(&self, bytes: u64) -> Result<(), Full> {
        self.shared.guard.admit(bytes, &self.shared.options)
    }

    /// Begins a message, with its id.
    pub fn receive(&self) -> Incoming {
        Incoming::new(Arc::clone(&self.shared))
    }

    /// Writes an event with the next batch, at the latest after `event_flush_for`. An event
    /// posted to a closed spool is lost, as after a crash: its recipient is tried again.
    pub fn post(&self, event: Event) {
        let _ = self.shared.queue.push(Request::event(&event, None));
    }

    /// As [`Spool::post`], and returns when it is durable.
    pub async fn post_durable(&self, event: Event) -> Result<(), SpoolError> {
        let cell = Cell::new(self.shared.key());
        let request = Request::event(&event, Some(Arc::clone(&cell)));
        self.shared.queue.push(request)?;
        Wait(cell).await.map(drop)
    }

    /// Reads a message that waits. Blocks.
    pub fn load(&self, id: SpoolId) -> Result<Arc<Message>, LoadError> {
        self.shared.load(id)
    }

    /// Wakes the commits of one shard together; see [`CompletionDriver`].
    pub fn completion_driver(&self) -> CompletionDriver {
        CompletionDriver::new(self.shared.key())
    }

    pub fn stats(&self) -> SpoolStats {
        let shared = &self.shared;
        let bytes = shared.bytes();
        let index = shared.index.lock();
        let counts = &shared.counts;
        SpoolStats {
            queued: index.queued(),
            accepted: counts.accepted.load(Ordering::Relaxed),
            segments: index.segments.len() as u64,
            segments_spare: shared.pool.len() as u64,
            segments_stuck: index.left_alone() as u64,
            bytes,
            memory_bytes: shared.budget.used(),
            batches: counts.batches.load(Ordering::Relaxed),
            syncs: counts.syncs.load(Ordering::Relaxed),
            written_bytes: counts.written_bytes.load(Ordering::Relaxed),
            corrupt: counts.corrupt.load(Ordering::Relaxed),
            recovering: index.recovering,
        }
    }

    /// What happened to whom.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// Writes and syncs what waits, refuses what comes later, and joins the threads. Blocks.
    pub fn close(self) {
        self.end(true);
    }

    /// As [`Spool::close`], for a run that had to break off deliveries: the next start treats what
    /// was due as after a crash, so that what is handed over a second time is flagged.
    pub fn abandon(self) {
        self.end(false);
    }

    fn end(self, in_order: bool) {
        self.shared.upkeep.close();
        self.shared.queue.close(in_order);
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            let _ = thread.join();
        }
    }
}

pub(crate) fn open(
    disk: Arc<dyn Disk>,
    options: Options,
    metrics: SpoolMetrics,
    clock: Arc<dyn Clock>,
    threads: bool,
) -> Result<(Arc<Shared>, Vec<u32>), SpoolError> {
    let options = options.checked();
    make_folders(&*disk)?;
    let (pool, segments) =
        Pool::open(Arc::clone(&disk), options.segment_bytes, options.segments_spare_max)?;
    let run = segments.last().map_or(1, |it| it + 1);
    let index = Arc::new(Mutex::new(Index::new(run)));
    let books = (Arc::clone(&index), Arc::clone(&clock));
    let ledger = Ledger::open(Arc::clone(&disk), run, &options, books.0, books.1)?;
    let shared = Arc::new(Shared {
        pool,
        ledger,
        guard: Guard::default(),
        index,
        queue: Default::default(),
        budget: Arc::default(),
        ids: Ids::new(run),
        counts: Counts::default(),
        upkeep: Default::default(),
        disk,
        options,
        metrics,
        clock,
        run,
        threads,
    });
    recovery::register(&shared, &segments)?;
    upkeep::refresh_guard(&shared);
    Ok((shared, segments))
}

fn make_folders(disk: &dyn Disk) -> Result<(), SpoolError> {
    for dir in [segment::DIR, large::DIR, corrupt::DIR, crate::ledger::DIR] {
        disk.create_dir(dir).map_err(SpoolError::io("create", dir))?;
    }
    for dir in ["", segment::DIR] {
        disk.sync_dir(dir).map_err(SpoolError::io("sync", dir))?;
    }
    Ok(())
}

/// Starts a thread without which the spool cannot keep its promises.
fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, SpoolError> {
    let guarded = move || {
        let _guard = AbortOnPanic;
        work();
    };
    let thread = thread::Builder::new().name(name.into()).spawn(guarded);
    thread.map_err(SpoolError::io("start the thread", name))
}

/// A spool without one of its threads would leave clients waiting and mail lying. The next start
/// recovers, as from any crash.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}
