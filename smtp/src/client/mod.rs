//! The client's half of SMTP: what is written to a next hop, and what its replies mean.
//!
//! ```text
//!  Request ──> Pipeline ── Chunk ──> (the shell writes)
//!                 ^
//!  bytes ──> ReplyParser ── Reply
//! ```
//!
//! No I/O and no clock here: the shell in `deliver::connection` owns the socket and the deadlines,
//! and asks [`Pipeline`] what to write next and what each reply settled.

mod body;
mod capabilities;
mod command;
mod pipeline;
mod reply;
mod request;

pub use body::{BodyScan, DotStuffer, Part};
pub use capabilities::{Capabilities, Limits};
pub use pipeline::{Chunk, End, Outcome, Pipeline, Stage, Violation};
pub use reply::{ReplyError, ReplyParser};
pub use request::{BodyFacts, Obstacle, Request, RequestRecipient, Transfer};
