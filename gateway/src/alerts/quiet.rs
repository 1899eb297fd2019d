//! How long no mail has come, in working hours. Pure: `now` is an argument.

use std::time::Duration;

use config::FreezeWindow;
use mail::Timestamp;

/// Working hours begin anew each day, and so does the waiting.
#[derive(Default)]
pub(super) struct Quiet {
    accepted: u64,
    since: Option<Timestamp>,
}

impl Quiet {
    /// Takes note of what was accepted in all; `None` outside the hours. Without hours it is always.
    pub(super) fn step(
        &mut self,
        now: Timestamp,
        accepted: u64,
        hours: &[FreezeWindow],
    ) -> Option<Duration> {
        let works = hours.is_empty() || hours.iter().any(|it| it.contains(now));
        if !works {
            self.since = None;
            return None;
        }
        if accepted != self.accepted || self.since.is_none() {
            self.accepted = accepted;
            self.since = Some(now);
        }
        self.since.map(|it| now.since(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_in_working_hours_and_from_their_beginning() {
        let hours = [FreezeWindow::parse("Mon-Fri 09:00-18:00").unwrap()];
        let mut quiet = Quiet::default();
        let at = |text: &str| config::parse_time(text, None).unwrap();
        let mut step = |text: &str, n| quiet.step(at(text), n, &hours).map(|it| it.as_secs());
        // A Friday.
        assert_eq!(step("2026-11-27T08:59:00Z", 5), None);
        assert_eq!(step("2026-11-27T09:00:00Z", 5), Some(0));
        assert_eq!(step("2026-11-27T11:00:00Z", 5), Some(7200));
        assert_eq!(step("2026-11-27T11:01:00Z", 6), Some(0), "a message came");
        assert_eq!(step("2026-11-27T12:01:00Z", 6), Some(3600));
        assert_eq!(step("2026-11-27T18:00:00Z", 6), None);
        assert_eq!(step("2026-11-28T12:00:00Z", 6), None, "a Saturday");
        assert_eq!(step("2026-11-30T09:30:00Z", 6), Some(0), "and Monday begins anew");
        let mut always = Quiet::default();
        always.step(at("2026-11-28T12:00:00Z"), 0, &[]);
        assert_eq!(
            always.step(at("2026-11-28T13:00:00Z"), 0, &[]),
            Some(Duration::from_secs(3600))
        );
    }
}
