//! What can go wrong, and whose fault it is.

use std::io;
use std::sync::Arc;

use mail::SpoolId;

/// The spool could not do it. For a message this means 451: nothing of it was promised.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot {action} {path}")]
    Io { action: &'static str, path: String, source: Arc<io::Error> },
    #[error("the batch could not be made durable, on a fresh segment neither")]
    NotDurable { source: Arc<io::Error> },
    #[error(transparent)]
    Full(#[from] Full),
    #[error("the record of {bytes} bytes does not fit a segment")]
    TooLarge { bytes: u64 },
    #[error("{name} was written by a later version: format {version}")]
    Version { name: String, version: u16 },
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source: Arc::new(source) }
    }
}

/// Why no new mail is taken. Answered with 452 4.3.1; what is in the spool is still settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("too little free disk space")]
    Bytes,
    #[error("too few free inodes")]
    Inodes,
    #[error("the spool has its maximum size")]
    Spool,
    #[error("the disk fails to write")]
    Failing,
}

/// A message that was in the spool cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("no message {0} waits here")]
    Unknown(SpoolId),
    /// A copy of the bytes is in `corrupt/`.
    #[error("message {0} does not match its checksum")]
    Corrupt(SpoolId),
    #[error("cannot read message {id}")]
    Io { id: SpoolId, source: io::Error },
}
