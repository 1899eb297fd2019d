//! Alive, ready, and which version.

use serde::{Deserialize, Serialize};

/// `GET /readyz`: may mail be sent here now? 200 when `ready`, else 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    pub ready: bool,
    pub checks: Vec<Check>,
}

impl Readiness {
    /// Ready when every check is.
    pub fn from_checks(checks: Vec<Check>) -> Self {
        Self { ready: checks.iter().all(|check| check.ok), checks }
    }
}

/// One thing that has to work before mail can be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `spool`, `table`, `listeners`, …
    pub name: String,
    pub ok: bool,
    /// Why not, or a remark such as how far recovery has come.
    pub reason: Option<String>,
}

/// `GET /api/v1/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Always `causeway`.
    pub name: String,
    pub version: String,
    pub hostname: String,
    pub started_at: String,
}
