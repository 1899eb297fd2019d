//! The admin API over HTTP: table, queues, sites, traces, health, metrics.
//!
//! ```text
//! TcpListener ─ serve ─ deadline ─ guard ─ handler ─ Backend (the gateway)
//!               limits           who, may   parse, call, translate
//! ```
//!
//! `/livez`, `/readyz` and `/metrics` want no token and tell nothing of the mail; all else does.
//! What must not be here: a decision about mail, and any state but the semaphores.

mod backend;
mod console;
mod endpoints;
mod extract;
#[cfg(any(test, feature = "sim"))]
pub mod fake;
mod forwarded;
mod guard;
mod handlers;
mod help;
mod metrics;
mod openapi;
mod problem;
mod routes;
mod server;
mod stream;
#[cfg(test)]
mod tests;

pub use backend::{
    Answer, Author, Backend, BackendError, ByteStream, Moves, Plans, Recipients, Watch,
};
pub use endpoints::{Endpoint, Need, endpoints};
pub use help::has_page;
pub use metrics::AdminMetrics;
pub use openapi::{openapi, reference};
pub use routes::{BODY_BYTES_MAX, IMPORT_BYTES_MAX, router};
pub use server::{Limits, serve};
