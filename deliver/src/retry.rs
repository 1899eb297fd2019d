//! When a recipient is tried again, when its sender hears of the delay, and when we give up.
//! Pure: time and jitter are arguments.

use std::time::Duration;

use mail::Timestamp;

/// The part of the configuration that this file decides by.
#[derive(Clone, Debug)]
pub struct RetrySettings {
    /// Waits before the second, third, … attempt; the last one repeats.
    pub schedule: Vec<Duration>,
    /// From acceptance to giving up.
    pub lifetime: Duration,
    /// The same for messages with a null reverse-path.
    pub dsn_lifetime: Duration,
    /// From acceptance to the notice of a delay; `None` for no notices.
    pub delay_notice_after: Option<Duration>,
}

/// Why a recipient is tried again, and so how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryClass {
    /// Nobody failed: the connection had gone stale, or the batch broke off before.
    Free,
    /// The host could not be reached or broke off.
    Connection,
    /// A temporary refusal.
    Refusal,
    /// The host asked for less; waits so long, whatever the number of attempts.
    Throttle { after: Duration },
    /// "No such mailbox" soon after the mailbox moved.
    DirectoryLag,
    /// The message may have arrived already.
    MaybeDuplicate,
}

/// A message that may have arrived waits at least so long: most hosts suppress a duplicate that
/// they have seen the end of, and a host that restarts has come back by then.
const MAYBE_DUPLICATE_MIN: Duration = Duration::from_secs(60);

/// Directories are synchronised every few minutes to every half hour; more attempts than one in
/// ten minutes find nothing new.
const DIRECTORY_LAG_MAX: Duration = Duration::from_secs(600);

/// Used when the schedule is empty, which the configuration rules out.
const FALLBACK: Duration = Duration::from_secs(1800);

/// How long a recipient waits after its attempt number `attempts` (1 for the first) failed.
///
/// `jitter`, in `[0.0, 1.0]`, adds up to 20 %, so that a host that comes back is not met by the
/// whole queue at once. Zero only for [`RetryClass::Free`].
///
/// Source: RFC 5321 §4.5.4.1 wants 30 min between attempts in general; the default schedule gets
/// there after six attempts, because most of our hops are the organisation's own.
pub fn delay(settings: &RetrySettings, class: RetryClass, attempts: u32, jitter: f64) -> Duration {
    let scheduled = scheduled(settings, attempts);
    let base = match class {
        RetryClass::Free => return Duration::ZERO,
        RetryClass::Connection | RetryClass::Refusal => scheduled,
        RetryClass::Throttle { after } => after,
        RetryClass::DirectoryLag => scheduled.min(DIRECTORY_LAG_MAX),
        RetryClass::MaybeDuplicate => scheduled.max(MAYBE_DUPLICATE_MIN),
    };
    base.mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0))
}

fn scheduled(settings: &RetrySettings, attempts: u32) -> Duration {
    let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let last = settings.schedule.last();
    settings.schedule.get(step).or(last).copied().unwrap_or(FALLBACK)
}

/// The message has had its time. Looked at after a failed attempt: the last one is made late
/// rather than not at all.
///
/// Source: RFC 5321 §4.5.4.1, at least 4 to 5 days.
pub fn is_expired(
    settings: &RetrySettings,
    has_null_path: bool,
    accepted_at: Timestamp,
    now: Timestamp,
) -> bool {
    let lifetime = if has_null_path { settings.dsn_lifetime } else { settings.lifetime };
    now.since(accepted_at) >= lifetime
}

/// What is known when a notice of a delay might be due.
#[derive(Clone, Copy, Debug)]
pub struct DelayFacts {
    pub accepted_at: Timestamp,
    pub has_null_path: bool,
    pub already_notified: bool,
    pub notify: mail::Notify,
}

