//! Mail that waits: selecting it, showing it, acting on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// About to be tried, or being tried now.
    Active,
    /// Waits for its next attempt, or for its site.
    Deferred,
    /// Waits for an operator, or for the end of a cutover.
    Held,
}

impl QueueState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deferred => "deferred",
            Self::Held => "held",
        }
    }
}

/// Which recipients in the spool: those that match every field given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Messages by id; empty is any.
    #[serde(default)]
    pub ids: Vec<String>,
    /// A site's name, or the domain of a next hop found by MX.
    #[serde(default)]
    pub site: Option<String>,
    /// An address, or `@domain` for all of a domain.
    #[serde(default)]
    pub recipient: Option<String>,
    /// An address, `@domain`, or `<>`.
    #[serde(default)]
    pub sender: Option<String>,
    #[serde(default)]
    pub state: Option<QueueState>,
    #[serde(default)]
    pub older_than_seconds: Option<u64>,
    /// Says that an empty selector is meant.
    #[serde(default)]
    pub all: bool,
}

/// A selector that an action must not be run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorError {
    /// Nothing was selected by.
    Empty,
    /// `all` beside another field.
    AllAndMore,
}

impl Selector {
    /// True if every recipient matches.
    pub fn is_unbounded(&self) -> bool {
        Self { all: false, ..self.clone() } == Self::default()
    }

    /// An action wants a selector or an explicit `all`, never neither or both.
    pub fn check(&self) -> Result<(), SelectorError> {
        match (self.is_unbounded(), self.all) {
            (true, false) => Err(SelectorError::Empty),
            (false, true) => Err(SelectorError::AllAndMore),
            (true, true) | (false, false) => Ok(()),
        }
    }
}

/// `GET /api/v1/queue?…`: messages in the order of their id that have a matching recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueQuery {
    /// Ids with commas between them.
    #[serde(default)]
    pub ids: Option<String>,
    #[serde(default)]
    pub site: Option<String>,
    #[serde(default)]
    pub recipient: Option<String>,
    #[serde(default)]
    pub sender: Option<String>,
    #[serde(default)]
    pub state: Option<QueueState>,
    #[serde(default)]
    pub older_than_seconds: Option<u64>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

impl QueueQuery {
    pub fn selector(&self) -> Selector {
        let ids = self.ids.iter().flat_map(|it| it.split(',')).filter(|it| !it.is_empty());
        Selector {
            ids: ids.map(str::to_owned).collect(),
            site: self.site.clone(),
            recipient: self.recipient.clone(),
            sender: self.sender.clone(),
            state: self.state,
            older_than_seconds: self.older_than_seconds,
            all: false,
        }
    }
}

/// One page of the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueList {
    pub messages: Vec<QueuedMessage>,
    /// `null` on the last page.
    pub next_cursor: Option<String>,
}

/// A message with a recipient that is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueuedMessage {
    pub id: String,
    pub accepted_at: String,
    pub age_seconds: u64,
    pub size_bytes: u64,
    /// Empty for the null reverse-path.
    pub reverse_path: String,
    /// The unsettled ones that match; all unsettled ones for `GET /api/v1/queue/messages/{id}`.
    pub recipients: Vec<QueuedRecipient>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueuedRecipient {
    pub address: String,
    pub state: QueueState,
    /// The site or domain that it waits for.
    pub hop: String,
    pub attempts: u32,
    pub next_attempt_at: Option<String>,
    pub held_by: Option<String>,
    /// Why it is held, or why the last attempt failed.
    pub reason: Option<String>,
    pub last_reply: Option<String>,
}

/// `GET /api/v1/queue/summary`: where mail waits and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueSummary {
    pub messages: u64,
    pub recipients: u64,
    pub bytes: u64,
    pub hops: Vec<Hop>,
    /// Upper bounds of the ages in `Hop::by_age`, in seconds; the last column is what is older.
    pub age_bounds_seconds: Vec<u64>,
    /// True while the spool is still being indexed after a start.
    pub recovering: bool,
}

/// One row of the summary, in recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hop {
    pub name: String,
    pub active: u64,
    pub deferred: u64,
    pub held: u64,
    pub oldest_seconds: Option<u64>,
    /// One number more than `age_bounds_seconds` has.
    pub by_age: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Attempt now instead of when due.
    Retry,
    /// Keep until released; its lifetime goes on.
    Hold,
    /// Undo `hold`.
    Release,
    /// Give up now and tell the sender. Final.
    Bounce,
    /// Give up now and tell nobody. Final.
    Discard,
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Bounce => "bounce",
            Self::Discard => "discard",
        }
    }

    /// No later action takes it back.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Bounce | Self::Discard)
    }
}

/// `POST /api/v1/queue/actions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    pub action: Action,
    pub selector: Selector,
    /// Goes into the ledger. Wanted for `discard`.
    #[serde(default)]
    pub reason: Option<String>,
    /// Count and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an action did, or with `dry_run` would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acted {
    pub dry_run: bool,
    pub messages: u64,
    pub recipients: u64,
    /// Recipients that matched but were being delivered at that moment, and were left alone.
    pub busy_recipients: u64,
    /// Recipients that matched a `release` but are held by the table, as in a cutover: only the next
    /// change of their entry lets them go on.
    #[serde(default)]
    pub table_held_recipients: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_on_everything_has_to_say_so() {
        let everything = Selector { all: true, ..Selector::default() };
        let one_site = Selector { site: Some("cloud".to_owned()), ..Selector::default() };
        assert_eq!(Selector::default().check(), Err(SelectorError::Empty));
        assert_eq!(everything.check(), Ok(()));
        assert_eq!(one_site.check(), Ok(()));
        assert_eq!(Selector { all: true, ..one_site }.check(), Err(SelectorError::AllAndMore));
    }

    #[test]
    fn ids_of_a_query_are_split_at_commas() {
        let query = QueueQuery { ids: Some("a,b,".to_owned()), ..QueueQuery::default() };
        assert_eq!(query.selector().ids, ["a", "b"]);
    }
}
