//! End-to-end scenarios: the real binary, real mail servers, real filesystems,
//! on loopback only.
//!
//! ```text
//!   load ──> server under test ──> sink, sink        (all mail carries a token)
//!    │        in a sandbox,          │
//!    │        on a volume            │
//!    └── Sent ──> checker <── Delivery
//! ```
//!
//! A [`sandbox::Sandbox`] owns every process and mount of a server, so that
//! nothing outlives a test however it ends. The scenarios need root.

pub mod api;
pub mod certs;
pub mod checker;
pub mod dialogue;
pub mod gateway;
pub mod load;
pub mod message;
pub mod peers;
pub mod ports;
pub mod probes;
pub mod rig;
pub mod sandbox;
pub mod scratch;
pub mod sink;
pub mod smtp;
pub mod trial;
pub mod volume;
pub mod wait;
