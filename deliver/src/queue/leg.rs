//! One message on its way to one hop.

use mail::{SpoolId, Timestamp};

/// Names a leg for as long as it exists; never used again.
pub type LegId = u64;

/// A hop's place in the list of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HopIndex(pub u32);

/// The recipients of one message that go to one hop in one transaction and share a fate so far.
#[derive(Debug)]
pub struct Leg {
    pub id: SpoolId,
    pub hop: HopIndex,
    pub place: Place,
    pub recipients: Vec<LegRecipient>,
    /// Boxed, because most legs of a backlog were never tried.
    pub past: Option<Box<Past>>,
    /// It may have been handed over before, without our learning so.
    pub maybe_duplicate: bool,
    /// The sender was told of the delay.
    pub delay_notified: bool,
    /// Connections that broke off with it.
    pub aborts: u8,
    /// How often it was taken.
    pub turn: u32,
    /// It is in flight because somebody took it out of turn.
    pub seized: bool,
    /// The table changed while it was in flight.
    pub stale: bool,
    /// When it was taken last, and under which table.
    pub taken: Taken,
    /// Recipients whose mailbox goes by another name in the table of now than when they came: they
    /// have it in whatever leg comes after this one.
    pub renamed: Option<Box<[LegRecipient]>>,
}

/// The beginning of an attempt. The table that decides about it is this one or a newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// To the tenth of a second.
    pub at: Timestamp,
    pub generation: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegRecipient {
    /// Its place in the envelope.
    pub index: u16,
    /// Hash of the mailbox's key: mail for one mailbox keeps its order by it.
    pub mailbox: u64,
}

/// What attempts so far taught.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    pub attempts: u32,
    pub first_failed_at: Option<Timestamp>,
    pub last_reply: String,
    pub due: Option<Timestamp>,
    pub held: Option<Hold>,
}

/// Why a leg waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The mailbox is being cut over; its next change of state releases it.
    Cutover,
    /// Passed back and forth between the sides: only a person can say which table is wrong.
    Loop,
    Operator {
        by: String,
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Waits its turn, accepted while the hop was open.
    Fresh,
    /// Waits its turn, accepted or sent back while the hop was closed.
    Backlog,
    /// Waits for an earlier message to the same mailbox.
    Parked,
    /// Goes next: an earlier message to its mailbox is done, or its connection died.
    Next,
    /// On a connection.
    InFlight,
    /// Waits for a time.
    Deferred,
    /// Waits for a person or a change of the table.
    Held,
}

impl Leg {
    pub fn attempts(&self) -> u32 {
        self.past.as_ref().map_or(0, |it| it.attempts)
    }

    pub fn due(&self) -> Option<Timestamp> {
        self.past.as_ref().and_then(|it| it.due)
    }

    pub fn hold(&self) -> Option<&Hold> {
        self.past.as_ref().and_then(|it| it.held.as_ref())
    }
}
