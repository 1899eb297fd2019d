//! What happened to a message, and the proof that nothing got lost.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use admin::{BackendError, ByteStream};
use api::{StoryEvent, StoryRecipient, TraceQuery, Traced, Verification};
use bytes::Bytes;
use deliver::operate::QueueState;
use futures_util::stream;
use mail::{Address, SpoolId};
use spool::{Body, Event, Message, Query, Settled, Story, What};

use super::queue::{parse_id, path};
use super::{Control, table};

/// Octets of a stored body read at once.
const PIECE: usize = 256 * 1024;

/// How long a proof waits for mail of the last run: less than the API gives a long request.
const RECOVERY_FOR: Duration = Duration::from_secs(200);

/// Where recipients wait that are not settled.
type States = HashMap<(SpoolId, u16), QueueState>;

impl Control {
    pub(super) async fn trace_message(&self, query: TraceQuery) -> Result<Traced, BackendError> {
        let limit = query.limit.unwrap_or(50).clamp(1, 1_000) as usize;
        let question = question(&query)?;
        let spool = self.spool.clone();
        let found = table::blocking(move || {
            let trace = spool.ledger().trace(&question, limit);
            trace.map_err(|it| BackendError::Failed { detail: it.to_string() })
        });
        let stories = found.await?;
        let ids: HashSet<SpoolId> = stories.iter().map(|it| it.id).collect();
        let delivery = self.delivery.clone();
        let states = table::blocking(move || Ok(delivery.states_of(&ids))).await?;
        Ok(Traced { stories: stories.iter().map(|it| self.story(it, &states)).collect() })
    }

    fn story(&self, story: &Story, states: &States) -> api::Story {
        let recipients = (0..=u16::MAX).zip(&story.envelope.recipients);
        let origin = &story.origin;
        api::Story {
            id: story.id.to_string(),
            accepted_at: story.accepted_at.to_string(),
            reverse_path: path(&story.envelope.reverse_path),
            message_id: story.message_id.as_deref().map(str::to_owned),
            size_bytes: story.size,
            listener: origin.listener.to_string(),
            peer: origin.peer.map(|it| it.to_string()),
            helo: Some(origin.helo.to_string()).filter(|it| !it.is_empty()),
            tls: origin.tls.as_ref().map(|it| format!("{} {}", it.version, it.cipher)),
            recipients: recipients
                .map(|(index, it)| StoryRecipient {
                    address: it.address.to_string(),
                    outcome: outcome(story, index, states).to_owned(),
                    maybe_duplicate: story.events_of(index).any(is_maybe_duplicate),
                    events: story.events_of(index).map(event).collect(),
                })
                .collect(),
        }
    }

    /// Waits until mail of the last run has been read: before, the sum cannot come out.
    pub(crate) async fn verify(&self) -> Result<Verification, BackendError> {
        let waiting = tokio::time::timeout(RECOVERY_FOR, self.until_recovered());
        waiting.await.map_err(|_| BackendError::Busy {
            detail: "mail of the last run is still being read".to_owned(),
        })?;
        let spool = self.spool.clone();
        let found = table::blocking(move || {
            let verified = spool.ledger().verify();
            verified.map_err(|it| BackendError::Failed { detail: it.to_string() })
        });
        let it = found.await?;
        Ok(Verification {
            balanced: it.is_balanced(),
            accepted_messages: it.accepted_messages,
            accepted: it.accepted,
            delivered: it.delivered,
            bounced: it.bounced,
            expired: it.expired,
            discarded: it.discarded,
            queued: it.queued,
            maybe_duplicate: it.maybe_duplicate,
            problems: it.problems,
        })
    }
}

fn question(query: &TraceQuery) -> Result<Query, BackendError> {
    if let Some(id) = &query.id {
        return Ok(Query::Id(parse_id(id, "id")?));
    }
    if let Some(address) = &query.address {
        let parsed = address.parse::<Address>();
        let parsed = parsed.map_err(|it| BackendError::invalid("address", it.to_string()))?;
        return Ok(Query::Address(parsed.key()));
    }
    match query.message_id.as_deref().map(str::trim) {
        Some(id) if id.starts_with('<') => Ok(Query::MessageId(id.to_owned())),
        Some(id) if !id.is_empty() => Ok(Query::MessageId(format!("<{id}>"))),
        _ => Err(BackendError::invalid("id", "want an id, an address or a Message-ID")),
    }
}

