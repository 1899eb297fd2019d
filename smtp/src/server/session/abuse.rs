//! What a session may do wrong before it is slowed down and then sent away.

use std::time::Duration;

use mail::Reply;

use super::texts;
use crate::server::rules::Rules;

/// Counts per session. An accepted message forgives errors and junk, never unknown recipients:
/// a harvester can buy a valid address.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) messages: u32,
    errors: u32,
    junk: u32,
    unknown_recipients: u32,
    swallowed: u64,
}

/// What follows from one more offence.
pub(super) enum Sentence {
    None,
    /// The reply goes out so much later.
    Delay(Duration),
    /// This reply, in place of any other, and the end.
    Hangup(Reply),
}

impl Counters {
    pub(super) fn error(&mut self, rules: &Rules) -> Sentence {
        self.errors += 1;
        match self.errors {
            n if n > rules.errors_hard => Sentence::Hangup(texts::TOO_MANY_ERRORS),
            n if n > rules.errors_soft => Sentence::Delay(rules.error_delay),
            _ => Sentence::None,
        }
    }

    pub(super) fn junk(&mut self, rules: &Rules) -> Sentence {
        self.junk += 1;
        if self.junk > rules.junk_max { self.error(rules) } else { Sentence::None }
    }

    pub(super) fn unknown_recipient(&mut self, rules: &Rules) -> Sentence {
        self.unknown_recipients += 1;
        match self.unknown_recipients {
            n if n > rules.unknown_recipients_hard => Sentence::Hangup(texts::TOO_MANY_UNKNOWN),
            n if n > rules.unknown_recipients_soft => {
                Sentence::Delay(rules.unknown_recipient_delay)
            }
            _ => Sentence::None,
        }
    }

    /// Counts octets that are read only to be thrown away, because the client is owed `reply`.
    pub(super) fn swallow(&mut self, octets: u64, reply: &Reply, rules: &Rules) -> Sentence {
        self.swallowed = self.swallowed.saturating_add(octets);
        if self.swallowed > rules.swallow_max() {
            Sentence::Hangup(texts::swallowed_enough(reply))
        } else {
            Sentence::None
        }
    }

    /// Another transaction begins: what came of the last one is forgotten.
    pub(super) fn begin_message(&mut self) {
        self.swallowed = 0;
    }

    pub(super) fn accepted(&mut self) {
        self.messages += 1;
        (self.errors, self.junk) = (0, 0);
    }

    pub(super) fn is_spent(&self, rules: &Rules) -> bool {
        rules.messages_per_session_max != 0 && self.messages >= rules.messages_per_session_max
    }
}
