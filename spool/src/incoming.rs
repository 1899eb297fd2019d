//! A message on its way in.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use mail::{Envelope, Origin, SpoolId, Timestamp};

use crate::completion::{Cell, Wait};
use crate::disk::DiskFile;
use crate::error::SpoolError;
use crate::event::Event;
use crate::head::{HeadRef, message_id};
use crate::large::Spill;
use crate::message::{Body, Message, StoredBody};
use crate::queue::{Effect, Request, Settlement};
use crate::receipt::Receipt;
use crate::record::{HEADER_BYTES, Header, Kind, Lsn};
use crate::shared::Shared;

/// A large body is handed to the disk in pieces of at least this size.
const DRAIN_BYTES: usize = 256 * 1024;

/// A message being received: state S1 or S2. Dropping it leaves nothing.
pub struct Incoming {
    shared: Arc<Shared>,
    id: SpoolId,
    /// What is not in the file yet; all of a small message.
    buffer: Vec<u8>,
    spill: Option<Spill>,
    /// The first bytes of a large one, for its `Message-ID`.
    message_id: Option<Box<str>>,
}

/// An accepted message, for the 250 and for delivery.
#[derive(Debug)]
pub struct Accepted {
    pub receipt: Receipt,
    pub message: Arc<Message>,
}

impl Incoming {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let id = shared.ids.next(shared.clock.now().as_micros());
        Self { shared, id, buffer: Vec::new(), spill: None, message_id: None }
    }

    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// Bytes received so far.
    pub fn len(&self) -> u64 {
        self.spill.as_ref().map_or(0, Spill::len) + self.buffer.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends. Blocks only for a large message whose caller does not [`Incoming::drain`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.buffer.extend_from_slice(bytes);
        let max = self.shared.options.large_body_bytes;
        if self.buffer.len() as u64 > max.max(DRAIN_BYTES as u64) {
            let bytes = std::mem::take(&mut self.buffer);
            self.note_message_id(&bytes);
            self.spill = Some(spill(self.spill.take(), &self.shared, self.id, &bytes)?);
        }
        Ok(())
    }

    /// The end of the message, for a decoder that appends without a copy. Only append.
    pub fn body_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether [`Incoming::drain`] has something to do.
    pub fn wants_drain(&self) -> bool {
        self.buffer.len() >= DRAIN_BYTES && self.is_large()
    }

    fn is_large(&self) -> bool {
        self.spill.is_some() || self.len() > self.shared.options.large_body_bytes
    }

    /// Hands what is buffered of a large body to its file, on a thread that may block; awaiting
    /// it is the back-pressure. Does nothing for a small body, or for less than 256 KiB.
    pub async fn drain(&mut self) -> Result<(), SpoolError> {
        if self.wants_drain() { self.drain_all().await } else { Ok(()) }
    }

    /// Hands all that is buffered to the file of a large body, whatever its size, and frees its
    /// memory: for a caller that has too little.
    pub async fn spill(&mut self) -> Result<(), SpoolError> {
        self.drain_all().await?;
        self.buffer = Vec::new();
        Ok(())
    }

    async fn drain_all(&mut self) -> Result<(), SpoolError> {
        let mut bytes = std::mem::take(&mut self.buffer);
        self.note_message_id(&bytes);
        let (spilled, shared, id) = (self.spill.take(), Arc::clone(&self.shared), self.id);
        let work = move || {
            let spill = spill(spilled, &shared, id, &bytes)?;
            bytes.clear();
            Ok::<_, SpoolError>((spill, bytes))
        };
        let (spill, buffer) = blocking(work).await?;
        (self.spill, self.buffer) = (Some(spill), buffer);
        Ok(())
    }

    /// The header is in the first piece, or so late that nobody asks for it.
    fn note_message_id(&mut self, bytes: &[u8]) {
        if self.spill.is_none() {
            self.message_id = message_id(bytes).map(Into::into);
        }
    }

    /// Makes the message durable and gives the proof. After an error nothing was promised, but
    /// the message may be found at the next start, whole.
    pub fn commit(
        self,
        envelope: Envelope,
        origin: Origin,
    ) -> impl Future<Output = Result<Accepted, SpoolError>> + Send + 'static {
        self.store(envelope, origin, None)
    }

    /// As [`Incoming::commit`], and `settles` becomes durable in the same record: a DSN and the
    /// failure that it reports happen together or not at all.
    pub fn commit_settling(
        self,
        envelope: Envelope,
        origin: Origin,
        settles: Event,
    ) -> impl Future<Output = Result<Accepted, SpoolError>> + Send + 'static {
        self.store(envelope, origin, Some(settles))
    }

    async fn store(
        mut self,
        envelope: Envelope,
        origin: Origin,
        settles: Option<Event>,
    ) -> Result<Accepted, SpoolError> {
        if self.is_large() {
            self.drain_all().await?;
            if let Some(spill) = self.spill.take() {
                self.spill = Some(blocking(move || spill.sync().map(|()| spill)).await?);
            }
        }
        let Self { shared, id, buffer, spill, message_id } = self;
        let accepted_at = shared.clock.now();
        let facts = Facts { id, accepted_at, message_id: message_id.as_deref() };
        let (request, content) =
            request(&shared, facts, &envelope, &origin, settles, buffer, spill)?;
        let cell = Cell::new(shared.key());
        let request = Request { done: Some(Arc::clone(&cell)), ..request };
        shared.queue.push(request)?;
        let placed = Wait(cell).await?;
        let body = content.into_body(&shared, id);
        let message = Arc::new(Message { id, envelope, origin, accepted_at, body });
        Ok(Accepted { receipt: Receipt::of(id, placed), message })
    }
}

