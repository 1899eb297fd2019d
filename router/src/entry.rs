//! One row of the table: a mailbox, where it lives, and how far its move is.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use mail::{Address, AddressKey, SiteName, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the operator wrote it; the table is keyed by [`Address::key`] of it.
    pub address: Address,
    /// Where the mailbox lives now.
    pub home: SiteName,
    pub state: MoveState,
    pub batch: Option<Box<str>>,
    /// What the cloud side knows the mailbox by, when the site's template does not say it.
    pub cloud_address: Option<Address>,
    /// Other addresses of the same mailbox; sorted by key, each once, never `address` itself.
    pub aliases: Box<[Address]>,
    pub note: Option<Box<str>>,
    pub changed_at: Timestamp,
    /// Of the table in which this row became what it is.
    pub generation: u64,
}

impl Entry {
    /// Whether two rows say the same, whenever they were written.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let Self { address, home, state, batch, cloud_address, aliases, note, .. } = other;
        self.address == *address
            && self.home == *home
            && self.state == *state
            && self.batch == *batch
            && self.cloud_address == *cloud_address
            && self.aliases == *aliases
            && self.note == *note
    }

    pub(crate) fn alias_keys(&self) -> impl Iterator<Item = AddressKey> + '_ {
        self.aliases.iter().map(Address::key)
    }
}

/// An entry with the key it is found by. What tables are made of and share.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    key: AddressKey,
    entry: Entry,
}

impl Row {
    pub fn new(entry: Entry) -> Self {
        Self { key: entry.address.key(), entry }
    }

    pub const fn key(&self) -> &AddressKey {
        &self.key
    }

    pub const fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Deref for Row {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

/// How far a mailbox is on its way. Every state has a way back to `OnPrem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MoveState {
    OnPrem,
    /// Its content is being copied; mail goes home, perhaps with a second copy.
    Syncing,
    /// The last difference is being copied; mail is held.
    Cutover,
    Cloud,
    /// Moved long enough ago that nobody will go back.
    Settled,
}

impl MoveState {
    pub const ALL: [Self; 5] =
        [Self::OnPrem, Self::Syncing, Self::Cutover, Self::Cloud, Self::Settled];

    /// The word used in files, API and CLI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnPrem => "on_prem",
            Self::Syncing => "syncing",
            Self::Cutover => "cutover",
            Self::Cloud => "cloud",
            Self::Settled => "settled",
        }
    }
}

impl fmt::Display for MoveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("want on_prem, syncing, cutover, cloud or settled")]
pub struct UnknownState;

impl FromStr for MoveState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownState)
    }
}
