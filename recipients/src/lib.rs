//! Who exists: recipients and their addresses from directory services, files and call-outs.
//!
//! ```text
//!  ldap, csv ── sync ──> change ── too much gone? ask ──> recipients.db ──> Snapshot ──> RCPT
//!                          ^                                                  |
//!                          └──────────────── last good copy <─────────────────┘
//! ```
//!
//! While a source cannot be read its last good copy serves: whoever is in it is known, and whoever
//! is not may exist all the same. Readers hold a snapshot and never wait.

mod change;
mod draft;
mod drift;
mod file;
mod ldap;
mod metrics;
mod recipient;
mod recipients;
mod snapshot;
mod source;
mod store;
mod sync;
mod x500;

pub use change::Change;
pub use draft::{Draft, Made};
pub use drift::{Drift, DriftKind, drift};
pub use file::{FileMistake, FileRow, Split, read_file};
pub use ldap::Mistakes;
pub use metrics::RecipientsMetrics;
pub use recipient::{Kind, Recipient};
pub use recipients::{Answer, Parts, Recipients, RequestError, SyncRequest, View, file_in};
pub use snapshot::{Conflict, Found, People, Snapshot};
pub use source::{Pending, SourceView, Status, Synced};
pub use store::{Position, StoreError};
pub use x500::{decode_imceaex, x500_key};
