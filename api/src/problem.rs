//! Why a request failed, as RFC 9457 wants it said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Blocked, RowConflict};

/// Media type of a [`Problem`]. RFC 9457 §3.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The body of every answer that is not a success.
///
/// `code` is for programs and never changes its meaning; `title` and `detail` are for people;
/// `hint` says what to do next. RFC 9457 §3.1 (`type` is `about:blank`, §4.2.1, so it is left out).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    pub status: u16,
    /// `unauthorized`, `second_factor`, `forbidden`, `csrf`, `throttled`, `audit_unavailable`,
    /// `idempotency_mismatch`, `idempotency_running`, `idempotency_unknown`, `idempotency_done`,
    /// `not_found`, `method_not_allowed`, `conflict`, `invalid`, `too_large`,
    /// `refused`, `blocked` (by a safety rail), `busy`, `timeout` or `internal`.
    pub code: String,
    pub title: String,
    #[serde(default)]
    pub detail: String,
    #[serde(default)]
    pub hint: Option<String>,
    /// The generation of the table now, when `code` is `conflict`.
    #[serde(default)]
    pub generation: Option<u64>,
    /// Each mistake of the request, when there are several.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// When `code` is `blocked`: each rail, and what to do about it.
    #[serde(default)]
    pub blocked: Vec<Blocked>,
    /// When `code` is `conflict`: each row that is no longer what was seen.
    #[serde(default)]
    pub conflicts: Vec<RowConflict>,
}

/// One mistake in a request: where it is, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// A field's name, `line 3, column home`, or `causeway.toml:4:1`.
    pub place: String,
    pub message: String,
}

impl FieldError {
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }

    /// A mistake in a table file. Lines count from 1, and the header is line 1.
    pub fn row(line: u64, column: &str, message: impl Into<String>) -> Self {
        Self::new(format!("line {line}, column {column}"), message)
    }
}