fn outcome(story: &Story, index: u16, states: &States) -> &'static str {
    match story.outcome_of(index) {
        Some(Settled::Delivered) => return "delivered",
        Some(Settled::Bounced) => return "bounced",
        Some(Settled::Expired) => return "expired",
        Some(Settled::Discarded) => return "discarded",
        None => (),
    }
    match states.get(&(story.id, index)) {
        Some(QueueState::Deferred) => "deferred",
        Some(QueueState::Held) => "held",
        Some(QueueState::Active) | None => "active",
    }
}

fn is_maybe_duplicate(event: &Event) -> bool {
    matches!(event.what, What::Delivered { maybe_duplicate: true, .. })
}

fn event(event: &Event) -> StoryEvent {
    let mut out = StoryEvent {
        at: event.at.to_string(),
        what: String::new(),
        hop: None,
        host: None,
        generation: None,
        attempt: None,
        reply: None,
        remark: None,
    };
    let said = |reply: &String| Some(reply.clone());
    let dsn = |dsn: &Option<SpoolId>| match dsn {
        Some(id) => Some(format!("the sender was told by {id}")),
        None => Some("nobody was told".to_owned()),
    };
    let (what, remark) = match &event.what {
        What::Delivered { hop, host, generation, attempt, reply, maybe_duplicate } => {
            out.at_hop(hop, host, *generation, *attempt);
            out.reply = said(reply);
            let remark = "an earlier attempt may have been delivered too";
            ("delivered", maybe_duplicate.then(|| remark.to_owned()))
        }
        What::Deferred { hop, host, generation, attempt, reply, due, maybe_duplicate } => {
            out.at_hop(hop, host, *generation, *attempt);
            out.reply = said(reply);
            let doubt = if *maybe_duplicate { ", which may hand over a second copy" } else { "" };
            ("deferred", Some(format!("next attempt {due}{doubt}")))
        }
        What::Bounced { generation, reply, dsn: id } => {
            out.generation = Some(*generation);
            out.reply = said(reply);
            ("bounced", dsn(id))
        }
        What::Expired { generation, reply, dsn: id } => {
            out.generation = Some(*generation);
            out.reply = said(reply);
            ("expired", dsn(id))
        }
        What::Discarded { by, why } => ("discarded", Some(by_and_why(by, why))),
        What::Held { by, why } => ("held", Some(by_and_why(by, why))),
        What::Released { by } => ("released", Some(format!("by {by}"))),
        What::DelayNotified { dsn: id } => ("delay_notified", dsn(id)),
    };
    out.what = what.to_owned();
    out.remark = remark;
    out
}

trait AtHop {
    fn at_hop(&mut self, hop: &str, host: &str, generation: u64, attempt: u32);
}

impl AtHop for StoryEvent {
    fn at_hop(&mut self, hop: &str, host: &str, generation: u64, attempt: u32) {
        self.hop = Some(hop.to_owned());
        self.host = Some(host.to_owned()).filter(|it| !it.is_empty());
        self.generation = Some(generation);
        self.attempt = Some(attempt);
    }
}

fn by_and_why(by: &str, why: &str) -> String {
    if why.is_empty() { format!("by {by}") } else { format!("by {by}: {why}") }
}

/// The message piece by piece, read off the reactor.
pub(super) fn body(message: &Arc<Message>) -> ByteStream {
    let stored = match &message.body {
        Body::Memory(bytes) => return super::one_piece(bytes.clone()),
        Body::Stored(stored) => stored.clone(),
    };
    Box::pin(stream::try_unfold((stored, 0_u64), |(stored, offset)| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let n = stored.read_at(offset, &mut piece)?;
            piece.truncate(n);
            Ok::<_, io::Error>((piece, stored))
        });
        let (piece, stored) = read.await.map_err(io::Error::other)??;
        let next = offset + piece.len() as u64;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), (stored, next))))
    }))
}
