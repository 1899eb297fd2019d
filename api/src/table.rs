//! The routing table: entries, edits, files.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Blocked, Rail};

/// Where a mailbox is on its way. product.md: `on_prem → syncing → cutover → cloud → settled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoveState {
    OnPrem,
    Syncing,
    Cutover,
    Cloud,
    Settled,
}

impl MoveState {
    pub const ALL: [Self; 5] =
        [Self::OnPrem, Self::Syncing, Self::Cutover, Self::Cloud, Self::Settled];

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

/// `GET /api/v1/table`; the `ETag` is the generation in quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableInfo {
    pub generation: u64,
    pub entries: u64,
    pub changed_at: Option<String>,
}

/// `GET /api/v1/table/history?…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Only generations before this one: the last of the page before.
    #[serde(default)]
    pub before: Option<u64>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Who changed the table, and why: the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    pub generations: Vec<Generation>,
}

/// One edit or import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Generation {
    pub generation: u64,
    pub at: String,
    pub author: String,
    pub reason: Option<String>,
    /// Entries.
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    /// The generation that it was made from; `null` for one that an older version wrote.
    #[serde(default)]
    pub parent: Option<u64>,
    #[serde(default)]
    pub ticket: Option<String>,
    /// The plan that was applied.
    #[serde(default)]
    pub plan: Option<String>,
    #[serde(default)]
    pub approvers: Vec<String>,
    /// Rails that it passed by an override, with the reason: `large_change: merger`.
    #[serde(default)]
    pub overrides: Vec<String>,
    /// SHA-256 over the revision and its rows, in hexadecimal.
    #[serde(default)]
    pub hash: Option<String>,
    #[serde(default)]
    pub previous_hash: Option<String>,
}

/// One mailbox of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    pub address: String,
    /// The site where it lives now.
    pub home: String,
    pub state: MoveState,
    pub batch: Option<String>,
    /// The recipient at the cloud side, when the site's template does not give it.
    pub cloud_address: Option<String>,
    pub aliases: Vec<String>,
    pub note: Option<String>,
    pub changed_at: String,
    /// The generation that last changed it.
    pub generation: u64,
}

/// `GET /api/v1/table/entries?…`: entries in the order of their address, those that match all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListQuery {
    #[serde(default)]
    pub home: Option<String>,
    #[serde(default)]
    pub state: Option<MoveState>,
    #[serde(default)]
    pub batch: Option<String>,
    #[serde(default)]
    pub domain: Option<String>,
    /// Part of the address or of an alias, in any case.
    #[serde(default)]
    pub matching: Option<String>,
    /// Changed by a generation later than this one.
    #[serde(default)]
    pub changed_after: Option<u64>,
    /// As the table was then; without it, as it is.
    #[serde(default)]
    pub generation: Option<u64>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Instead of a cursor: this many rows before the page. The answer then has `total`.
    #[serde(default)]
    pub offset: Option<u64>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Nobody sends these: what whoever asks may see, if that is not everything. Rows of one of
    /// these domains, and of one of these batches, where there are any.
    #[serde(skip)]
    pub within_domains: Vec<String>,
    #[serde(skip)]
    pub within_batches: Vec<String>,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryList {
    pub generation: u64,
    pub entries: Vec<Entry>,
    /// `null` on the last page.
    pub next_cursor: Option<String>,
    /// With `offset`: how many entries match in this generation.
    #[serde(default)]
    pub total: Option<u64>,
}

/// What to change of an entry. A field that is left out keeps its value; `null` or `""` clears it.
/// For an address without an entry `home` is needed, and the rest starts empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryPatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MoveState>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub batch: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub cloud_address: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aliases: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub note: Option<Option<String>>,
}

impl EntryPatch {
    /// True if it would change nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Tells `null` (clear) from a field that is not there (keep).
fn given<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    let value = Option::<String>::deserialize(field)?;
    Ok(Some(value.filter(|it| !it.is_empty())))
}

/// One edit of several that are made together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum TableEdit {
    /// Creates the entry or changes the named fields.
    Set { address: String, entry: EntryPatch },
    /// The address is then handled as its domain says for unlisted ones.
    Remove { address: String },
}

impl TableEdit {
    pub fn address(&self) -> &str {
        match self {
            Self::Set { address, .. } | Self::Remove { address } => address,
        }
    }
}

/// `POST /api/v1/table/edits`: all of them or none, as one generation. At most 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableEdits {
    pub edits: Vec<TableEdit>,
    /// Goes into the history.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check and report, change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Only if this is still the generation, as with `If-Match`.
    #[serde(default)]
    pub expect_generation: Option<u64>,
    /// Rails to pass; `reason` says why.
    #[serde(default)]
    pub overrides: Vec<Rail>,
}

/// What an edit did, or with `dry_run` what it would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// The table's generation afterwards; the present one if nothing changed.
    pub generation: u64,
    pub dry_run: bool,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    /// Each address that differs now: with it one can go back. Empty for imports.
    pub changes: Vec<Change>,
    /// With `dry_run`: the rails that would stop it. Otherwise those that were overridden.
    #[serde(default)]
    pub blocked: Vec<Blocked>,
}

/// One entry before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    pub address: String,
    pub before: Option<Entry>,
    pub after: Option<Entry>,
}

/// `POST /api/v1/table/import?…`; the body is the CSV file, at most 64 MiB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportOptions {
    #[serde(default)]
    pub dry_run: bool,
    /// The file is the whole table: entries that are not in it are removed.
    #[serde(default)]
    pub replace: bool,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub expect_generation: Option<u64>,
    /// Rails to pass, with commas between them; `reason` says why.
    #[serde(default, rename = "override")]
    pub overrides: Option<String>,
    /// Columns that nobody knows are left out.
    #[serde(default)]
    pub allow_unknown_columns: bool,
    /// For files without the column: what all their rows get.
    #[serde(default)]
    pub home: Option<String>,
    #[serde(default)]
    pub state: Option<MoveState>,
    #[serde(default)]
    pub batch: Option<String>,
}

/// What an import did, or with `dry_run` what it would do. A file with mistakes changes nothing: the
/// answer is then a 422 whose `errors` lists all of them by line and column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// Afterwards.
    pub generation: u64,
    /// Before: `export` of it and `import` with `replace` go back.
    pub previous_generation: u64,
    pub dry_run: bool,
    pub rows: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    /// As in [`Changed`].
    #[serde(default)]
    pub blocked: Vec<Blocked>,
    /// Columns that were not read, and why.
    #[serde(default)]
    pub remarks: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_null_from_absent() {
        let patch: EntryPatch = serde_json::from_str(r#"{"home":"cloud","batch":null}"#).unwrap();
        assert_eq!(patch.batch, Some(None), "cleared");
        assert_eq!(patch.note, None, "kept");
        assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"home":"cloud","batch":null}"#);
        assert!(serde_json::from_str::<EntryPatch>(r#"{"hom":"cloud"}"#).is_err());
    }

    #[test]
    fn an_edit_names_its_kind() {
        let edit: TableEdit = serde_json::from_str(r#"{"op":"remove","address":"a@x"}"#).unwrap();
        assert_eq!(edit.address(), "a@x");
    }
}