/// The sender hears, once, that the message is late. Never about a notification.
///
/// Source: RFC 3461 §4.1; RFC 5321 §4.5.5.
pub fn wants_delay_notice(settings: &RetrySettings, facts: &DelayFacts, now: Timestamp) -> bool {
    let is_late = settings.delay_notice_after.is_some_and(|it| now.since(facts.accepted_at) >= it);
    is_late && !facts.already_notified && !facts.has_null_path && facts.notify.delay
}

#[cfg(test)]
mod tests {
    use mail::Notify;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(86_400);

    fn settings() -> RetrySettings {
        RetrySettings {
            schedule: [1, 2, 5, 10, 15, 30].map(|it| it * MINUTE).to_vec(),
            lifetime: 5 * DAY,
            dsn_lifetime: DAY,
            delay_notice_after: Some(240 * MINUTE),
        }
    }

    #[test]
    fn each_class_waits_by_its_own_rule() {
        let hour = 60 * MINUTE;
        for (class, attempts, minutes) in [
            (RetryClass::Free, 9, 0),
            (RetryClass::Connection, 1, 1),
            (RetryClass::Refusal, 3, 5),
            (RetryClass::Refusal, 6, 30),
            (RetryClass::Refusal, 600, 30),
            (RetryClass::Refusal, 0, 1),
            (RetryClass::Throttle { after: hour }, 1, 60),
            (RetryClass::Throttle { after: hour }, 50, 60),
            (RetryClass::DirectoryLag, 1, 1),
            (RetryClass::DirectoryLag, 50, 10),
            (RetryClass::MaybeDuplicate, 1, 1),
            (RetryClass::MaybeDuplicate, 4, 10),
        ] {
            let got = delay(&settings(), class, attempts, 0.0);
            assert_eq!(got, minutes * MINUTE, "{class:?} after {attempts}");
        }
    }

    #[test]
    fn what_may_be_a_duplicate_waits_a_minute_whatever_the_schedule() {
        let eager = RetrySettings { schedule: vec![Duration::from_secs(1)], ..settings() };
        assert_eq!(delay(&eager, RetryClass::MaybeDuplicate, 1, 0.0), MINUTE);
    }

    #[test]
    fn jitter_adds_a_fifth_at_most() {
        let with = |jitter| delay(&settings(), RetryClass::Refusal, 4, jitter);
        assert_eq!(with(1.0), 12 * MINUTE);
        assert_eq!(with(0.5), 11 * MINUTE);
        assert_eq!((with(-3.0), with(7.0)), (10 * MINUTE, 12 * MINUTE));
    }

    #[test]
    fn notifications_expire_sooner_and_a_clock_that_steps_back_expires_nothing() {
        let start = Timestamp::from_micros(1_000_000_000_000_000);
        let at = |span| start.plus(span);
        assert!(!is_expired(&settings(), false, start, at(5 * DAY - MINUTE)));
        assert!(is_expired(&settings(), false, start, at(5 * DAY)));
        assert!(is_expired(&settings(), true, start, at(DAY)));
        assert!(!is_expired(&settings(), true, at(DAY), start));
    }

    #[test]
    fn a_delay_is_told_once_and_only_to_those_who_want_to_know() {
        let start = Timestamp::from_micros(1_000_000_000_000_000);
        let facts = DelayFacts {
            accepted_at: start,
            has_null_path: false,
            already_notified: false,
            notify: Notify::DEFAULT,
        };
        let late = start.plus(241 * MINUTE);
        let wants = |facts| wants_delay_notice(&settings(), &facts, late);
        assert!(wants(facts));
        assert!(!wants_delay_notice(&settings(), &facts, start.plus(MINUTE)));
        assert!(!wants(DelayFacts { already_notified: true, ..facts }));
        assert!(!wants(DelayFacts { has_null_path: true, ..facts }));
        assert!(!wants(DelayFacts { notify: Notify::NEVER, ..facts }));
        let never = RetrySettings { delay_notice_after: None, ..settings() };
        assert!(!wants_delay_notice(&never, &facts, late));
    }
}
