//! Live events and alerts.

use admin::{Answer, Author};
use api::{AlertList, AlertTest, Figures};
use events::Events;

use super::Control;

impl admin::Watch for Control {
    fn events(&self) -> Events {
        self.events.clone()
    }

    fn alerts(&self) -> Answer<'_, AlertList> {
        Box::pin(async { Ok(self.list_alerts()) })
    }

    fn test_alerts(&self, author: Author) -> Answer<'_, AlertTest> {
        Box::pin(async move { Ok(Control::test_alerts(self, &author.0).await) })
    }

    fn figures(&self) -> Answer<'_, Figures> {
        Box::pin(async { Ok(Control::figures(self)) })
    }
}
