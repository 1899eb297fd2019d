//! A routing decision and its steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Host, SiteState, TableEdit};

/// `GET /api/v1/explain?address=…`: what is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explain {
    /// The recipient.
    pub address: String,
    /// The peer that would send it: it decides which domains are relayed for it.
    #[serde(default)]
    pub ip: Option<String>,
    /// A generation of the table other than the present one.
    #[serde(default)]
    pub generation: Option<u64>,
}

/// The decision for one recipient and each step that led to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    pub address: String,
    pub generation: u64,
    pub steps: Vec<Step>,
    /// `deliver`, `hold`, `reject`, `defer` (it is not known whether the recipient exists), or `ask`
    /// (a site is asked whether it does).
    pub verdict: String,
    /// Where to: a site's name, or a domain that is looked up by MX. `null` for a refusal.
    pub hop: Option<String>,
    /// The recipient as that hop will see it.
    pub onward: Option<String>,
    /// A second site that gets a copy.
    pub copy_to: Option<String>,
    /// What the client hears at RCPT.
    pub reply: Option<String>,
    pub conclusion: String,
    /// What the sender and the recipient will see of it, as things are now.
    #[serde(default)]
    pub expected: String,
    /// Health of the site, now; `null` for what goes to no site.
    #[serde(default)]
    pub site_state: Option<SiteState>,
    /// Servers of the site in the order in which they would be tried now.
    #[serde(default)]
    pub hosts: Vec<Host>,
    /// `none`, `opportunistic`, `require` or `verify`.
    #[serde(default)]
    pub tls: Option<String>,
    #[serde(default)]
    pub limits: Option<HopLimits>,
    /// The whole of it for people, one line per step.
    pub text: String,
}

/// What the way to a site bears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HopLimits {
    /// Of a message that we accept at all.
    pub message_bytes_max: u64,
    /// In one transaction with the site.
    pub recipients_max: u64,
    pub messages_per_connection_max: u64,
    /// Open now, and at most.
    pub connections: u64,
    pub connections_max: u64,
}

/// `POST /api/v1/explain/simulate`: what would have become of yesterday's mail under a changed
/// table. Either `edits`, or the id of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulate {
    /// At most 10,000.
    #[serde(default)]
    pub edits: Vec<TableEdit>,
    #[serde(default)]
    pub plan: Option<String>,
    /// A time; without it, a day ago.
    #[serde(default)]
    pub since: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Rows of `changed`: 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// One page: what a part of the mail since then would have seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Simulation {
    /// Of the table that the edits were applied to.
    pub generation: u64,
    pub since: String,
    /// Looked at for this page.
    pub messages_seen: u64,
    pub recipients_seen: u64,
    /// Recipients whose mail would have gone elsewhere, in the order of acceptance.
    pub changed: Vec<Rerouted>,
    /// `null` when all mail since then has been looked at. A page may be empty and not the last:
    /// one request looks at 100,000 messages at most.
    pub next_cursor: Option<String>,
}

/// A recipient whose mail would have gone elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rerouted {
    pub id: String,
    pub accepted_at: String,
    pub recipient: String,
    /// By the ledger; what is not delivered, by the table of now.
    pub went: String,
    pub would_go: String,
    /// The conclusion that the changed table comes to.
    pub why: String,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// From 1.
    #[serde(default)]
    pub number: u32,
    pub question: String,
    pub answer: String,
}
