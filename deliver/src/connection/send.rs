//! Drives a batch: writes what may be written, reads what comes, until all is settled.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use smtp::client::{End, Pipeline, Stage};
use spool::Body;
use tokio::time::{Instant, timeout_at};

use super::outgoing::{Outgoing, Wrote};
use super::plan::Plan;
use super::wire::lost;
use super::{AttemptError, Connection, Timeouts, Transaction, TransactionResult};

/// A connection that was idle for longer may have been closed meanwhile; looked at before use.
const IDLE: Duration = Duration::from_secs(1);

/// Least octets a second that a host must take, over the whole of what is waiting to be written
/// and beyond `data_block`: one octet a second is progress and must not hold us for a week.
const RATE_MIN: u64 = 1000;

/// After so many bodies for nobody, bodies wait for a recipient. Exchange closes a connection
/// after five errors of protocol.
const WASTED_MAX: u32 = 3;

impl Connection {
    /// Sends all of `batch` in as few writes as the host allows, and returns one result for each
    /// transaction, in order. Never panics and never waits without a deadline. When the call is
    /// dropped half-way the connection is of no more use.
    pub async fn send(&mut self, batch: &[Transaction]) -> Vec<TransactionResult> {
        self.send_until(batch, std::future::pending()).await
    }

    /// The same, broken off when `cut` is ready while nothing comes from the host: what was not
    /// sent to its end by then has failed, and what was is unknown.
    pub async fn send_until(
        &mut self,
        batch: &[Transaction],
        cut: impl Future<Output = ()>,
    ) -> Vec<TransactionResult> {
        let (is_dirty, room) = (self.is_dirty, self.room());
        let mut plan = Plan::new(batch, &self.capabilities, is_dirty, room).await;
        let error = self.send_plan(&mut plan, cut).await.err();
        plan.settle(error.as_ref())
    }

    async fn send_plan(
        &mut self,
        plan: &mut Plan<'_>,
        cut: impl Future<Output = ()>,
    ) -> Result<(), AttemptError> {
        if plan.n_parts() == 0 {
            return Ok(());
        }
        if !std::mem::replace(&mut self.is_usable, false) {
            return Err(AttemptError::Stale);
        }
        if self.n_sent > 0 {
            self.look_for_close().await?;
        }
        if self.n_wasted >= WASTED_MAX {
            plan.pipeline.wait_for_recipients();
        }
        let bodies = plan.bodies();
        self.n_sent = self.n_sent.saturating_add(u32::try_from(bodies.len()).unwrap_or(u32::MAX));
        let mut n_replies = 0;
        let driven = self.drive(&mut plan.pipeline, &bodies, &mut n_replies, cut).await;
        self.last_used = Instant::now();
        self.n_wasted = self.n_wasted.saturating_add(plan.pipeline.n_wasted());
        let is_first = self.n_sent as usize == bodies.len();
        match (driven, plan.pipeline.end()) {
            (Err(AttemptError::Lost { .. }), None) if n_replies == 0 && !is_first => {
                Err(AttemptError::Stale)
            }
            (Err(error), _) => Err(error),
            (Ok(()), Some(end)) => Err(error_of(end, &plan.pipeline, is_first)),
            (Ok(()), None) if self.wire.has_leftover() => Ok(()),
            (Ok(()), None) => {
                self.is_dirty = plan.pipeline.is_dirty();
                self.is_usable = true;
                Ok(())
            }
        }
    }

    /// A kept connection on which the host has said something, or nothing ever more, is stale.
    async fn look_for_close(&mut self) -> Result<(), AttemptError> {
        if self.last_used.elapsed() > IDLE {
            // Lets the runtime see what has come meanwhile.
            tokio::task::yield_now().await;
        }
        let something = poll_fn(|cx| match self.wire.poll_reply(cx, Stage::Mail) {
            Poll::Pending => Poll::Ready(self.wire.has_leftover()),
            Poll::Ready(_) => Poll::Ready(true),
        });
        if something.await { Err(AttemptError::Stale) } else { Ok(()) }
    }

    async fn drive(
        &mut self,
        pipeline: &mut Pipeline,
        bodies: &[Body],
        n_replies: &mut usize,
        cut: impl Future<Output = ()>,
    ) -> Result<(), AttemptError> {
        let mut cut = pin!(cut);
        let mut out = Outgoing::default();
        let mut clock = Clock::new(bodies.iter().map(Body::len).sum());
        loop {
            while let Some(chunk) = pipeline.next_chunk() {
                out.push(chunk, bodies);
            }
            if pipeline.is_done() {
                return Ok(());
            }
            let stage = pipeline.awaited().unwrap_or(Stage::Body);
            let deadline = clock.deadline(&self.timeouts, stage, !out.is_empty());
            let step = poll_fn(|cx| match self.poll_step(cx, pipeline, &mut out) {
                Poll::Pending if cut.as_mut().poll(cx).is_ready() => {
                    Poll::Ready(Err(AttemptError::Cut { during: stage }))
                }
                step => step,
            });
            match timeout_at(deadline, step).await {
                Ok(Ok(Step::Replies(n))) => {
                    *n_replies += n;
                    clock.progress();
                }
                Ok(Ok(Step::Wrote)) => clock.progress(),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(AttemptError::Timeout { during: stage }),
            }
        }
    }

