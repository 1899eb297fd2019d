//! The sum of all accepted recipients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/ledger/verify`: do all accepted recipients add up?
///
/// `accepted` = `delivered + bounced + expired + discarded + queued`, all in recipients, unless
/// `problems` says what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    pub balanced: bool,
    /// Messages and recipients for which a 250 was given, and our own DSNs.
    pub accepted_messages: u64,
    pub accepted: u64,
    pub delivered: u64,
    pub bounced: u64,
    pub expired: u64,
    pub discarded: u64,
    pub queued: u64,
    /// Delivered recipients that may have got the message twice: the site's reply was lost.
    pub maybe_duplicate: u64,
    /// At most 1,000, each one sentence that names the message.
    pub problems: Vec<String>,
}

impl Verification {
    /// Recipients that ended in one of the four outcomes or are in a queue.
    pub fn accounted(&self) -> u64 {
        self.delivered + self.bounced + self.expired + self.discarded + self.queued
    }
}
