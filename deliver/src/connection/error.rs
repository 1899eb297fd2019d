//! Why an attempt came to nothing.

use std::io;
use std::sync::Arc;

use mail::Reply;
use smtp::client::{ReplyError, Stage, Violation};

/// What went wrong between us and a host, as opposed to what the host refused.
///
/// One error is told to every recipient of a batch, hence the cheap clone. None of these is a
/// reason to bounce: see `fate`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AttemptError {
    #[error("cannot connect: {0}")]
    Connect(Arc<io::Error>),
    /// It had the time that RFC 5321 §4.5.3.2 grants, or took less than the least rate.
    #[error("no progress during {during}")]
    Timeout { during: Stage },
    #[error("connection lost during {during}: {source}")]
    Lost { during: Stage, source: Arc<io::Error> },
    /// A kept connection had been closed by the host before it answered anything of this batch.
    #[error("the idle connection had been closed by the host")]
    Stale,
    /// A refusal of us and not of a message: in the greeting, after EHLO, or 421 at any time.
    #[error("refused during {during}: {reply}")]
    Refused { reply: Reply, during: Stage },
    #[error("the host offers no STARTTLS and the site requires it")]
    NoTls,
    #[error("TLS failed: {0}")]
    Tls(Arc<io::Error>),
    #[error("the host broke the protocol: {0}")]
    Violation(#[from] Violation),
    #[error("the host answered nonsense: {0}")]
    Garbage(#[from] ReplyError),
    /// Octets lay there before the command was sent that they would have answered; after
    /// STARTTLS that is how responses are injected.
    #[error("the host sent something before it was due, during {during}")]
    Unasked { during: Stage },
    /// Ours: the body could not be read. The host never saw the end of it.
    #[error("cannot read the body from the spool: {0}")]
    Body(Arc<io::Error>),
    /// Ours: somebody who moves a mailbox had no more patience.
    #[error("cut during {during}, because a mailbox of this connection moves")]
    Cut { during: Stage },
    /// The batch ended before this message's turn.
    #[error("not tried, because the connection ended earlier in the batch")]
    NotReached,
}

impl AttemptError {
    /// Nothing is known to be wrong with the host: try again at once, and let the attempt not count.
    pub fn is_free_retry(&self) -> bool {
        matches!(self, Self::Stale | Self::NotReached | Self::Cut { .. })
    }

    /// It says something about the health of the host.
    pub fn is_host_fault(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::Timeout { .. }
            | Self::Lost { .. }
            | Self::Refused { .. }
            | Self::NoTls
            | Self::Tls(_)
            | Self::Violation(_)
            | Self::Garbage(_)
            | Self::Unasked { .. } => true,
            Self::Stale | Self::Body(_) | Self::NotReached | Self::Cut { .. } => false,
        }
    }

    /// The reply in it, for the ledger and for the catalogue.
    pub fn reply(&self) -> Option<(&Reply, Stage)> {
        match self {
            Self::Refused { reply, during } => Some((reply, *during)),
            _ => None,
        }
    }

    /// A status for DSNs of messages that expire with this as their last error. RFC 3463 §3.5.
    pub fn status(&self) -> mail::Enhanced {
        let detail = match self {
            Self::Connect(_) => 1,
            Self::Refused { reply, .. } => return reply.enhanced.unwrap_or(status(3, 0)),
            Self::Timeout { .. }
            | Self::Lost { .. }
            | Self::Stale
            | Self::NotReached
            | Self::Cut { .. } => 2,
            Self::Violation(_) | Self::Garbage(_) | Self::Unasked { .. } => return status(5, 0),
            Self::NoTls | Self::Tls(_) => return status(7, 5),
            Self::Body(_) => return status(3, 0),
        };
        status(4, detail)
    }
}

const fn status(subject: u16, detail: u16) -> mail::Enhanced {
    mail::Enhanced::new(4, subject, detail)
}
