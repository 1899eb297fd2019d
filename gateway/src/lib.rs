//! The server: listeners, TLS, the I/O shell around [`smtp::server`], and the wiring of the process.
//! No decisions: what a client may do is decided by `smtp` and `router`, what lasts by `spool`.
//!
//! ```text
//!  accept ── session::Shell ── smtp::server::Session        one task a connection, on its shard
//!    │          │   │  ▲
//!  limits     wire  │  └── Policy (router)                   answers from memory
//!               │   └───── receive::Body ── spool ── Receipt ── 250
//!              tls                            └── Handoff (deliver)
//! ```
//!
//! The order of the end: no new connections, idle sessions hear 421, transactions and deliveries
//! finish, and after a grace what is left is dropped where it waits.

mod accept;
mod alerts;
mod assemble;
mod bind;
pub mod control;
mod cutovers;
mod impact;
mod limits;
mod logging;
mod loop_mark;
mod metrics;
mod pace;
mod policy;
mod proxy;
mod rails;
mod receive;
mod recipients;
mod reference;
mod reload;
pub mod run;
mod server;
mod session;
mod settings;
mod shard;
mod shared;
mod tls;
mod wire;

pub use bind::BindError;
pub use logging::{LogError, LogGuard, start as start_logging};
pub use metrics::GatewayMetrics;
pub use policy::{Handoff, Judged, Policy};
pub use reference::metrics_reference;
pub use reload::load_config;
pub use server::{Parts, Prepared, Server, Serving, Shutdown, StartError, finish};
pub use shard::Shards;
pub use tls::TlsError;
