//! States of mailboxes in the move, for the sidecar.

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Blocked, MoveState, RailOverride, Simulate, Simulation};

/// Every type here that is a body or an answer.
pub(crate) fn schemas(to: &mut SchemaGenerator) {
    to.subschema_for::<Move>();
    to.subschema_for::<MoveList>();
    to.subschema_for::<Transitions>();
    to.subschema_for::<Transitioned>();
    to.subschema_for::<Resolve>();
    to.subschema_for::<Resolved>();
    to.subschema_for::<CutRequest>();
    to.subschema_for::<Cut>();
    to.subschema_for::<SyncReports>();
    to.subschema_for::<SyncTaken>();
    to.subschema_for::<Simulate>();
    to.subschema_for::<Simulation>();
}

/// `GET /api/v1/moves?…`: listed mailboxes in the order of their address, those that match all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MovesQuery {
    #[serde(default)]
    pub state: Option<MoveState>,
    #[serde(default)]
    pub batch: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Nobody sends these: as those of [`crate::ListQuery`].
    #[serde(skip)]
    pub within_domains: Vec<String>,
    #[serde(skip)]
    pub within_batches: Vec<String>,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MoveList {
    /// Of the table.
    pub generation: u64,
    pub moves: Vec<Move>,
    /// `null` on the last page.
    pub next_cursor: Option<String>,
}

/// One mailbox in its move: `GET /api/v1/moves/{address}`, for an alias that of its mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Move {
    pub address: String,
    /// The site where it lives.
    pub home: String,
    pub state: MoveState,
    pub batch: Option<String>,
    /// Of its row: what a transition compares.
    pub generation: u64,
    /// When it was cut over; in the other states, when its row last changed.
    pub since: String,
    /// In state `cutover`: when it goes back by itself.
    pub hold_until: Option<String>,
    /// Attempts under way, to it or to any of its aliases. Once a transition to `cutover` is
    /// acknowledged no other begins, so when this is empty nothing is. At most 1,000.
    pub leases: Vec<Lease>,
    /// All of them, also those that are not listed.
    pub leases_total: u64,
    /// Recipients that may have their message already. At most 1,000.
    pub in_doubt: Vec<InDoubt>,
    pub in_doubt_total: u64,
    /// Recipients whose mail the cutover holds.
    pub held_messages: u64,
    /// What the sidecar reported last.
    pub sync: Option<SyncReport>,
}

/// An attempt that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    /// Our id of the message.
    pub message: String,
    /// As the sender wrote it; empty when the message cannot be read.
    pub recipient: String,
    /// The site where it is being delivered.
    pub hop: String,
    /// To the tenth of a second.
    pub since: String,
    /// Of the table when it began; a newer one may have decided.
    pub generation: u64,
}

/// A delivery whose outcome nobody knows: the answer to the end of the message was lost, or the
/// gateway was killed while it may have been on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InDoubt {
    pub message: String,
    pub recipient: String,
    /// Where it waits; in state `cutover` that is where it was attempted.
    pub hop: String,
    pub attempts: u32,
    pub first_failed_at: Option<String>,
    /// `null` when the gateway was killed before there was one.
    pub last_reply: Option<String>,
}

/// How far the copy of a mailbox is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncReport {
    pub items_total: u64,
    pub items_done: u64,
    /// When the sidecar last had everything that there was, by its own clock.
    pub last_sync_at: Option<String>,
    /// When it said so, by ours.
    pub reported_at: String,
}

/// `PUT /api/v1/moves/sync`: of at most 10,000 mailboxes that are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncReports {
    pub reports: Vec<SyncOf>,
}

/// The report of one mailbox; it takes the place of the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncOf {
    pub address: String,
    pub items_total: u64,
    pub items_done: u64,
    #[serde(default)]
    pub last_sync_at: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncTaken {
    /// Reports that were kept.
    pub taken: u64,
}

/// `POST /api/v1/moves/transitions`: either `moves`, at most 10,000, or `batch`, `from` and `to`.
/// All of them become one generation, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transitions {
    #[serde(default)]
    pub moves: Vec<Transition>,
    /// Every mailbox of this batch.
    #[serde(default)]
    pub batch: Option<String>,
    #[serde(default)]
    pub from: Option<MoveState>,
    #[serde(default)]
    pub to: Option<MoveState>,
    /// Of the report that justifies it: kept in the history, after the reason.
    #[serde(default)]
    pub digest: Option<String>,
    /// Goes into the history.
    #[serde(default)]
    pub reason: Option<String>,
    /// Rails that are to let the steps pass.
    #[serde(default)]
    pub overrides: Vec<RailOverride>,
    /// Say what would be done and what stands in the way, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// One mailbox, one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    pub address: String,
    /// Of the row as the caller saw it.
    pub generation: u64,
    pub to: MoveState,
    /// Where it lives then. Only wanted where there is a choice: with more than two sites, at
    /// `cutover → cloud` and on the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transitioned {
    /// Of the table.
    pub generation: u64,
    /// The mailboxes of the request as they are now; of a dry run, as they would be.
    pub moves: Vec<Moved>,
    pub dry_run: bool,
    /// The rails that the steps run into: those that let it pass, of a dry run all of them.
    pub blocked: Vec<Blocked>,
}

/// Where a mailbox is after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    pub address: String,
    pub home: String,
    pub state: MoveState,
    /// Of its row: what the next transition compares.
    pub generation: u64,
    pub since: String,
    pub hold_until: Option<String>,
}

/// `POST /api/v1/moves/{address}/resolve`: what was found out about a delivery in doubt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    pub message: String,
    /// `true`: the mailbox has it, and it is settled. `false`: it has not, and it is delivered.
    pub delivered: bool,
    /// Where it was found, or searched: goes into the ledger.
    #[serde(default)]
    pub evidence: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// Recipients that were settled, or are no longer in doubt.
    pub recipients: u64,
}

/// `POST /api/v1/moves/{address}/cut`: breaks off attempts for a mailbox in cutover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutRequest {
    /// Only those that began so long ago; else all of them.
    #[serde(default)]
    pub older_than_seconds: Option<u64>,
    /// Goes into the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// Say which would be cut, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cut {
    pub dry_run: bool,
    /// One for each lease that was cut.
    pub leases: Vec<CutLease>,
    /// Recipients of other mailboxes that are in doubt by it: their message was sent to its end on
    /// the same connection.
    pub others_in_doubt: u64,
}

/// A lease and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CutLease {
    pub message: String,
    pub recipient: String,
    pub hop: String,
    pub since: String,
    pub outcome: CutOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutOutcome {
    /// Broken off before the end of the message: the site has not got it, and it is held.
    Aborted,
    /// The message was sent to its end and has no answer: resolve it.
    InDoubt,
    /// The answer came before the cut: it is delivered or refused.
    Settled,
    /// It is not over yet; of a dry run all are so. Look at the leases again.
    UnderWay,
}

impl CutOutcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::InDoubt => "in_doubt",
            Self::Settled => "settled",
            Self::UnderWay => "under_way",
        }
    }
}
