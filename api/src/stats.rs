//! Figures at a glance, and what a reload did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/stats`: the figures one looks at first. `/metrics` has all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    pub started_at: String,
    pub uptime_seconds: u64,
    pub generation: u64,
    pub table_entries: u64,
    /// SMTP sessions open now.
    pub sessions: u64,
    /// Since the start of the process, like the other totals.
    pub accepted_messages: u64,
    pub delivered_recipients: u64,
    pub bounced_recipients: u64,
    pub expired_recipients: u64,
    pub discarded_recipients: u64,
    /// In the spool now.
    pub spool_messages: u64,
    pub spool_bytes: u64,
    pub free_bytes: u64,
    /// Recipients by queue.
    pub active_recipients: u64,
    pub deferred_recipients: u64,
    pub held_recipients: u64,
    pub oldest_seconds: Option<u64>,
    /// True while the spool is still being indexed after a start: the queue figures are then too low.
    pub recovering: bool,
}

/// `POST /api/v1/reload`: what became of the new configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reloaded {
    /// Keys that changed and are in force.
    pub applied: Vec<String>,
    /// Keys that changed in the file and wait for a restart.
    pub needs_restart: Vec<String>,
}
