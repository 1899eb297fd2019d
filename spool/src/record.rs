//! The header in front of every record of a segment. Layout: docs/formats/spool.md, "Record".

use crate::codec::{Put, Take};

/// Bytes of a record header.
pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const MAGIC: [u8; 4] = *b"CwR\x01";
/// Every batch begins at a multiple of this, so that no later write touches a synced block.
/// Why 4096 and not 512: docs/adr/0101.
pub(crate) const BLOCK_BYTES: u64 = 4096;
const CHECKED_BYTES: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Event,
    /// A run began, or the disk can be written again.
    Mark,
    /// Last of a run that was stopped in order.
    Closed,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Event => 2,
            Self::Mark => 3,
            Self::Closed => 4,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Message),
            2 => Some(Self::Event),
            3 => Some(Self::Mark),
            4 => Some(Self::Closed),
            _ => None,
        }
    }
}

/// A place in the log. Places grow with time: a later write has a greater one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lsn {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The body is in `large/`, not in the record.
    pub(crate) large: bool,
    /// The message record holds an event too.
    pub(crate) settles: bool,
    /// Where the record was first written, when compaction copied it here.
    pub(crate) origin: Option<Lsn>,
    pub(crate) at: Lsn,
    /// Counts the batches of a segment; a record of batch n proves that batch n-1 was synced.
    pub(crate) batch: u32,
    pub(crate) recipients: u16,
    pub(crate) id: u64,
    pub(crate) head_bytes: u32,
    pub(crate) body_bytes: u64,
    pub(crate) body_crc: u32,
}

impl Header {
    /// Bytes of the record in the segment, header included.
    pub(crate) fn record_bytes(&self) -> u64 {
        let body = if self.large { 0 } else { self.body_bytes };
        HEADER_BYTES as u64 + u64::from(self.head_bytes) + body
    }

    /// Writes the header over the first bytes of `front`, whose rest is the head section.
    /// The checksum covers both, and so the segment's number and the place in it.
    pub(crate) fn seal(&self, front: &mut [u8]) {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        self.encode(&mut bytes);
        let crc = checksum(&bytes, &front[HEADER_BYTES..]);
        bytes.put_u32(crc);
        front[..HEADER_BYTES].copy_from_slice(&bytes);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let origin = self.origin.unwrap_or_default();
        out.put(&MAGIC);
        out.put_u8(self.kind.byte());
        let moved = u8::from(self.origin.is_some());
        out.put_u8(u8::from(self.large) | moved << 1 | u8::from(self.settles) << 2);
        out.put_u16(self.recipients);
        out.put_u32(self.at.segment);
        out.put_u32(self.at.offset);
        out.put_u32(origin.segment);
        out.put_u32(origin.offset);
        out.put_u32(self.batch);
        out.put_u32(self.head_bytes);
        out.put_u64(self.body_bytes);
        out.put_u64(self.id);
        out.put_u32(self.body_crc);
        // Room for what a later version must know, counted in the checksum.
        out.put_u64(0);
        debug_assert_eq!(out.len(), CHECKED_BYTES);
    }

    /// The header alone, unchecked but for its magic and its place; [`Header::check`] is next.
    pub(crate) fn peek(bytes: &[u8], at: Lsn) -> Option<Self> {
        let mut from = Take(bytes.get(..HEADER_BYTES)?);
        if from.bytes(4).ok()? != MAGIC {
            return None;
        }
        let kind = Kind::of(from.u8().ok()?)?;
        let flags = from.u8().ok()?;
        let recipients = from.u16().ok()?;
        let place = Lsn { segment: from.u32().ok()?, offset: from.u32().ok()? };
        let origin = Lsn { segment: from.u32().ok()?, offset: from.u32().ok()? };
        if flags > 7 || place != at {
            return None;
        }
        Some(Self {
            kind,
            large: flags & 1 != 0,
            settles: flags & 4 != 0,
            origin: (flags & 2 != 0).then_some(origin),
            at,
            batch: from.u32().ok()?,
            recipients,
            head_bytes: from.u32().ok()?,
            body_bytes: from.u64().ok()?,
            id: from.u64().ok()?,
            body_crc: from.u32().ok()?,
        })
    }

    /// Whether `front`, header and head section, is what was sealed.
    pub(crate) fn check(&self, front: &[u8]) -> bool {
        let Some((header, head)) = front.split_at_checked(HEADER_BYTES) else { return false };
        let crc = checksum(&header[..CHECKED_BYTES], head);
        header[CHECKED_BYTES..] == crc.to_le_bytes()
    }
}

fn checksum(header: &[u8], head: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(head);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            kind: Kind::Message,
            large: false,
            settles: false,
            origin: None,
            at: Lsn { segment: 3, offset: 4096 },
            batch: 9,
            recipients: 2,
            id: 77,
            head_bytes: 5,
            body_bytes: 10,
            body_crc: 1,
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let header = header();
        let mut front = vec![b'x'; HEADER_BYTES + 5];
        header.seal(&mut front);
        assert_eq!(Header::peek(&front, header.at).as_ref(), Some(&header));
        assert!(header.check(&front));
        for bit in 0..front.len() * 8 {
            let mut bad = front.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let seen = Header::peek(&bad, header.at).is_some_and(|it| it.check(&bad));
            assert!(!seen, "bit {bit}");
        }
    }

    #[test]
    fn a_record_of_an_earlier_life_is_nobodys() {
        let header = header();
        let mut front = vec![b'x'; HEADER_BYTES + 5];
        header.seal(&mut front);
        assert_eq!(Header::peek(&front, Lsn { segment: 4, offset: 4096 }), None);
        assert_eq!(Header::peek(&front, Lsn { segment: 3, offset: 0 }), None);
    }
}
