//! Plans: changes of the table that are looked at before they are made.

/// See the module, and [`crate::Backend`].
pub trait Plans {}
