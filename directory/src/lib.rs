//! The migration table on disk: edits that are durable before they are seen, with their history.
//!
//! ```text
//! edits ── plan on the current table ── one SQLite transaction ── publish ──> readers
//!          all conflicts, or changes    rows, past rows, who and why
//! ```
//!
//! Readers hold a snapshot and never wait. A reader sees a generation only after it is on disk, so
//! a crash shows the old table or the new one: never half of one, never one that is taken back.
//! The file's layout: docs/formats/table.md.

mod csv;
mod cutovers;
mod directory;
mod error;
mod lines;
mod metrics;
mod moves;
mod past;
mod plans;
mod revision;
mod store;
mod syncs;

pub use csv::{
    FileOptions, Format, RowError, TableFile, csv_records, export_csv, parse_csv, parse_file,
};
pub use cutovers::{Cutover, CutoverClock};
pub use directory::{Committed, Directory, EditRequest};
pub use error::{ApplyError, DirectoryError, EditError};
pub use metrics::{DirectoryMetrics, EditOutcome};
pub use moves::{
    CUTOVER_ENDED_BY, Judged, MoveRow, MoveStep, Rehearsed, RowConflict, StepFailure, StepRequest,
    Stepped, Steps,
};
pub use plans::{Application, NewPlan, PlanStep, StoredPlan, UNCHANGED_KEPT_MAX, plan_text};
pub use revision::{Because, Chain, Hash, hex, plan_hash};
pub use store::{Generation, PastEntry};
pub use syncs::SyncReport;

#[cfg(test)]
mod tests;
