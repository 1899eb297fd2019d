//! Byte layout of the ledger: a title per file, a frame per fact. See docs/formats/ledger.md.

use mail::{SpoolId, Timestamp};

use crate::codec::{Malformed, Put, Take};
use crate::error::SpoolError;
use crate::event::Event;
use crate::head::Head;
use crate::record::{Header, Kind, Lsn};

pub(super) const VERSION: u16 = 1;
const FILE_MAGIC: &[u8; 8] = b"CwLedgr\0";
pub(super) const TITLE_BYTES: usize = 48;
const FRAME_MAGIC: [u8; 4] = *b"CwL\x01";
/// Bytes of a frame before its content.
const FRONT_BYTES: usize = 44;
/// More than any content can be; what says more is damaged.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// The first bytes of a ledger file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Title {
    pub(super) number: u32,
    /// The first segment of the run whose facts are here.
    pub(super) run: u32,
    /// The file before this one in the same run, and how much of it counts.
    pub(super) follows: Option<(u32, u64)>,
    pub(super) made_at: Timestamp,
}

impl Title {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TITLE_BYTES);
        let (number, len) = self.follows.unwrap_or_default();
        out.put(FILE_MAGIC);
        out.put_u16(VERSION);
        out.put_u16(0);
        out.put_u32(self.number);
        out.put_u32(self.run);
        out.put_u32(number);
        out.put_u64(len);
        out.put_u64(self.made_at.as_micros());
        out.put_u32(0);
        let crc = crc32fast::hash(&out);
        out.put_u32(crc);
        out
    }

    /// `Ok(None)`: not a ledger file, or its first bytes are damaged.
    pub(super) fn decode(bytes: &[u8], number: u32) -> Result<Option<Self>, SpoolError> {
        let Some(body) = bytes.get(..TITLE_BYTES - 4) else { return Ok(None) };
        let crc = &bytes[TITLE_BYTES - 4..TITLE_BYTES];
        if !body.starts_with(FILE_MAGIC) || crc != crc32fast::hash(body).to_le_bytes() {
            return Ok(None);
        }
        let mut from = Take(&body[8..]);
        let parse = |from: &mut Take<'_>| {
            let version = from.u16()?;
            from.u16()?;
            let (own, run) = (from.u32()?, from.u32()?);
            let follows = (from.u32()?, from.u64()?);
            let made_at = Timestamp::from_micros(from.u64()?);
            let follows = (follows.0 != 0).then_some(follows);
            Ok::<_, Malformed>((version, Self { number: own, run, follows, made_at }))
        };
        let Ok((version, title)) = parse(&mut from) else { return Ok(None) };
        if version > VERSION {
            return Err(SpoolError::Version { name: format!("ledger file {number:08x}"), version });
        }
        Ok((title.number == number).then_some(title))
    }
}

/// One fact, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// Where the log has it; of a mark, the number of the file as its segment.
    pub(super) at: Lsn,
    pub(super) id: SpoolId,
    /// Bytes of the body of a message; of a mark, how much of the file is synced.
    pub(super) size: u64,
    /// Of a message.
    pub(super) recipients: u16,
    /// The message holds an event too.
    pub(super) settles: bool,
    pub(super) content: &'a [u8],
    /// All of it, as it is in the file.
    pub(super) raw: &'a [u8],
}

/// A fact, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Accepted(Box<Head>),
    Event(Event),
}

