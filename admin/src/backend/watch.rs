//! Live events and alerts.

/// See the module, and [`crate::Backend`].
pub trait Watch {}