struct Facts<'a> {
    id: SpoolId,
    accepted_at: Timestamp,
    message_id: Option<&'a str>,
}

/// The body while its record is on its way to the disk.
enum Content {
    Small(Bytes, u32),
    Large(Arc<dyn DiskFile>, u64, u32),
}

impl Content {
    /// Small bodies stay in memory for the delivery that follows, as long as there is room.
    fn into_body(self, shared: &Arc<Shared>, id: SpoolId) -> Body {
        match self {
            Self::Large(file, len, crc) => Body::Stored(StoredBody::file(file, len, crc)),
            Self::Small(bytes, crc) => {
                if shared.budget.used() <= shared.options.memory_bodies_max {
                    return Body::Memory(bytes);
                }
                let len = bytes.len() as u64;
                Body::Stored(StoredBody::record(Arc::clone(shared), id, len, crc))
            }
        }
    }
}

fn request(
    shared: &Shared,
    facts: Facts<'_>,
    envelope: &Envelope,
    origin: &Origin,
    settles: Option<Event>,
    buffer: Vec<u8>,
    spill: Option<Spill>,
) -> Result<(Request, Content), SpoolError> {
    let Facts { id, accepted_at, message_id: noted } = facts;
    let message_id = if spill.is_some() { noted } else { message_id(&buffer) };
    let mut front = Vec::with_capacity(HEADER_BYTES + 256 + 64 * envelope.recipients.len());
    front.resize(HEADER_BYTES, 0);
    HeadRef { accepted_at, envelope, origin, message_id, settles: settles.as_ref() }
        .encode(&mut front);
    let content = match spill {
        Some(spill) => {
            let (len, crc) = (spill.len(), spill.crc());
            Content::Large(spill.keep(), len, crc)
        }
        None => {
            let crc = crc32fast::hash(&buffer);
            Content::Small(shared.budget.count(buffer), crc)
        }
    };
    let (large, body_bytes, body_crc, body) = match &content {
        Content::Small(bytes, crc) => (false, bytes.len() as u64, *crc, bytes.clone()),
        Content::Large(_, len, crc) => (true, *len, *crc, Bytes::new()),
    };
    let header = Header {
        kind: Kind::Message,
        large,
        settles: settles.is_some(),
        origin: None,
        at: Lsn::default(),
        batch: 0,
        recipients: u16::try_from(envelope.recipients.len()).unwrap_or(u16::MAX),
        id: id.as_u64(),
        head_bytes: u32::try_from(front.len() - HEADER_BYTES).unwrap_or(u32::MAX),
        body_bytes,
        body_crc,
    };
    let room = shared.options.segment_bytes - crate::segment::FIRST_RECORD;
    if header.record_bytes() > room {
        return Err(SpoolError::TooLarge { bytes: header.record_bytes() });
    }
    let effect = Effect::Accept { settles: settles.as_ref().map(Settlement::of) };
    let request = Request { header, front, body, effect, done: None, since: Instant::now() };
    Ok((request, content))
}

fn spill(
    spill: Option<Spill>,
    shared: &Shared,
    id: SpoolId,
    bytes: &[u8],
) -> Result<Spill, SpoolError> {
    let mut spill = match spill {
        Some(spill) => spill,
        None => Spill::create(Arc::clone(&shared.disk), id)?,
    };
    spill.append(bytes)?;
    Ok(spill)
}

/// Runs what may block away from the reactor; where there is none, right here.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.unwrap_or(Err(SpoolError::Closed)),
        Err(_) => work(),
    }
}
