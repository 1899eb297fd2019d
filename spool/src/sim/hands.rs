//! Turns a spool without threads, so that a test decides what happens when.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mail::{Envelope, Origin};

use crate::commit::Committer;
use crate::disk::Disk;
use crate::error::SpoolError;
use crate::event::Event;
use crate::incoming::Accepted;
use crate::metrics::SpoolMetrics;
use crate::options::{Clock, Options};
use crate::recovery::{self, Recovered};
use crate::shared::Shared;
use crate::spool::{self, Spool};
use crate::upkeep;

/// The commit thread and the upkeep thread of one spool, as two methods.
pub struct Hands {
    shared: Arc<Shared>,
    committer: Committer,
}

impl Hands {
    /// Opens a spool and finishes its recovery.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<(Spool, Vec<Recovered>, Self), SpoolError> {
        let metrics = SpoolMetrics::new();
        let (shared, segments) = spool::open(disk, options, metrics, clock, false)?;
        let mut committer = Committer::new(Arc::clone(&shared));
        let (job, recovery) = recovery::prepare(&shared, segments, Some(1 << 12))?;
        committer.turn();
        job.run();
        let spool = Spool::without_threads(Arc::clone(&shared));
        Ok((spool, recovery.collect(), Self { shared, committer }))
    }

    /// Writes and syncs one batch of what waits.
    pub fn commit(&mut self) {
        self.committer.turn();
    }

    /// One round of the upkeep.
    pub fn keep(&mut self) {
        let committer = &mut self.committer;
        upkeep::tick(&self.shared, &mut || {
            committer.turn();
        });
    }

    pub fn metrics(&self) -> &SpoolMetrics {
        &self.shared.metrics
    }

    /// Stops in order.
    pub fn close(mut self) {
        self.commit();
        self.committer.close(true);
    }

    /// Accepts one message.
    pub fn accept(
        &mut self,
        spool: &Spool,
        body: &[u8],
        envelope: Envelope,
    ) -> Result<Accepted, SpoolError> {
        let mut incoming = spool.receive();
        incoming.write(body)?;
        self.finish(incoming.commit(envelope, Origin::internal()))
    }

    /// Posts an event and waits until it is durable.
    pub fn settle(&mut self, spool: &Spool, event: Event) -> Result<(), SpoolError> {
        self.finish(spool.post_durable(event))
    }

    /// Runs a future that waits for a commit.
    ///
    /// # Panics
    ///
    /// When it waits for something else.
    pub fn finish<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            self.commit();
        }
        panic!("the future waits for something other than a commit");
    }
}
