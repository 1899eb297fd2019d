//! Freeze windows: when the table is left alone. Times are those of a place; the zones are in the
//! program, so that a host without them is none the worse.

use std::fmt;

use jiff::Zoned;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use mail::Timestamp;
use toml::Spanned;
use toml::de::DeValue;

use crate::key::Kind;
use crate::value::{Faults, Value};

/// `Mon-Fri 08:00-18:00 Europe/Berlin`, or `2026-12-20..2027-01-06 Europe/Berlin`.
#[derive(Clone, Debug, PartialEq)]
pub struct FreezeWindow {
    text: String,
    when: When,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq)]
enum When {
    /// On these days of the week, from and up to, but not including; over midnight if it ends before
    /// it begins.
    Weekly { days: Vec<Weekday>, from: Time, to: Time },
    /// Whole days, both included.
    Dates { first: Date, last: Date },
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl FreezeWindow {
    /// The error says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WANT: &str = "want \"Mon-Fri 08:00-18:00 Europe/Berlin\" or \"2026-12-20..2027-01-06 Europe/Berlin\"";
        let words: Vec<&str> = text.split_whitespace().collect();
        let (when, zone) = match words.as_slice() {
            [dates, zone @ ..] if dates.contains("..") => {
                (dates_of(dates).ok_or_else(|| WANT.to_owned())?, zone)
            }
            [days, times, zone @ ..] => (weekly(days, times).ok_or_else(|| WANT.to_owned())?, zone),
            _ => return Err(WANT.to_owned()),
        };
        let zone = match zone {
            [] => TimeZone::UTC,
            [name] => zone_named(name)?,
            _ => return Err(WANT.to_owned()),
        };
        Ok(Self { text: text.to_owned(), when, zone })
    }

    pub fn contains(&self, at: Timestamp) -> bool {
        let Some(now) = zoned(at, &self.zone) else { return false };
        match &self.when {
            When::Dates { first, last } => (*first..=*last).contains(&now.date()),
            When::Weekly { days, from, to } => {
                let (today, time) = (now.weekday(), now.time());
                if from <= to {
                    days.contains(&today) && *from <= time && time < *to
                } else {
                    (days.contains(&today) && *from <= time)
                        || (days.contains(&today.previous()) && time < *to)
                }
            }
        }
    }
}

impl fmt::Display for FreezeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Value for FreezeWindow {
    fn read(raw: &Spanned<DeValue<'_>>, _: Kind, faults: &mut Faults) -> Option<Self> {
        let text = raw.get_ref().as_str().unwrap_or_default();
        Self::parse(text).map_err(|message| faults.0.push((raw.span().start, message))).ok()
    }

    fn placeholder() -> Self {
        let when = When::Weekly { days: Vec::new(), from: Time::MIN, to: Time::MIN };
        Self { text: String::new(), when, zone: TimeZone::UTC }
    }
}

fn zone_named(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| format!("there is no time zone {name}; want one as in Europe/Berlin"))
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let micros = i64::try_from(at.as_micros()).ok()?;
    Some(jiff::Timestamp::from_microsecond(micros).ok()?.to_zoned(zone.clone()))
}

fn dates_of(text: &str) -> Option<When> {
    let (first, last) = text.split_once("..")?;
    let (first, last): (Date, Date) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(When::Dates { first, last })
}

fn weekly(days: &str, times: &str) -> Option<When> {
    let (from, to) = times.split_once('-')?;
    let (from, to) = (time(from)?, time(to)?);
    let mut list = Vec::new();
    if days.eq_ignore_ascii_case("daily") {
        list.extend(DAYS.map(|(_, day)| day));
    } else {
        for part in days.split(',') {
            match part.split_once('-') {
                None => list.push(day(part)?),
                Some((first, last)) => {
                    let (mut it, last) = (day(first)?, day(last)?);
                    list.push(it);
                    while it != last {
                        it = it.next();
                        list.push(it);
                    }
                }
            }
        }
    }
    (from != to).then_some(When::Weekly { days: list, from, to })
}