    /// Writes and reads until either got somewhere.
    fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        pipeline: &mut Pipeline,
        out: &mut Outgoing,
    ) -> Poll<Result<Step, AttemptError>> {
        let wrote = out.poll(cx, &mut self.wire.stream, pipeline);
        if let Poll::Ready(Ok(Wrote::Unreadable(error))) = wrote {
            return Poll::Ready(Err(AttemptError::Body(Arc::new(error))));
        }
        // A host that refuses and closes makes the write fail; its last words are still there.
        let mut n_replies = 0;
        while let Some(stage) = pipeline.awaited().filter(|_| pipeline.end().is_none()) {
            match self.wire.poll_reply(cx, stage) {
                Poll::Ready(Ok(reply)) => pipeline.reply(reply),
                Poll::Ready(Err(_)) if n_replies > 0 => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
            n_replies += 1;
        }
        match wrote {
            _ if n_replies > 0 => Poll::Ready(Ok(Step::Replies(n_replies))),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(Step::Wrote)),
            Poll::Ready(Err(source)) => {
                let stage = pipeline.awaited().unwrap_or(Stage::Body);
                Poll::Ready(Err(lost(stage, source)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

enum Step {
    Replies(usize),
    Wrote,
}

/// Since when the host has owed us something.
struct Clock {
    /// The last whole reply, or the last octets that went out.
    since: Instant,
    /// When there began to be something to write.
    writing_since: Option<Instant>,
    /// How long all of the batch may take to be written.
    whole: Duration,
}

impl Clock {
    fn new(n_octets: u64) -> Self {
        let whole = Duration::from_secs(n_octets / RATE_MIN);
        Self { since: Instant::now(), writing_since: None, whole }
    }

    fn progress(&mut self) {
        self.since = Instant::now();
    }

    /// Until when `stage` may take. Octets of a reply that do not complete it are no progress.
    fn deadline(&mut self, timeouts: &Timeouts, stage: Stage, is_writing: bool) -> Instant {
        if is_writing {
            let began = *self.writing_since.get_or_insert(self.since);
            let last = began + timeouts.data_block + self.whole;
            return last.min(self.since + timeouts.data_block);
        }
        self.writing_since = None;
        let limit = match stage {
            Stage::Rcpt => timeouts.rcpt,
            Stage::Data => timeouts.data,
            Stage::Body => timeouts.data_done,
            Stage::Connect | Stage::Greeting | Stage::Hello | Stage::StartTls | Stage::Mail => {
                timeouts.mail
            }
        };
        self.since + limit
    }
}

/// What those hear whose turn did not come. A host that served us and then closes has only had
/// enough of this connection.
fn error_of(end: &End, pipeline: &Pipeline, is_first: bool) -> AttemptError {
    match end {
        End::Closing(reply) if is_first && !pipeline.has_delivered() => {
            let during = pipeline.awaited().unwrap_or(Stage::Mail);
            AttemptError::Refused { reply: reply.clone(), during }
        }
        End::Violation(violation) => violation.clone().into(),
        End::Closing(_) | End::AnsweredEarly => AttemptError::NotReached,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_octet_a_minute_is_not_enough() {
        let second = Duration::from_secs(1);
        let timeouts = Timeouts {
            connect: second,
            tls: second,
            greeting: second,
            ehlo: second,
            mail: 2 * second,
            rcpt: 3 * second,
            data: 4 * second,
            data_block: 180 * second,
            data_done: 600 * second,
            quit: second,
        };
        let began = Instant::now();
        let mut clock = Clock::new(1_000_000);
        for (stage, limit) in
            [(Stage::Mail, 2), (Stage::Rcpt, 3), (Stage::Data, 4), (Stage::Body, 600)]
        {
            assert_eq!(clock.deadline(&timeouts, stage, false), began + limit * second);
        }
        for minutes in 0..30 {
            let now = began + minutes * 60 * second;
            tokio::time::advance(now - Instant::now()).await;
            clock.progress();
            let deadline = clock.deadline(&timeouts, Stage::Body, true);
            // 180 s and a megabyte at 1,000 octets a second.
            assert_eq!(deadline, (now + 180 * second).min(began + 1180 * second));
        }
    }
}
