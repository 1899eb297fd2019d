//! What happens to a recipient after its message was accepted.

use mail::{SpoolId, Timestamp};

use crate::codec::{Malformed, Put, Take};

/// One thing that happened to some recipients of one message. Recipients are named by their
/// place in the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: SpoolId,
    pub recipients: Vec<u16>,
    pub at: Timestamp,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The next hop took it. `maybe_duplicate`: an earlier attempt had no answer.
    Delivered {
        hop: String,
        host: String,
        generation: u64,
        attempt: u32,
        reply: String,
        maybe_duplicate: bool,
    },
    /// An attempt failed; the next one is due then. `maybe_duplicate`: this or an earlier attempt
    /// had no answer, so the next one may hand over a second copy.
    Deferred {
        hop: String,
        host: String,
        generation: u64,
        attempt: u32,
        reply: String,
        due: Timestamp,
        maybe_duplicate: bool,
    },
    Bounced {
        generation: u64,
        reply: String,
        dsn: Option<SpoolId>,
    },
    Expired {
        generation: u64,
        reply: String,
        dsn: Option<SpoolId>,
    },
    /// By an operator or a named policy.
    Discarded {
        by: String,
        why: String,
    },
    Held {
        by: String,
        why: String,
    },
    Released {
        by: String,
    },
    /// The reverse-path was told of the delay, or would have been had it wanted to.
    DelayNotified {
        dsn: Option<SpoolId>,
    },
}

impl What {
    /// Terminal: the recipient leaves the spool.
    pub fn settles(&self) -> bool {
        Settled::of(self).is_some()
    }
}

/// An outcome in one word, for metrics and counts. `None` for what is not terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    Delivered,
    Bounced,
    Expired,
    Discarded,
}

impl Settled {
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Bounced, Self::Expired, Self::Discarded];

    pub fn of(what: &What) -> Option<Self> {
        match what {
            What::Delivered { .. } => Some(Self::Delivered),
            What::Bounced { .. } => Some(Self::Bounced),
            What::Expired { .. } => Some(Self::Expired),
            What::Discarded { .. } => Some(Self::Discarded),
            What::Deferred { .. }
            | What::Held { .. }
            | What::Released { .. }
            | What::DelayNotified { .. } => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Expired => "expired",
            Self::Discarded => "discarded",
        }
    }
}

impl Event {
    /// Layout: docs/formats/spool.md, "Event".
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.id.as_u64());
        out.put_u64(self.at.as_micros());
        out.put_u16(u16::try_from(self.recipients.len()).unwrap_or(u16::MAX));
        for &recipient in self.recipients.iter().take(usize::from(u16::MAX)) {
            out.put_u16(recipient);
        }
        self.what.encode(out);
    }

    pub(crate) fn decode(from: &mut Take<'_>) -> Result<Self, Malformed> {
        let id = SpoolId::from_u64(from.u64()?);
        let at = Timestamp::from_micros(from.u64()?);
        let n = from.u16()?;
        let recipients = (0..n).map(|_| from.u16()).collect::<Result<_, _>>()?;
        Ok(Self { id, recipients, at, what: What::decode(from)? })
    }
}

