//! A routing decision and its steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The whole of it for people, one line per step.
    pub text: String,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub question: String,
    pub answer: String,
}
