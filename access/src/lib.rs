//! Who may use the gateway: accounts, roles, tokens, sessions, and the log of what they did.
//!
//! ```text
//! bearer token ─┐                        ┌─ role and limit: what may this one do
//! cookie       ─┼─ Access ── Principal ──┤
//! login        ─┘    │                   └─ name: author, and actor of the audit log
//!                    └─ access.db: what was acknowledged is on disk
//! ```
//!
//! Whoever asks is looked up in memory; what changes is written first. No secret is kept as it is:
//! passwords as Argon2id, tokens and sessions as SHA-256. What must not be here: HTTP, and what a
//! call needs, which `admin` lists.

mod access;
mod answers;
mod audit;
#[cfg(test)]
mod crash_tests;
mod error;
mod file_tokens;
mod limit;
mod login;
mod metrics;
mod password;
mod principal;
mod secret;
mod sessions;
mod store;
#[cfg(test)]
mod tests;
mod throttle;
mod time;
mod tokens;
mod totp;
mod users;
mod vouched;

pub use access::{Access, GlassUse, Settings};
pub use answers::{Answered, Claim, Question};
pub use audit::Event;
pub use error::AccessError;
pub use file_tokens::{TokenError, Tokens};
pub use limit::Limit;
pub use login::{LoggedIn, LoginError};
pub use metrics::{AccessMetrics, Attempt, Method};
pub use password::Cost;
pub use principal::Principal;
pub use throttle::network;
pub use vouched::Vouched;