fn day(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, day)| *day)
}

/// `24:00` is the end of the day, which is as good as its beginning here.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let hour: i8 = hour.parse().ok()?;
    Time::new(hour % 24, minute.parse().ok()?, 0, 0).ok().filter(|_| (0..=24).contains(&hour))
}

/// A point in time as an operator writes it: RFC 3339, or local with the name of a zone (UTC if
/// there is none).
pub fn parse_time(text: &str, zone: Option<&str>) -> Result<Timestamp, String> {
    let micros = |it: i64| u64::try_from(it).map(Timestamp::from_micros).map_err(|_| BEFORE.into());
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return micros(at.as_microsecond());
    }
    let zone = zone.map_or(Ok(TimeZone::UTC), zone_named)?;
    let local: jiff::civil::DateTime = text.parse().map_err(|_| {
        format!("want a time as in 2026-11-28T22:00, or 2026-11-28T22:00:00Z, not {text:?}")
    })?;
    let at = local.to_zoned(zone).map_err(|it| it.to_string())?;
    micros(at.timestamp().as_microsecond())
}

const BEFORE: &str = "that is before 1970";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_time(text, None).unwrap()
    }

    #[test]
    fn office_hours_follow_the_clocks_of_the_place() {
        let window = FreezeWindow::parse("Mon-Fri 08:00-18:00 Europe/Berlin").unwrap();
        // 08:00 in Berlin is 06:00 UTC in summer and 07:00 in winter.
        for (when, inside) in [
            ("2026-07-01T06:00:00Z", true),
            ("2026-07-01T05:59:59Z", false),
            ("2026-11-25T06:59:59Z", false),
            ("2026-11-25T07:00:00Z", true),
            ("2026-11-25T16:59:59Z", true),
            ("2026-11-25T17:00:00Z", false),
            ("2026-11-28T10:00:00Z", false),
        ] {
            assert_eq!(window.contains(at(when)), inside, "{when}");
        }
    }

    #[test]
    fn a_window_may_go_over_midnight_and_over_new_year() {
        let night = FreezeWindow::parse("Fri,Sun 22:00-06:00").unwrap();
        assert!(night.contains(at("2026-11-27T23:00:00Z")), "Friday");
        assert!(night.contains(at("2026-11-28T05:59:00Z")), "the morning after");
        assert!(!night.contains(at("2026-11-28T23:00:00Z")), "Saturday");
        let year = FreezeWindow::parse("2026-12-20..2027-01-06 Europe/Berlin").unwrap();
        assert!(year.contains(at("2026-12-19T23:00:00Z")), "midnight in Berlin");
        assert!(!year.contains(at("2026-12-19T22:59:00Z")));
        assert!(year.contains(at("2027-01-06T22:59:00Z")));
        assert!(!year.contains(at("2027-01-06T23:00:00Z")));
        assert!(FreezeWindow::parse("daily 00:00-24:00").is_err(), "for ever is no window");
    }

    #[test]
    fn what_is_no_window_is_explained() {
        for wrong in ["", "Mon", "Mon-Fry 08:00-18:00", "Mon 8-18", "Mon 08:00-18:00 Berlin x"] {
            assert!(FreezeWindow::parse(wrong).unwrap_err().starts_with("want"), "{wrong}");
        }
        let error = FreezeWindow::parse("Mon 08:00-18:00 Europe/Atlantis").unwrap_err();
        assert!(error.contains("no time zone Europe/Atlantis"), "{error}");
    }

    #[test]
    fn a_local_time_wants_a_zone() {
        let berlin = parse_time("2026-11-28T22:00", Some("Europe/Berlin")).unwrap();
        assert_eq!(berlin, at("2026-11-28T21:00:00Z"));
        assert_eq!(parse_time("2026-11-28T22:00", None).unwrap(), at("2026-11-28T22:00:00Z"));
        assert!(parse_time("tomorrow", None).is_err());
    }
}
