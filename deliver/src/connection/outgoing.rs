//! What is still to be written, as slices of whatever owns them.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use smtp::client::{Chunk, Pipeline};
use spool::Body;

use super::body::{Plan, Source};
use super::stream::Stream;

/// Slices in one write. A batch of 16 messages has twice as many.
const SLICES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    items: VecDeque<Item>,
    /// TLS may hold back what was written.
    needs_flush: bool,
}

#[derive(Debug)]
enum Item {
    /// Of the pipeline's text.
    Text(Range<usize>),
    Bytes(Bytes),
    /// Gives out [`Item::Bytes`] in front of itself until it is empty.
    Source(Box<Source>),
    /// All of this transaction's body is written.
    End {
        transaction: usize,
    },
}

/// What a call to [`Outgoing::poll`] came to.
pub(super) enum Wrote {
    /// Octets went out.
    Some,
    /// Reading a stored body failed.
    Unreadable(io::Error),
}

impl Outgoing {
    /// `bodies`: by the pipeline's numbers.
    pub(super) fn push(&mut self, chunk: Chunk, bodies: &[Body]) {
        match chunk {
            Chunk::Text(range) => self.items.push_back(Item::Text(range)),
            Chunk::Body { transaction, transfer } => {
                match Plan::of(&bodies[transaction], transfer) {
                    Plan::Whole(bytes, end) => {
                        self.push_bytes(bytes);
                        self.push_bytes(Bytes::from_static(end));
                    }
                    Plan::Pieces(source) => self.items.push_back(Item::Source(Box::new(source))),
                }
                self.items.push_back(Item::End { transaction });
            }
        }
    }

    fn push_bytes(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.items.push_back(Item::Bytes(bytes));
        }
    }

    /// Nothing is left to write or to flush.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && !self.needs_flush
    }

    /// Writes what the socket takes. Ready as soon as any octet went out; pending when the
    /// socket is full, a piece is being read, or nothing is left.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        pipeline: &mut Pipeline,
    ) -> Poll<io::Result<Wrote>> {
        if let Err(error) = ready!(self.poll_front(cx, pipeline)) {
            return Poll::Ready(Ok(Wrote::Unreadable(error)));
        }
        if !self.items.is_empty() {
            let n_octets = ready!(self.poll_write(cx, stream, pipeline.text()))?;
            if n_octets == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.needs_flush = stream.holds_back();
            self.advance(n_octets, pipeline);
            return Poll::Ready(Ok(Wrote::Some));
        }
        if self.needs_flush {
            ready!(stream.poll_flush(cx))?;
            self.needs_flush = false;
            return Poll::Ready(Ok(Wrote::Some));
        }
        Poll::Pending
    }

    /// Makes sure that the first item has octets to write.
    fn poll_front(
        &mut self,
        cx: &mut Context<'_>,
        pipeline: &mut Pipeline,
    ) -> Poll<io::Result<()>> {
        while let Some(Item::Source(source)) = self.items.front_mut() {
            if source.is_at_end() {
                let end = Bytes::from_static(source.end());
                self.items.pop_front();
                if !end.is_empty() {
                    self.items.push_front(Item::Bytes(end));
                }
                self.advance(0, pipeline);
                continue;
            }
            let piece = ready!(source.poll_piece(cx))?;
            if !piece.is_empty() {
                self.items.push_front(Item::Bytes(piece));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        text: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut n_slices = 0;
        for item in &self.items {
            let octets = match item {
                Item::Text(range) => &text[range.clone()],
                Item::Bytes(bytes) => bytes,
                Item::End { .. } => continue,
                Item::Source(_) => break,
            };
            slices[n_slices] = IoSlice::new(octets);
            n_slices += 1;
            if n_slices == SLICES {
                break;
            }
        }
        stream.poll_write(cx, &slices[..n_slices])
    }

    /// Takes `n_octets` off the front and tells the pipeline which bodies are out.
    fn advance(&mut self, mut n_octets: usize, pipeline: &mut Pipeline) {
        while let Some(item) = self.items.front_mut() {
            let length = match item {
                Item::Text(range) => range.len(),
                Item::Bytes(bytes) => bytes.len(),
                Item::Source(_) => return,
                Item::End { transaction } => {
                    pipeline.body_sent(*transaction);
                    0
                }
            };
            if length > n_octets {
                match item {
                    Item::Text(range) => range.start += n_octets,
                    Item::Bytes(bytes) => bytes.advance(n_octets),
                    Item::Source(_) | Item::End { .. } => (),
                }
                return;
            }
            n_octets -= length;
            self.items.pop_front();
        }
    }
}
