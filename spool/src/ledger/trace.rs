//! The story of a message.

use std::collections::HashMap;
use std::ops::ControlFlow;

use mail::{AddressKey, Envelope, Origin, SpoolId, Timestamp};

use super::files::{self, Known, frames};
use super::frame::{Fact, Frame};
use crate::error::SpoolError;
use crate::event::{Event, Settled};
use crate::head::Head;
use crate::record::Kind;

/// Which messages are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Id(SpoolId),
    /// Reverse-path or recipient, in the form of a table's key.
    Address(AddressKey),
    /// The `Message-ID` header, brackets included.
    MessageId(String),
}

/// All that the ledger knows of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub id: SpoolId,
    pub accepted_at: Timestamp,
    pub envelope: Envelope,
    pub origin: Origin,
    /// Bytes of the body.
    pub size: u64,
    pub message_id: Option<Box<str>>,
    /// In the order in which they were written.
    pub events: Vec<Event>,
}

impl Story {
    /// Events that are about one recipient.
    pub fn events_of(&self, recipient: u16) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |it| it.recipients.contains(&recipient))
    }

    /// How a recipient ended; `None` while it waits.
    pub fn outcome_of(&self, recipient: u16) -> Option<Settled> {
        self.events_of(recipient).find_map(|it| Settled::of(&it.what))
    }
}

/// Two passes: newest file first until there are enough matches, then from the oldest match on
/// for what happened to them. Memory is the stories' own.
pub(super) fn trace(
    files: &[Known],
    query: &Query,
    limit: usize,
) -> Result<Vec<Story>, SpoolError> {
    let mut stories: Vec<Story> = Vec::new();
    let mut first = files.len();
    for (n, known) in files.iter().enumerate().rev() {
        let mut found = accepted_in(known, query, limit)?;
        if !found.is_empty() {
            first = n;
        }
        found.reverse();
        stories.append(&mut found);
        let enough = if matches!(query, Query::Id(_)) { 1 } else { limit };
        if stories.len() >= enough {
            break;
        }
    }
    stories.truncate(limit);
    let mut places: HashMap<SpoolId, usize> = HashMap::new();
    places.extend(stories.iter().enumerate().map(|(n, it)| (it.id, n)));
    for known in &files[first..] {
        add_events(known, &places, &mut stories)?;
    }
    Ok(stories)
}

/// The last `limit` matches of a file, oldest first.
fn accepted_in(known: &Known, query: &Query, limit: usize) -> Result<Vec<Story>, SpoolError> {
    let mut found = Vec::new();
    let visit = |frame: &Frame<'_>, _| {
        if frame.kind == Kind::Message
            && may_match(frame, query)
            && let Ok(Fact::Accepted(head)) = frame.decode()
            && matches(frame.id, &head, query)
        {
            if found.len() >= 2 * limit.max(1) {
                found.drain(..limit);
            }
            found.push(story(frame, *head));
        }
        ControlFlow::Continue(())
    };
    frames(&*known.file, known.len, visit)
        .map_err(SpoolError::io("read", files::path(known.number)))?;
    found.drain(..found.len().saturating_sub(limit));
    Ok(found)
}

/// Cheap, and never false for a match.
fn may_match(frame: &Frame<'_>, query: &Query) -> bool {
    match query {
        Query::Id(id) => frame.id == *id,
        Query::MessageId(text) => frame.contains(text),
        Query::Address(key) => frame.contains(key.domain()),
    }
}

fn matches(id: SpoolId, head: &Head, query: &Query) -> bool {
    match query {
        Query::Id(wanted) => id == *wanted,
        Query::MessageId(text) => head.message_id.as_deref() == Some(text),
        Query::Address(key) => {
            let from = match &head.envelope.reverse_path {
                mail::ReversePath::Null => None,
                mail::ReversePath::Mailbox(address) => Some(address),
            };
            let to = head.envelope.recipients.iter().map(|it| &it.address);
            from.into_iter().chain(to).any(|it| it.key() == *key)
        }
    }
}

fn story(frame: &Frame<'_>, head: Head) -> Story {
    let Head { accepted_at, envelope, origin, message_id, .. } = head;
    let (id, size) = (frame.id, frame.size);
    Story { id, accepted_at, envelope, origin, size, message_id, events: Vec::new() }
}

fn add_events(
    known: &Known,
    places: &HashMap<SpoolId, usize>,
    stories: &mut [Story],
) -> Result<(), SpoolError> {
    let visit = |frame: &Frame<'_>, _| {
        let event = match frame.kind {
            Kind::Event if places.contains_key(&frame.id) => event_of(frame),
            Kind::Message if frame.settles => event_of(frame),
            _ => None,
        };
        if let Some(event) = event
            && let Some(&n) = places.get(&event.id)
        {
            stories[n].events.push(event);
        }
        ControlFlow::Continue(())
    };
    frames(&*known.file, known.len, visit)
        .map_err(SpoolError::io("read", files::path(known.number)))?;
    Ok(())
}

/// The event of a frame: its own, or what its message settles.
pub(super) fn event_of(frame: &Frame<'_>) -> Option<Event> {
    match frame.decode().ok()? {
        Fact::Event(event) => Some(event),
        Fact::Accepted(head) => head.settles,
    }
}
