//! SMTP as state machines: bytes in, replies and questions out. No I/O, no async, no clock.
//!
//! [`server`] is what strangers and sites talk to; [`client`] is how we talk to a next hop.

pub mod client;
pub mod server;
