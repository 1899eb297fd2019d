//! One SMTP connection to one host: the I/O around [`smtp::client`].
//!
//! ```text
//!   Transaction… ──> plan ──> Pipeline ──> Outgoing ──> socket
//!                      │          ^                        │
//!                      v          └── replies, at once <───┘
//!               refusals of our own        any time
//! ```
//!
//! All waiting is here, and every wait has a deadline. Reading goes on while writing does, so a
//! host that answers before it has read everything cannot make both sides wait. Nothing is
//! decided here about a recipient's fate: see `fate`.

mod body;
mod check;
mod error;
mod open;
mod outgoing;
mod plan;
mod result;
mod send;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use std::future::poll_fn;
use std::net::SocketAddr;

use mail::TlsInfo;
use smtp::client::{Capabilities, Stage};
use tokio::time::Instant;

pub use config::DeliveryTimeouts as Timeouts;
pub use error::AttemptError;
pub use open::{Target, probe};
pub use result::{RecipientResult, Transaction, TransactionResult, TxRecipient};

use wire::Wire;

/// A connection that has been greeted. Dropping it closes it without QUIT.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    capabilities: Capabilities,
    host: String,
    addr: SocketAddr,
    tls: Option<TlsInfo>,
    timeouts: Timeouts,
    /// Cleared while something is under way, so that a cancelled call leaves it cleared.
    is_usable: bool,
    /// The next batch begins with RSET.
    is_dirty: bool,
    /// Transactions so far.
    n_sent: u32,
    /// Bodies so far that were sent for nobody.
    n_wasted: u32,
    last_used: Instant,
}

impl Connection {
    /// Connects, waits for the greeting, says EHLO, and STARTTLS by the target's policy.
    pub async fn open(target: &Target) -> Result<Self, AttemptError> {
        open::open(target).await
    }

    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The host's name, or its address when it has none.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `None` in plain text.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// Another batch may be sent.
    pub fn is_usable(&self) -> bool {
        self.is_usable && self.room() > 0
    }

    /// How many more transactions the host lets us send on this connection (LIMITS MAILMAX).
    pub fn room(&self) -> usize {
        let max = self.capabilities.limits.mail_max.unwrap_or(u32::MAX);
        usize::try_from(max.saturating_sub(self.n_sent)).unwrap_or(usize::MAX)
    }

    /// Waits until the host closes the connection, or says something that nobody asked for, as
    /// hosts do before they close. Nothing is lost when it is cancelled.
    pub async fn until_gone(&mut self) {
        let said = poll_fn(|cx| self.wire.poll_reply(cx, Stage::Mail)).await;
        tracing::debug!(host = self.host, ?said, "Closed by the host while it rested.");
        self.is_usable = false;
    }

    /// Transactions sent so far.
    pub fn n_sent(&self) -> u32 {
        self.n_sent
    }
}
