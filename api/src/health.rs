//! Alive, ready, and which version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SiteState;

/// `GET /readyz`: may mail be sent here now? 200 when `ready`, else 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    pub ready: bool,
    pub checks: Vec<Check>,
    /// For information: mail for a site that is down is taken all the same.
    #[serde(default)]
    pub sites: Vec<SiteHealth>,
}

/// A site and whether mail for it is attempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteHealth {
    pub name: String,
    pub state: SiteState,
}

impl Readiness {
    /// Ready when every check is.
    pub fn new(checks: Vec<Check>, sites: Vec<SiteHealth>) -> Self {
        Self { ready: checks.iter().all(|check| check.ok), checks, sites }
    }
}

/// One thing that has to work before mail can be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// `spool`, `recovery`, …
    pub name: String,
    pub ok: bool,
    /// Why not, or a remark such as how far recovery has come.
    pub reason: Option<String>,
}

/// `GET /api/v1/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// Always `causeway`.
    pub name: String,
    pub version: String,
    pub hostname: String,
    pub started_at: String,
}
