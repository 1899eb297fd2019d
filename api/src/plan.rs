//! Plans: changes of the table that are looked at before they are made.

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Change, Entry, MoveState, TableEdit};

/// How far a plan has come.
///
/// ```text
/// checking ─> awaiting_approval ─> ready ─> scheduled ─> canary ─> applied
///                                                          └─> rolled_back
/// any but the last four: cancelled; a scheduled one or a canary that cannot go on: failed
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// The sites are being asked for its recipients.
    Checking,
    #[default]
    Ready,
    AwaitingApproval,
    /// Is applied by the gateway when `not_before` has come.
    Scheduled,
    /// Its first rows are applied; the outcome of their mail decides over the rest.
    Canary,
    Applied,
    /// The canary bounced too much.
    RolledBack,
    Cancelled,
    Failed,
}

impl PlanState {
    pub const ALL: [Self; 9] = [
        Self::Checking,
        Self::Ready,
        Self::AwaitingApproval,
        Self::Scheduled,
        Self::Canary,
        Self::Applied,
        Self::RolledBack,
        Self::Cancelled,
        Self::Failed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Ready => "ready",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Scheduled => "scheduled",
            Self::Canary => "canary",
            Self::Applied => "applied",
            Self::RolledBack => "rolled_back",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Nothing will become of it any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Applied | Self::RolledBack | Self::Cancelled | Self::Failed)
    }
}

/// A safety rail: what a change of the table is held against before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rail {
    /// Many mailboxes, or a large share of a domain.
    LargeChange,
    /// Every listed mailbox of a domain.
    DomainRow,
    SiteNotHealthy,
    /// The future site refuses the recipient.
    RecipientRefused,
    /// The future site would send it back here.
    Loop,
    BatchNotSynced,
    FreezeWindow,
    /// Somebody other than the author has to agree.
    SecondPerson,
}

impl Rail {
    pub const ALL: [Self; 8] = [
        Self::LargeChange,
        Self::DomainRow,
        Self::SiteNotHealthy,
        Self::RecipientRefused,
        Self::Loop,
        Self::BatchNotSynced,
        Self::FreezeWindow,
        Self::SecondPerson,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LargeChange => "large_change",
            Self::DomainRow => "domain_row",
            Self::SiteNotHealthy => "site_not_healthy",
            Self::RecipientRefused => "recipient_refused",
            Self::Loop => "loop",
            Self::BatchNotSynced => "batch_not_synced",
            Self::FreezeWindow => "freeze_window",
            Self::SecondPerson => "second_person",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What stands between a change and the table, or with `overridden_by` what stood there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocked {
    pub rail: Rail,
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// How many rows it concerns.
    pub rows: u64,
    /// Some of them.
    pub examples: Vec<String>,
    pub overridable: bool,
    #[serde(default)]
    pub overridden_by: Option<String>,
}

/// Lets a change pass one rail. Goes into the revision and the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RailOverride {
    pub rail: Rail,
    /// At most 500 characters; not empty.
    pub reason: String,
}

/// A row that is no longer what the caller saw. Of a plan: as it was then, as it is now, as the plan
/// wants it. Of a transition: its generation as the caller saw it and as it is now, and its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowConflict {
    pub address: String,
    pub base: Option<Entry>,
    pub theirs: Option<Entry>,
    pub yours: Option<Entry>,
    /// `null` where a whole batch was to be in one state.
    #[serde(default)]
    pub expected: Option<u64>,
    /// `null` when the mailbox is not listed.
    #[serde(default)]
    pub actual: Option<u64>,
    #[serde(default)]
    pub state: Option<MoveState>,
}

