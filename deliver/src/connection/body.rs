//! Bodies on their way out: in memory as they are, from disk in pieces.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use smtp::client::{BodyFacts, BodyScan, DotStuffer, Part, Transfer};
use spool::{Body, StoredBody};
use tokio::task::{JoinHandle, spawn_blocking};

/// Octets of a stored body that are read at once; a connection holds at most two such pieces.
const PIECE: usize = 256 * 1024;

/// A body that has to be read or dot-stuffed on the way, piece by piece.
#[derive(Debug)]
pub(super) struct Source {
    body: Kept,
    offset: u64,
    /// Only for DATA.
    stuffer: Option<DotStuffer>,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

/// One reader reads a stored body from front to back, so that its checksum is seen to fit before
/// the last piece is given out.
#[derive(Debug)]
enum Kept {
    Memory(Bytes),
    Stored(Arc<StoredBody>),
}

impl Kept {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.len(),
        }
    }
}

/// How a body is written.
pub(super) enum Plan {
    /// As it lies in memory; then what ends it.
    Whole(Bytes, &'static [u8]),
    Pieces(Source),
}

impl Plan {
    pub(super) fn of(body: &Body, transfer: Transfer) -> Self {
        match (body, transfer) {
            (Body::Memory(bytes), Transfer::Bdat) => Self::Whole(bytes.clone(), b""),
            (Body::Memory(bytes), Transfer::Data) if !DotStuffer::is_needed(bytes) => {
                let mut stuffer = DotStuffer::default();
                stuffer.push(bytes, |_| ());
                Self::Whole(bytes.clone(), stuffer.end())
            }
            (body, transfer) => {
                let body = match body {
                    Body::Memory(bytes) => Kept::Memory(bytes.clone()),
                    Body::Stored(stored) => Kept::Stored(Arc::new(stored.clone())),
                };
                let stuffer = (transfer == Transfer::Data).then(DotStuffer::default);
                Self::Pieces(Source { body, offset: 0, stuffer, reading: None })
            }
        }
    }
}

impl Source {
    /// The next piece in wire form; an empty one after the last.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if let Kept::Memory(bytes) = &self.body {
            let from = usize::try_from(self.offset).unwrap_or(usize::MAX).min(bytes.len());
            let piece = bytes.slice(from..bytes.len().min(from + PIECE));
            return Poll::Ready(Ok(self.finish(piece)));
        }
        let Some(mut reading) = self.reading.take().or_else(|| self.start_reading()) else {
            return Poll::Ready(Ok(Bytes::new()));
        };
        match Pin::new(&mut reading).poll(cx) {
            Poll::Pending => {
                self.reading = Some(reading);
                Poll::Pending
            }
            Poll::Ready(read) => {
                let piece = read.map_err(io::Error::other).flatten();
                Poll::Ready(piece.map(|it| self.finish(it.into())))
            }
        }
    }

    /// All of the body has been given out.
    pub(super) fn is_at_end(&self) -> bool {
        self.offset >= self.body.len()
    }

    /// What follows the last piece.
    pub(super) fn end(&self) -> &'static [u8] {
        self.stuffer.as_ref().map_or(b"", DotStuffer::end)
    }

    fn finish(&mut self, piece: Bytes) -> Bytes {
        self.offset += piece.len() as u64;
        // The next read goes on while this piece is written.
        self.reading = self.start_reading();
        let Some(stuffer) = &mut self.stuffer else { return piece };
        let mut out = Vec::with_capacity(piece.len() + piece.len() / 64);
        stuffer.push(&piece, |part| match part {
            Part::Input { from, to } => out.extend_from_slice(&piece[from..to]),
            Part::Dot => out.push(b'.'),
        });
        out.into()
    }

    fn start_reading(&self) -> Option<JoinHandle<io::Result<Vec<u8>>>> {
        let Kept::Stored(stored) = &self.body else { return None };
        if self.is_at_end() {
            return None;
        }
        let (stored, offset) = (Arc::clone(stored), self.offset);
        Some(spawn_blocking(move || read_piece(&stored, offset)))
    }
}

/// One piece, in full unless the body ends in it.
fn read_piece(stored: &StoredBody, offset: u64) -> io::Result<Vec<u8>> {
    let rest = usize::try_from(stored.len().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut piece = vec![0; rest.min(PIECE)];
    let mut filled = 0;
    while filled < piece.len() {
        match stored.read_at(offset + filled as u64, &mut piece[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n_octets => filled += n_octets,
        }
    }
    Ok(piece)
}

/// Looks through a body for what a hop may not be able to take.
pub(super) async fn facts(body: &Body) -> io::Result<BodyFacts> {
    let scan = match body {
        Body::Memory(bytes) => {
            let mut scan = BodyScan::default();
            scan.push(bytes);
            scan
        }
        Body::Stored(stored) => {
            let stored = stored.clone();
            spawn_blocking(move || scan_stored(&stored))
                .await
                .map_err(io::Error::other)
                .flatten()?
        }
    };
    Ok(BodyFacts {
        bare_newline: scan.has_bare_newline(),
        eight_bit_header: scan.has_eight_bit_header(),
    })
}

fn scan_stored(stored: &StoredBody) -> io::Result<BodyScan> {
    let mut scan = BodyScan::default();
    let mut offset = 0;
    while offset < stored.len() {
        let piece = read_piece(stored, offset)?;
        offset += piece.len() as u64;
        scan.push(&piece);
    }
    Ok(scan)
}
