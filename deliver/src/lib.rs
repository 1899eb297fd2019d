//! Takes accepted mail to where it lives now, and learns what became of it.
//!
//! ```text
//!  submit ── route ──> queue (a lane per hop) ──> worker ──> connection ──> site, MX, smart host
//!              ▲            ▲        ▲               │
//!            table       timers    watch             └──> fate ──> settle ──> ledger, breaker, DSN
//! ```
//!
//! Decisions are pure and have no lock: [`queue::Queues`], [`fate`], [`retry`], [`dsn`], and the
//! breaker in crate `health`. [`Delivery`] is the shell that waits.

pub mod connection;
mod cut;
mod delivery;
pub mod dsn;
pub mod fate;
mod flow;
mod hop;
mod metrics;
pub mod moves;
#[cfg(test)]
mod moves_model;
pub mod mx;
mod notice;
mod old;
pub mod operate;
mod outcomes;
pub mod queue;
pub mod retry;
mod route;
mod settle;
mod site;
mod targets;
pub mod tls;
mod verify;
mod watch;
mod worker;

pub use cut::{Cut, CutEnd};
pub use delivery::{Delivery, Parts, Settings, enter_shard};
pub use hop::{HopKey, HopSettings};
pub use metrics::DeliverMetrics;
pub use outcomes::Watch;
pub use route::{Destination, Routes};
pub use site::{ProbeStep, SiteView};
pub use verify::RecipientVerdict;
