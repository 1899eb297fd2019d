//! Live events and alerts.

use events::Events;

use super::FakeBackend;

impl crate::Watch for FakeBackend {
    fn events(&self) -> Events {
        self.state().events.clone()
    }
}
