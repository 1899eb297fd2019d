//! Commands out and replies in, one at a time: what a connection does before and between batches.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mail::Reply;
use smtp::client::{ReplyParser, Stage};
use tokio::io::ReadBuf;
use tokio::time::timeout;

use super::AttemptError;
use super::stream::Stream;

/// Octets of replies read at once. A pipelined batch of 16 messages is answered in about as much.
const INPUT: usize = 4096;

#[derive(Debug)]
pub(super) struct Wire {
    pub stream: Stream,
    parser: ReplyParser,
    input: Box<[u8; INPUT]>,
    /// What is read and not parsed yet.
    unread: std::ops::Range<usize>,
    /// What went wrong while reading; nothing is read any more.
    broken: Option<AttemptError>,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        let input = Box::new([0; INPUT]);
        Self { stream, parser: ReplyParser::default(), input, unread: 0..0, broken: None }
    }

    /// Octets have come that belong to no reply which was asked for.
    pub(super) fn has_leftover(&self) -> bool {
        !self.unread.is_empty() || !self.parser.is_empty()
    }

    /// The next reply. `during` only names the place in errors.
    pub(super) fn poll_reply(
        &mut self,
        cx: &mut Context<'_>,
        during: Stage,
    ) -> Poll<Result<Reply, AttemptError>> {
        if let Some(error) = &self.broken {
            return Poll::Ready(Err(error.clone()));
        }
        let result = ready!(self.poll_read(cx, during));
        self.broken = result.as_ref().err().cloned();
        Poll::Ready(result)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        during: Stage,
    ) -> Poll<Result<Reply, AttemptError>> {
        loop {
            if !self.unread.is_empty() {
                let (taken, reply) = self.parser.push(&self.input[self.unread.clone()])?;
                self.unread.start += taken;
                if let Some(reply) = reply {
                    return Poll::Ready(Ok(reply));
                }
            }
            let mut buffer = ReadBuf::new(&mut self.input[..]);
            let read = ready!(self.stream.poll_read(cx, &mut buffer));
            let n_octets = buffer.filled().len();
            match read {
                Ok(()) if n_octets > 0 => self.unread = 0..n_octets,
                Ok(()) => return Poll::Ready(Err(closed(during))),
                Err(source) => return Poll::Ready(Err(lost(during, source))),
            }
        }
    }

    pub(super) async fn reply(
        &mut self,
        during: Stage,
        limit: Duration,
    ) -> Result<Reply, AttemptError> {
        let reply = poll_fn(|cx| self.poll_reply(cx, during));
        timeout(limit, reply).await.unwrap_or(Err(AttemptError::Timeout { during }))
    }

    /// Sends one command line, CRLF included, and reads its answer. Each has `limit`.
    pub(super) async fn command(
        &mut self,
        line: &[u8],
        during: Stage,
        limit: Duration,
    ) -> Result<Reply, AttemptError> {
        if self.has_leftover() {
            return Err(AttemptError::Unasked { during });
        }
        self.write(line, during, limit).await?;
        self.reply(during, limit).await
    }

    pub(super) async fn write(
        &mut self,
        line: &[u8],
        during: Stage,
        limit: Duration,
    ) -> Result<(), AttemptError> {
        let mut rest = line;
        let write = poll_fn(|cx| {
            while !rest.is_empty() {
                match ready!(self.stream.poll_write(cx, &[IoSlice::new(rest)])) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Ok(n_octets) => rest = &rest[n_octets..],
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            self.stream.poll_flush(cx)
        });
        match timeout(limit, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(lost(during, source)),
            Err(_) => Err(AttemptError::Timeout { during }),
        }
    }
}

pub(super) fn lost(during: Stage, source: io::Error) -> AttemptError {
    AttemptError::Lost { during, source: Arc::new(source) }
}

fn closed(during: Stage) -> AttemptError {
    lost(during, io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the host"))
}
