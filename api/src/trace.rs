//! What happened to a message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/trace?id=…`: exactly one of the three is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceQuery {
    /// The id that we gave it.
    #[serde(default)]
    pub id: Option<String>,
    /// A sender or a recipient.
    #[serde(default)]
    pub address: Option<String>,
    /// The header field's value, with or without angle brackets.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Stories at most, newest first: 1 to 1,000, else 50.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// What was found, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traced {
    pub stories: Vec<Story>,
}

/// What happened to one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Story {
    pub id: String,
    pub accepted_at: String,
    /// Empty for the null reverse-path.
    pub reverse_path: String,
    pub message_id: Option<String>,
    pub size_bytes: u64,
    pub listener: String,
    pub peer: Option<String>,
    pub helo: Option<String>,
    pub tls: Option<String>,
    pub recipients: Vec<StoryRecipient>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoryRecipient {
    pub address: String,
    /// `delivered`, `bounced`, `expired`, `discarded`, or its queue: `active`, `deferred`, `held`.
    pub outcome: String,
    pub maybe_duplicate: bool,
    pub events: Vec<StoryEvent>,
}

/// One thing that happened to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoryEvent {
    pub at: String,
    /// `delivered`, `deferred`, `bounced`, `expired`, `discarded`, `held`, `released` or
    /// `delay_notified`.
    pub what: String,
    /// The site or domain, and the server there.
    pub hop: Option<String>,
    pub host: Option<String>,
    /// The generation of the table that decided it.
    pub generation: Option<u64>,
    pub attempt: Option<u32>,
    pub reply: Option<String>,
    /// Who did it and why, the next attempt, the DSN's id: whatever else there is to say.
    pub remark: Option<String>,
}
