//! States of mailboxes in the move, for the sidecar.

/// See the module, and [`crate::Backend`].
pub trait Moves {}