/// Appends a frame. `head` is the record's head section, as it is in the segment.
pub(super) fn append(out: &mut Vec<u8>, header: &Header, head: &[u8]) {
    let start = out.len();
    out.put(&FRAME_MAGIC);
    out.put_u32(u32::try_from(FRONT_BYTES + head.len()).unwrap_or(u32::MAX));
    out.put_u32(0);
    out.put_u8(if header.kind == Kind::Message { 1 } else { 2 });
    out.put_u8(u8::from(header.settles));
    out.put_u16(0);
    out.put_u32(header.at.segment);
    out.put_u32(header.at.offset);
    out.put_u64(header.id);
    out.put_u64(header.body_bytes);
    out.put_u16(header.recipients);
    out.put_u16(0);
    debug_assert_eq!(out.len() - start, FRONT_BYTES);
    out.put(head);
    let crc = checksum(&out[start..]);
    out[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
}

/// Appends the note that the first `len` bytes of file `number` are synced. In another file, where
/// it may be after a failed sync, it means nothing.
pub(super) fn append_synced(out: &mut Vec<u8>, number: u32, len: u64) {
    let start = out.len();
    out.put(&FRAME_MAGIC);
    out.put_u32(FRONT_BYTES as u32);
    out.put_u32(0);
    out.put_u32(3);
    out.put_u32(number);
    out.put_u32(0);
    out.put_u64(0);
    out.put_u64(len);
    out.put_u32(0);
    let crc = checksum(&out[start..]);
    out[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
}

/// Over all of a frame but its magic and the checksum itself.
fn checksum(frame: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[4..8]);
    crc.update(&frame[12..]);
    crc.finalize()
}

impl<'a> Frame<'a> {
    /// The frame at the front of `bytes` with its length; `None` when there is no whole one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let len = length(bytes)?;
        let frame = bytes.get(..len)?;
        if frame[8..12] != checksum(frame).to_le_bytes() {
            return None;
        }
        let mut from = Take(&frame[12..]);
        let kind = match from.u8().ok()? {
            1 => Kind::Message,
            2 => Kind::Event,
            3 => Kind::Mark,
            _ => return None,
        };
        let settles = from.flag().ok()?;
        from.u16().ok()?;
        let at = Lsn { segment: from.u32().ok()?, offset: from.u32().ok()? };
        let id = SpoolId::from_u64(from.u64().ok()?);
        let size = from.u64().ok()?;
        let recipients = from.u16().ok()?;
        let content = &frame[FRONT_BYTES..];
        Some((Self { kind, at, id, size, recipients, settles, content, raw: frame }, len))
    }

    pub(super) fn decode(&self) -> Result<Fact, Malformed> {
        match self.kind {
            Kind::Message => Head::decode(self.content).map(|it| Fact::Accepted(Box::new(it))),
            Kind::Event => Event::decode(&mut Take(self.content)).map(Fact::Event),
            Kind::Mark | Kind::Closed => Err(Malformed("kind of frame")),
        }
    }

    /// Whether a text is in the content, as bytes: cheaper than decoding.
    pub(super) fn contains(&self, text: &str) -> bool {
        memchr::memmem::find(self.content, text.as_bytes()).is_some()
    }
}

/// What the frame at the front of `bytes` says of its length.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut from = Take(bytes);
    if from.bytes(4).ok()? != FRAME_MAGIC {
        return None;
    }
    let len = from.u32().ok()? as usize;
    (FRONT_BYTES..=FRAME_BYTES_MAX).contains(&len).then_some(len)
}

/// Where the next frame may begin, behind the first byte of `bytes`.
pub(super) fn resync(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes.get(1..)?, &FRAME_MAGIC).map(|it| it + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::tests::{bytes_of, rich};

    fn frame() -> Vec<u8> {
        let header = Header {
            kind: Kind::Message,
            large: false,
            settles: true,
            origin: None,
            at: Lsn { segment: 2, offset: 4096 },
            batch: 3,
            recipients: 2,
            id: 9,
            head_bytes: 0,
            body_bytes: 77,
            body_crc: 0,
        };
        let mut out = Vec::new();
        append(&mut out, &header, &bytes_of(&rich()));
        out
    }

    #[test]
    fn a_frame_comes_back_unless_a_bit_flipped() {
        let bytes = frame();
        let (frame, len) = Frame::read(&bytes).unwrap();
        assert_eq!(len, bytes.len());
        assert_eq!((frame.id.as_u64(), frame.size, frame.settles), (9, 77, true));
        assert_eq!(frame.decode(), Ok(Fact::Accepted(Box::new(rich()))));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::read(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_title_comes_back_unless_a_bit_flipped() {
        let made_at = Timestamp::from_micros(5);
        let title = Title { number: 4, run: 2, follows: Some((3, 999)), made_at };
        let bytes = title.encode();
        assert_eq!(bytes.len(), TITLE_BYTES);
        assert_eq!(Title::decode(&bytes, 4).unwrap(), Some(title));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Title::decode(&bad, 4).unwrap(), None, "bit {bit}");
        }
    }
}