/// Applies a few rows first and lets their mail decide over the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// So many rows first; or `percent` of them, 1 to 99.
    #[serde(default)]
    pub recipients: Option<u32>,
    #[serde(default)]
    pub percent: Option<u8>,
    /// The rest follows after so many deliveries to the first rows …
    #[serde(default)]
    pub after_deliveries: Option<u32>,
    /// … or after this time, whichever is first. 10 to 604,800; 900 if neither is given.
    #[serde(default)]
    pub after_seconds: Option<u64>,
    /// It goes back by itself above this share of bounces, once five outcomes were seen. 2 if not
    /// given.
    #[serde(default)]
    pub bounce_percent_max: Option<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CanaryProgress {
    /// Rows that were applied first.
    pub rows: u64,
    /// The generation that they made; 0 if they were all so already.
    pub generation: u64,
    pub since: String,
    pub delivered: u64,
    pub bounced: u64,
}

/// `POST /api/v1/plans`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// At most 10,000; more come as a file.
    pub edits: Vec<TableEdit>,
    /// The generation that the author looked at; 412 if the table has moved on.
    #[serde(default)]
    pub base_generation: Option<u64>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub ticket: Option<String>,
    /// RFC 3339, or `2026-11-28T22:00` with `time_zone`. Applying it earlier schedules it.
    #[serde(default)]
    pub not_before: Option<String>,
    /// `Europe/Berlin`; UTC if not given.
    #[serde(default)]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub canary: Option<Canary>,
    /// Wants the approval of somebody else, whatever the configuration says.
    #[serde(default)]
    pub second_person: bool,
}

/// Whose columns a file has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// By the header.
    #[default]
    Auto,
    Causeway,
    /// Microsoft's: `EmailAddress[,Password][,ForceChangePassword]`
    Staged,
    /// Microsoft's: `EmailAddress,UserName,Password[,UserRoot]`
    Imap,
    /// Microsoft's: `EmailAddress[,MailboxType,…]`
    RemoteMove,
}

impl FileFormat {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Causeway => "causeway",
            Self::Staged => "staged",
            Self::Imap => "imap",
            Self::RemoteMove => "remote_move",
        }
    }
}

/// `POST /api/v1/plans/import?…`; the body is the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanImport {
    #[serde(default)]
    pub format: FileFormat,
    /// For files without the column: what all their rows get.
    #[serde(default)]
    pub home: Option<String>,
    #[serde(default)]
    pub state: Option<MoveState>,
    #[serde(default)]
    pub batch: Option<String>,
    /// Columns that nobody knows are left out with a warning.
    #[serde(default)]
    pub allow_unknown_columns: bool,
    /// The file is the whole table: entries that are not in it are removed.
    #[serde(default)]
    pub replace: bool,
    #[serde(default)]
    pub base_generation: Option<u64>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub ticket: Option<String>,
    #[serde(default)]
    pub not_before: Option<String>,
    #[serde(default)]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub second_person: bool,
    /// As [`Canary`].
    #[serde(default)]
    pub canary_recipients: Option<u32>,
    #[serde(default)]
    pub canary_percent: Option<u8>,
    #[serde(default)]
    pub canary_after_deliveries: Option<u32>,
    #[serde(default)]
    pub canary_after_seconds: Option<u64>,
    #[serde(default)]
    pub canary_bounce_percent_max: Option<u8>,
}

impl PlanImport {
    pub fn canary(&self) -> Option<Canary> {
        let canary = Canary {
            recipients: self.canary_recipients,
            percent: self.canary_percent,
            after_deliveries: self.canary_after_deliveries,
            after_seconds: self.canary_after_seconds,
            bounce_percent_max: self.canary_bounce_percent_max,
        };
        (canary.recipients.is_some() || canary.percent.is_some()).then_some(canary)
    }
}

/// `POST /api/v1/plans/rollback`: exactly one of the two generations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The table becomes what it was at this generation.
    #[serde(default)]
    pub to_generation: Option<u64>,
    /// What this generation changed is taken back; rows that were changed since are conflicts.
    #[serde(default)]
    pub undo_generation: Option<u64>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub ticket: Option<String>,
}

