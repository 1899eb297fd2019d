//! Wall-clock time as a number. Nobody here asks for it: `now` is always an argument.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z. For what is written down; never for timeouts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Times before 1970 count as 1970.
    pub fn from_system(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// Zero when `earlier` is later: clocks step back.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    fn zoned(self) -> jiff::Zoned {
        let micros = i64::try_from(self.0).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
        time.to_zoned(jiff::tz::TimeZone::UTC)
    }

    /// `Wed, 25 Nov 2026 21:36:49 +0000`, for `Date` and `Received`.
    ///
    /// Source: RFC 5322 §3.3. Always UTC: a trace in one zone is easier to read across sites.
    pub fn rfc5322(self) -> String {
        self.zoned().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("want a time as in 2026-11-25T21:36:49Z")]
pub struct NotATime;

/// RFC 3339, in any zone; what is finer than a microsecond is cut off, before 1970 is an error.
impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        u64::try_from(time.as_microsecond()).map(Self).map_err(|_| NotATime)
    }
}

/// `2026-11-25T21:36:49.123456Z`
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.zoned().strftime("%Y-%m-%dT%H:%M:%S.%6fZ"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_the_formats_demand() {
        let time = Timestamp::from_micros(1_764_106_609_000_042);
        assert_eq!(time.rfc5322(), "Tue, 25 Nov 2025 21:36:49 +0000");
        assert_eq!(time.to_string(), "2025-11-25T21:36:49.000042Z");
        assert_eq!(Timestamp::from_micros(u64::MAX).to_string().len(), 27);
    }
}
