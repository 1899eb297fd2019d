//! Live events and alerts.

use events::Events;

/// See the module, and [`crate::Backend`].
pub trait Watch {
    /// The bus that everything which happens is published on.
    fn events(&self) -> Events;
}
