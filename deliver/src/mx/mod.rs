//! Where a domain's mail goes.
//!
//! ```text
//!   literal [192.0.2.1] ──────────────────────────────────────────> that address
//!   MX: none, and the domain exists ──> A, AAAA of the domain ────> its addresses
//!   MX: "0 ." ────────────────────────────────────────────────────> never (RFC 7505)
//!   MX: a list ──> sorted, equal preferences shuffled ─> from us on: dropped ─> addresses
//!   an answer that is no answer (SERVFAIL, timeout) ──────────────> not now
//! ```
//!
//! Source: RFC 5321 §5.1. Nothing falls back to the domain's own address once it has an MX.

mod order;
mod resolver;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use mail::Reply;

pub use hickory_resolver::net::NetError as SetupError;
pub use resolver::{Resolver, ResolverSettings};

/// One address to try. A host with several addresses comes several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The host's name; its address when it has none.
    pub name: String,
    pub addr: SocketAddr,
}

impl Host {
    /// `mx1.example:25`
    pub fn label(&self) -> String {
        format!("{}:{}", self.name, self.addr.port())
    }
}

/// Why there is no address to try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MxError {
    /// A fact about the domain, in the words for its senders.
    #[error("{0}")]
    Never(Reply),
    /// The DNS could not say, or we are not willing to believe it yet.
    #[error("{0}")]
    NotNow(String),
}
