//! The proof behind every 250.

use mail::SpoolId;

/// Proof that a message is in state S3, made only after the sync of the batch that holds it.
///
/// The 250 after DATA is made only from a `Receipt`, so no code path can acknowledge mail that
/// a power cut would lose. There is no other way to get one:
///
/// ```compile_fail
/// let receipt = spool::Receipt { id: mail::SpoolId::from_u64(1) };
/// ```
#[must_use = "a message without its 250 is sent again"]
#[derive(Debug)]
pub struct Receipt {
    id: SpoolId,
}

impl Receipt {
    pub fn id(&self) -> SpoolId {
        self.id
    }

    pub(crate) fn of(id: SpoolId, _: Placed) -> Self {
        Self { id }
    }
}

/// What the commit thread gives for a synced record; a [`Receipt`] costs one.
#[derive(Debug)]
pub(crate) struct Placed(());

impl Placed {
    /// Only the commit thread calls this, after `sync_data` returned without an error.
    pub(crate) fn after_sync() -> Self {
        Self(())
    }
}
