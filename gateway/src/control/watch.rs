//! Live events and alerts.

use events::Events;

use super::Control;

impl admin::Watch for Control {
    fn events(&self) -> Events {
        self.events.clone()
    }
}