impl What {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Delivered { hop, host, generation, attempt, reply, maybe_duplicate } => {
                out.put_u8(1);
                put_attempt(out, hop, host, *generation, *attempt, reply);
                out.put_u8(u8::from(*maybe_duplicate));
            }
            Self::Deferred { hop, host, generation, attempt, reply, due, maybe_duplicate } => {
                out.put_u8(2);
                put_attempt(out, hop, host, *generation, *attempt, reply);
                out.put_u64(due.as_micros());
                out.put_u8(u8::from(*maybe_duplicate));
            }
            Self::Bounced { generation, reply, dsn } => {
                out.put_u8(3);
                put_failure(out, *generation, reply, *dsn);
            }
            Self::Expired { generation, reply, dsn } => {
                out.put_u8(4);
                put_failure(out, *generation, reply, *dsn);
            }
            Self::Discarded { by, why } => {
                out.put_u8(5);
                out.put_text(by);
                out.put_text(why);
            }
            Self::Held { by, why } => {
                out.put_u8(6);
                out.put_text(by);
                out.put_text(why);
            }
            Self::Released { by } => {
                out.put_u8(7);
                out.put_text(by);
            }
            Self::DelayNotified { dsn } => {
                out.put_u8(8);
                put_option_id(out, *dsn);
            }
        }
    }

    fn decode(from: &mut Take<'_>) -> Result<Self, Malformed> {
        Ok(match from.u8()? {
            1 => {
                let (hop, host, generation, attempt, reply) = take_attempt(from)?;
                let maybe_duplicate = from.flag()?;
                Self::Delivered { hop, host, generation, attempt, reply, maybe_duplicate }
            }
            2 => {
                let (hop, host, generation, attempt, reply) = take_attempt(from)?;
                let due = Timestamp::from_micros(from.u64()?);
                let maybe_duplicate = from.flag()?;
                Self::Deferred { hop, host, generation, attempt, reply, due, maybe_duplicate }
            }
            3 => {
                let (generation, reply, dsn) = take_failure(from)?;
                Self::Bounced { generation, reply, dsn }
            }
            4 => {
                let (generation, reply, dsn) = take_failure(from)?;
                Self::Expired { generation, reply, dsn }
            }
            5 => Self::Discarded { by: from.text()?.into(), why: from.text()?.into() },
            6 => Self::Held { by: from.text()?.into(), why: from.text()?.into() },
            7 => Self::Released { by: from.text()?.into() },
            8 => Self::DelayNotified { dsn: take_option_id(from)? },
            _ => return Err(Malformed("kind of event")),
        })
    }
}

fn put_attempt(
    out: &mut Vec<u8>,
    hop: &str,
    host: &str,
    generation: u64,
    attempt: u32,
    reply: &str,
) {
    out.put_text(hop);
    out.put_text(host);
    out.put_u64(generation);
    out.put_u32(attempt);
    out.put_text(reply);
}

type Attempt = (String, String, u64, u32, String);

fn take_attempt(from: &mut Take<'_>) -> Result<Attempt, Malformed> {
    let (hop, host) = (from.text()?.into(), from.text()?.into());
    Ok((hop, host, from.u64()?, from.u32()?, from.text()?.into()))
}

fn put_failure(out: &mut Vec<u8>, generation: u64, reply: &str, dsn: Option<SpoolId>) {
    out.put_u64(generation);
    out.put_text(reply);
    put_option_id(out, dsn);
}

fn take_failure(from: &mut Take<'_>) -> Result<(u64, String, Option<SpoolId>), Malformed> {
    Ok((from.u64()?, from.text()?.into(), take_option_id(from)?))
}

/// Zero means none: no id is ever zero.
fn put_option_id(out: &mut Vec<u8>, id: Option<SpoolId>) {
    out.put_u64(id.map_or(0, SpoolId::as_u64));
}

fn take_option_id(from: &mut Take<'_>) -> Result<Option<SpoolId>, Malformed> {
    let value = from.u64()?;
    Ok((value != 0).then(|| SpoolId::from_u64(value)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One event of every kind.
    pub(crate) fn every_kind(id: SpoolId) -> Vec<Event> {
        let due = Timestamp::from_micros(99);
        let dsn = Some(SpoolId::from_u64(7));
        let text = || String::from("451 4.7.0 später");
        let kinds = vec![
            What::Delivered {
                hop: "cloud".into(),
                host: "mx1".into(),
                generation: 4,
                attempt: 2,
                reply: text(),
                maybe_duplicate: true,
            },
            What::Deferred {
                hop: "cloud".into(),
                host: "mx1".into(),
                generation: 4,
                attempt: 2,
                reply: text(),
                due,
                maybe_duplicate: true,
            },
            What::Bounced { generation: 1, reply: text(), dsn },
            What::Expired { generation: 1, reply: text(), dsn: None },
            What::Discarded { by: "ann".into(), why: "junk".into() },
            What::Held { by: "ann".into(), why: String::new() },
            What::Released { by: "ann".into() },
            What::DelayNotified { dsn },
        ];
        let at = Timestamp::from_micros(12);
        kinds.into_iter().map(|what| Event { id, recipients: vec![0, 3], at, what }).collect()
    }

    #[test]
    fn every_kind_comes_back_as_it_was() {
        for event in every_kind(SpoolId::from_u64(5)) {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            let mut from = Take(&bytes);
            assert_eq!(Event::decode(&mut from), Ok(event));
            assert_eq!(from.end(), Ok(()));
            for cut in 0..bytes.len() {
                assert!(Event::decode(&mut Take(&bytes[..cut])).is_err(), "cut at {cut}");
            }
        }
    }
}
