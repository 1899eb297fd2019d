//! Live events and alerts.

use api::{AlertList, AlertTest, Figures};
use events::Events;

use super::{Answer, Author};

/// See the module, and [`crate::Backend`].
pub trait Watch {
    /// The bus that everything which happens is published on.
    fn events(&self) -> Events;
    fn alerts(&self) -> Answer<'_, AlertList>;
    fn test_alerts(&self, author: Author) -> Answer<'_, AlertTest>;
    fn figures(&self) -> Answer<'_, Figures>;
}
