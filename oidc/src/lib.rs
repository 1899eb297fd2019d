//! Signing in by an OpenID Connect provider: authorization code with PKCE.
//!
//! ```text
//! begin ──> pending: state, nonce, verifier, browser ──> the provider's page
//!                                                              │ code, state
//! finish ── pending taken once ── token endpoint ── ID token ──┘
//!              │                                     signature, iss, aud, azp, exp, iat, nonce
//!              └─ groups of the token ── grants ──> Person: name, role, limits
//! ```
//!
//! What must not be here: sessions, cookies' names, pages. Of the provider nothing is kept but what it
//! publishes: its metadata and its keys.

mod claims;
mod error;
mod jws;
mod metrics;
mod pending;
mod provider;
mod settings;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use metrics::OidcMetrics;
pub use pending::Begun;
pub use provider::{Provider, SetupError};
pub use settings::{Grant, Person, Settings};
