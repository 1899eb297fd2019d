//! What became of the recipients of a transaction, and why a batch broke off.

use mail::Reply;

use super::{Answer, Body, Transaction};

/// Where in the dialogue something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Connect,
    Greeting,
    /// EHLO or HELO.
    Hello,
    StartTls,
    Mail,
    Rcpt,
    /// The answer to DATA.
    Data,
    /// The body and the answer to it.
    Body,
}

impl Stage {
    /// As it reads after "during".
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Body => "end of message",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one recipient's part in a batch came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took the message for this recipient; its last reply.
    Delivered(Reply),
    Refused {
        reply: Reply,
        stage: Stage,
    },
    /// The server cannot have the message: trying again makes no duplicate.
    NotHandedOver,
    /// The server may have the whole message, and did not say: trying again may make a duplicate.
    Unknown,
}

/// Why a batch broke off. Nothing more may be sent on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The server said 421 and closes.
    Closing(Reply),
    Violation(Violation),
    /// The server refused a message before it had all of it, so that the rest is in its way.
    AnsweredEarly,
}

/// The server broke the protocol; what it says can no longer be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("it sent a reply that nobody had asked for: {0}")]
    Unasked(Reply),
    #[error("it accepted a message that it did not have yet: {0}")]
    AcceptedEarly(Reply),
    #[error("it accepted a message after it had refused it: {0}")]
    AcceptedRefused(Reply),
    #[error("{reply} is no answer to {to}")]
    Unfitting { reply: Reply, to: &'static str },
}

impl Transaction {
    /// `is_closing`: the server said 421, and as it answers in order, it has not looked at what
    /// it did not answer.
    pub(super) fn into_outcomes(self, is_closing: bool) -> Vec<Outcome> {
        if let Answer::Refused(reply) = self.mail {
            return refuse_all(self.recipients.len(), &reply, Stage::Mail);
        }
        let unsettled = match self.body {
            Body::Sent if !is_closing => Outcome::Unknown,
            Body::Unsent | Body::Begun | Body::Sent | Body::Withdrawn => Outcome::NotHandedOver,
        };
        let rest = match (self.last, self.data) {
            (Answer::Taken(reply), _) => Outcome::Delivered(reply),
            (Answer::Refused(reply), _) => Outcome::Refused { reply, stage: Stage::Body },
            (_, Answer::Refused(reply)) => Outcome::Refused { reply, stage: Stage::Data },
            (Answer::None | Answer::Accepted, _) => unsettled,
        };
        let mut outcomes = Vec::with_capacity(self.recipients.len());
        let mut rest = Some(rest);
        let mut left = self.recipients.len();
        for answer in self.recipients {
            left -= 1;
            outcomes.push(match answer {
                Answer::Refused(reply) => Outcome::Refused { reply, stage: Stage::Rcpt },
                Answer::None | Answer::Accepted | Answer::Taken(_) if left > 0 => {
                    rest.clone().unwrap_or(Outcome::NotHandedOver)
                }
                Answer::None | Answer::Accepted | Answer::Taken(_) => {
                    rest.take().unwrap_or(Outcome::NotHandedOver)
                }
            });
        }
        outcomes
    }
}

fn refuse_all(n_recipients: usize, reply: &Reply, stage: Stage) -> Vec<Outcome> {
    vec![Outcome::Refused { reply: reply.clone(), stage }; n_recipients]
}