/// `POST /api/v1/plans/{id}/apply`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The plan's `confirm`, repeated.
    #[serde(default)]
    pub confirm: Option<String>,
    #[serde(default)]
    pub overrides: Vec<RailOverride>,
    /// Only if this is still the table's generation, as with `If-Match`.
    #[serde(default)]
    pub expect_generation: Option<u64>,
}

/// What would become of mail.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It goes to another site.
    #[default]
    Moves,
    /// It is held: the mailboxes would be in cutover.
    Held,
    /// It goes to the same site, which knows the mailboxes by another `cloud_address`.
    Readdressed,
    /// An alias in this domain is not theirs any more; `to` is where its mail goes then.
    AliasLost,
}

/// Mailboxes of a domain whose mail would go elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Impact {
    pub domain: String,
    /// Sites; `null` where mail is refused.
    pub from: Option<String>,
    pub to: Option<String>,
    pub n: u64,
    #[serde(default)]
    pub effect: Effect,
}

/// A change of the table, before and after it is made. Rows: `GET /api/v1/plans/{id}/rows`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub id: String,
    pub state: PlanState,
    /// The table that it was made from.
    pub base_generation: u64,
    /// The table that it made, of a canary by the rest of its rows, or by going back. `null` as long as there is
    /// none, and if all rows were so already.
    pub generation: Option<u64>,
    pub author: String,
    pub approvers: Vec<String>,
    pub reason: Option<String>,
    pub ticket: Option<String>,
    pub created_at: String,
    pub not_before: Option<String>,
    pub canary: Option<Canary>,
    pub canary_progress: Option<CanaryProgress>,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
    pub impact: Vec<Impact>,
    /// What must be met, confirmed or overridden before it can be applied, as of `checked_at`.
    pub blocked: Vec<Blocked>,
    pub warnings: Vec<Blocked>,
    /// Remarks about the file.
    pub remarks: Vec<String>,
    pub checked_at: Option<String>,
    /// Text that one must repeat to apply it.
    pub confirm: Option<String>,
    pub second_person: bool,
    pub overrides: Vec<RailOverride>,
    /// SHA-256 of its rows, in hexadecimal.
    pub plan_hash: String,
    /// A plan that is not applied by then is cancelled.
    pub expires_at: String,
    /// Why it failed or was rolled back.
    pub failure: Option<String>,
}

/// `GET /api/v1/plans?…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanQuery {
    #[serde(default)]
    pub state: Option<PlanState>,
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// The newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanList {
    pub plans: Vec<Plan>,
    pub next_cursor: Option<String>,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    Add,
    Change,
    Remove,
    Unchanged,
}

/// `GET /api/v1/plans/{id}/rows?…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowQuery {
    #[serde(default)]
    pub kind: Option<RowKind>,
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowList {
    pub rows: Vec<Change>,
    pub next_cursor: Option<String>,
}

/// `GET /api/v1/table/diff?from=&to=`; `to` is now if it is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    pub from: u64,
    #[serde(default)]
    pub to: Option<u64>,
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Rows that differ between two generations, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableDiff {
    pub from: u64,
    pub to: u64,
    pub rows: Vec<Change>,
    pub next_cursor: Option<String>,
}

/// `GET /api/v1/table/verify`: whether every revision is as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChainReport {
    pub whole: bool,
    /// Revisions that were read.
    pub revisions: u64,
    /// Hash of the last one, in hexadecimal.
    pub head: Option<String>,
    /// The first revision that is not as it was written, and why.
    pub broken_at: Option<u64>,
    pub problem: Option<String>,
}

/// Every type here that is a body or an answer.
pub(crate) fn schemas(to: &mut SchemaGenerator) {
    to.subschema_for::<Plan>();
    to.subschema_for::<PlanRequest>();
    to.subschema_for::<PlanList>();
    to.subschema_for::<RollbackRequest>();
    to.subschema_for::<ApplyRequest>();
    to.subschema_for::<RowList>();
    to.subschema_for::<TableDiff>();
    to.subschema_for::<ChainReport>();
}
