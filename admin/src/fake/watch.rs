//! Live events and alerts.

use api::{Alert, AlertList, AlertSent, AlertState, AlertTest, Figures, Point, Severity};
use events::Events;

use super::FakeBackend;
use crate::{Answer, Author};

impl crate::Watch for FakeBackend {
    fn events(&self) -> Events {
        self.state().events.clone()
    }

    /// One, for the site that is down.
    fn alerts(&self) -> Answer<'_, AlertList> {
        let alert = Alert {
            name: "SiteDown".into(),
            severity: Severity::Page,
            state: AlertState::Firing,
            since: "2026-01-05T08:00:00.000000Z".into(),
            summary: "Site cloud is down: connection refused".into(),
            runbook: "/help/alert-site-down".into(),
            labels: [("site".to_owned(), "cloud".to_owned())].into(),
        };
        Box::pin(async move { Ok(AlertList { alerts: vec![alert] }) })
    }

    fn test_alerts(&self, author: Author) -> Answer<'_, AlertTest> {
        self.change(move |state| {
            state.log.push((author.0, "alerts test".into()));
            let to = "ops@elsewhere.example".into();
            let sent = AlertSent { to, ok: true, detail: "queued as 0000000000003".into() };
            Ok(AlertTest { sent: vec![sent] })
        })
    }

    fn figures(&self) -> Answer<'_, Figures> {
        let point = Point { at: "2026-01-05T08:00:00.000000Z".into(), ..Point::default() };
        Box::pin(async move { Ok(Figures { every_seconds: 10, points: vec![point] }) })
    }
}
