//! Who exists, by directory services and files.

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// `GET /api/v1/directory`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DirectoryStatus {
    pub sources: Vec<DirectorySource>,
    /// Of all sources together.
    pub recipients: u64,
    pub addresses: u64,
    /// Addresses that more than one recipient has: the first keeps them.
    pub conflicts: u64,
}

/// One `[directory.NAME]` and its last good copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DirectorySource {
    pub name: String,
    /// `ldap`, `csv` or `callout`.
    pub kind: String,
    /// Where it is read from.
    pub place: String,
    pub state: DirectoryState,
    /// Recipients that it does not know are refused; otherwise they are put off.
    pub fresh: bool,
    /// Since the last good read.
    pub age_seconds: Option<u64>,
    pub recipients: u64,
    pub addresses: u64,
    /// The last good read, and the last one in full.
    pub good_at: Option<String>,
    pub full_at: Option<String>,
    pub tried_at: Option<String>,
    pub last_sync: Option<DirectorySync>,
    pub last_error: Option<String>,
    /// What a sync would remove, and waits for somebody to agree.
    pub pending_removals: Option<PendingRemovals>,
    /// Entries of the last full read that are wrong in some way, and the first of them.
    pub mistakes: u64,
    pub mistakes_listed: Vec<DirectoryMistake>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryState {
    /// Not read since the start; the copy of an earlier run serves, if there is one.
    #[default]
    Waiting,
    Ok,
    /// The last read failed; the last good copy serves.
    Failed,
    /// The last read would remove more than the bound; the last good copy serves.
    NeedsConfirmation,
    /// It has no copy: a site is asked of each recipient.
    Asking,
}

impl DirectoryState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NeedsConfirmation => "needs_confirmation",
            Self::Asking => "asking",
        }
    }
}

/// One entry of a directory, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DirectoryMistake {
    pub entry: String,
    pub message: String,
}

/// What removing would take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PendingRemovals {
    pub recipients: u64,
    pub addresses: u64,
    /// Addresses of the source now.
    pub of_addresses: u64,
    pub examples: Vec<String>,
}

/// `POST /api/v1/directory/sources/{name}/sync`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    /// Say what it would do.
    #[serde(default)]
    pub dry_run: bool,
    /// Remove more than the bound allows, too.
    #[serde(default)]
    pub accept_removals: bool,
}

/// `POST /api/v1/directory/sources/{name}/import?…`: the body is a CSV file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryImport {
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    pub accept_removals: bool,
}

/// What a read did, or with `dry_run` would do. With `pending_removals` it did nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DirectorySync {
    pub dry_run: bool,
    /// Everything was read, not only what changed.
    pub full: bool,
    pub entries: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub milliseconds: u64,
    pub pending_removals: Option<PendingRemovals>,
}

/// `GET /api/v1/directory/recipients?…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientQuery {
    /// In any of its addresses, without case.
    #[serde(default)]
    pub matching: Option<String>,
    #[serde(default)]
    pub source: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// One page, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecipientList {
    pub recipients: Vec<Recipient>,
    pub next_cursor: Option<String>,
}

/// One recipient of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recipient {
    pub address: String,
    /// Its other addresses.
    pub aliases: Vec<String>,
    /// Its X.500 names, in lower case: mail to IMCEAEX addresses of them is for it.
    pub x500: Vec<String>,
    /// Where the directory sends its mail on.
    pub target_address: Option<String>,
    /// `user`, `shared`, `room`, `equipment`, the same with `remote_`, `mail_user`, `contact`,
    /// `group` or `other`.
    pub kind: String,
    pub source: String,
    /// Its objectGUID in hexadecimal digits, or what names it otherwise.
    pub id: String,
}

/// `GET /api/v1/directory/drift?…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftQuery {
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Where table and directories disagree: one page, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriftList {
    /// Of the table.
    pub generation: u64,
    pub rows: Vec<Drift>,
    pub next_cursor: Option<String>,
}

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    pub address: String,
    pub kind: DriftKind,
    /// What the table says.
    pub table: Option<String>,
    /// What the directory says.
    pub directory: Option<String>,
    /// A command that would bring the table in line, where there is one.
    pub suggestion: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// A mailbox that the table does not list.
    NotInTable,
    /// An entry that no directory knows.
    NotInDirectory,
    /// The directory has the mailbox at the other side.
    HomeDiffers,
    /// The table has an alias that the directory has not.
    AliasDiffers,
    /// An address belongs to one mailbox in the table and to another in the directory.
    AliasConflict,
}

impl DriftKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotInTable => "not_in_table",
            Self::NotInDirectory => "not_in_directory",
            Self::HomeDiffers => "home_differs",
            Self::AliasDiffers => "alias_differs",
            Self::AliasConflict => "alias_conflict",
        }
    }
}

/// Every type here that is a body or an answer.
pub(crate) fn schemas(to: &mut SchemaGenerator) {
    to.subschema_for::<DirectoryStatus>();
    to.subschema_for::<SyncRequest>();
    to.subschema_for::<DirectorySync>();
    to.subschema_for::<RecipientList>();
    to.subschema_for::<Recipient>();
    to.subschema_for::<DriftList>();
}
