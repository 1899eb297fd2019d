//! The server side of SMTP: strict, and a value that a test can hold.
//!
//! ```text
//!  bytes ─> Lines ─> Command::parse ─> Session::step ─> replies (one buffer, one write)
//!                                        │   ▲
//!                                Step::Recipient …   answers of policy and spool
//!  bytes ─> DataReader / BDAT ─> Intake (size, header block, firewall) ─> body of the spool
//! ```
//!
//! The shell owns the socket, TLS, time and the spool; everything that can be got wrong by
//! reading bytes in the wrong way is here.

mod command;
mod data;
mod fault;
pub mod head;
mod lines;
mod params;
mod path;
pub mod proxy;
mod received;
mod rejection;
mod rules;
mod session;
#[cfg(feature = "transcript")]
pub mod transcript;
mod xclient;

pub use command::Command;
pub use data::{BareNewline, DataReader, Fed, Flaw};
pub use fault::Fault;
pub use head::Head;
pub use params::{MailParams, RcptParams};
pub use received::Received;
pub use rejection::{Rejection, Rejections};
pub use rules::Rules;
pub use session::{Peer, Phase, Session, Step, Transaction, Verdict};
