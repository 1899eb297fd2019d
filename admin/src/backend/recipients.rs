//! Who exists, by directory services and files.

/// See the module, and [`crate::Backend`].
pub trait Recipients {}
