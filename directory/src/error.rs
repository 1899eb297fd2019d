//! What can go wrong between an edit and the disk.

use std::path::PathBuf;

use router::Problem;

/// The file of the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("cannot {what} the table in {path}")]
    Store { what: &'static str, path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    /// Somebody else wrote the file, or a newer version of this program did.
    #[error(
        "the table in {path} has layout {found}, and this version knows {known}: was it written by a newer one?"
    )]
    Version { path: PathBuf, found: i64, known: i64 },
    #[error("the rows of plan {id} cannot be read: give it up and make it again")]
    Plan { id: u64 },
    #[error("a row of the table in {path} cannot be read: {row}: {message}")]
    Row { path: PathBuf, row: String, message: String },
}

/// Why an edit was not made. Nothing of it is visible or on disk.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Look again, then decide again.
    #[error("the table has changed: you saw generation {expected}, it is now {actual}")]
    Conflict { expected: u64, actual: u64 },
    /// All of them.
    #[error("{} rows cannot be as asked", .0.len())]
    Problems(Vec<Problem>),
    /// Ours to mend: the disk, most likely.
    #[error(transparent)]
    Store(#[from] DirectoryError),
}

/// Why a plan was not applied. Nothing of it is visible or on disk.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Look again, then decide again.
    #[error("the table has changed: you saw generation {expected}, it is now {actual}")]
    Conflict { expected: u64, actual: u64 },
    /// Others changed the same rows since.
    #[error("{} rows are no longer what the plan saw", rows.len())]
    Rows { generation: u64, rows: Vec<router::RowConflict> },
    #[error("{} rows cannot be as planned any more", .0.len())]
    Problems(Vec<Problem>),
    /// Somebody else did something to the plan at the same time.
    #[error("the plan has changed meanwhile")]
    Plan,
    #[error(transparent)]
    Store(#[from] DirectoryError),
}
