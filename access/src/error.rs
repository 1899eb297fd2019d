//! Why something about access was not done. Nothing was changed.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A noun phrase: `user anna`.
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{place}: {message}")]
    Invalid { place: &'static str, message: String },
    /// Understood, but not now or not so.
    #[error("{detail}")]
    Refused { detail: String, hint: &'static str },
    /// Not by this one.
    #[error("{0}")]
    Forbidden(String),
    /// A bound is reached.
    #[error("{0}")]
    Full(String),
    #[error("cannot {what} {path}: {source}")]
    Store { what: &'static str, path: PathBuf, source: rusqlite::Error },
    #[error("cannot {what} {path}: {source}")]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error(
        "{path} has layout {found}, and this version knows {known}: was it written by a newer one?"
    )]
    Version { path: PathBuf, found: i64, known: i64 },
    #[error("a row of {path} cannot be read: {row}")]
    Row { path: PathBuf, row: String },
    /// Argon2 would not.
    #[error("a password could not be hashed")]
    Hash,
}

impl AccessError {
    pub(crate) fn invalid(place: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { place, message: message.into() }
    }
}
