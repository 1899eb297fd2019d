//! Durable store of accepted messages: append-only segments, group commit, a ledger of fates.
//!
//! A crash at any point leaves a message in one of these states; `+` it is on disk, `-` it is
//! not, `?` it may be:
//!
//! ```text
//!        large body   record   settlement of every recipient
//!   S1       -           -        -    nothing is known of this id
//!   S2       ?           -        -    being received; a large body is removed at the next start
//!   S3       +           +        -    QUEUED: we may have answered 250
//!   S4       ?           +        +    settled; a large body is removed
//!   S5       -           -        -    its segment is free again; only the ledger knows it
//! ```
//!
//! A message moves S1 → S2 → S3 → S4 → S5. A small one is never in S2 on disk, and the large
//! body column is empty for it. Only S3 comes back after a restart. The record is one piece,
//! checked as a whole, so there is no state between S2 and S3; it is synced, with a large body
//! and its name before it, before a [`Receipt`] exists. S4 → S5 waits until the ledger is synced.
//!
//! One thread writes. Whatever waits for it while it syncs is its next batch, so the number of
//! syncs falls as the load grows and nobody waits for a timer.
//!
//! Byte layouts: docs/formats/spool.md and docs/formats/ledger.md.

mod codec;
mod commit;
mod compact;
mod completion;
mod corrupt;
mod disk;
mod error;
mod event;
mod guard;
mod head;
mod incoming;
mod index;
mod large;
mod ledger;
mod message;
mod metrics;
mod options;
mod queue;
mod receipt;
mod record;
mod recovery;
mod segment;
mod shared;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
mod spool;
mod upkeep;

pub use completion::CompletionDriver;
pub use disk::{Disk, DiskFile, RealDisk, Space};
pub use error::{Full, LoadError, SpoolError};
pub use event::{Event, Settled, What};
pub use incoming::{Accepted, Incoming};
pub use ledger::{Arrival, Ledger, Place, Query, Story, Verification};
pub use message::{Body, Message, StoredBody};
pub use metrics::SpoolMetrics;
pub use options::{Clock, Options, SystemClock};
pub use receipt::Receipt;
pub use recovery::{RecipientState, Recovered, Recovery};
pub use spool::{Spool, SpoolStats};
