//! Durations and sizes as people write them.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

/// Longest first, so that `KiB` is not taken for `B`.
const SIZE_UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// `500ms`, `30s`, `5m`, `4h`, `5d`. `None` for anything else, a number without a unit included.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let (_, millis) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*millis).map(Duration::from_millis)
}

/// `64MiB`, `1GiB`, `500B`. Decimal units are not taken: nobody agrees on what `MB` is.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

/// In the largest unit that needs no fraction; `parse_duration` reads it back.
pub(crate) fn duration_text(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    for (name, factor) in
        [DURATION_UNITS[0], DURATION_UNITS[1], DURATION_UNITS[3], DURATION_UNITS[4]]
    {
        if millis >= factor && millis % factor == 0 {
            return format!("{}{name}", millis / factor);
        }
    }
    format!("{millis}ms")
}

/// In the largest unit that needs no fraction; `parse_size` reads it back.
pub(crate) fn size_text(bytes: u64) -> String {
    let fits = |factor: u64| bytes >= factor && bytes.is_multiple_of(factor);
    match SIZE_UNITS.iter().find(|(_, factor)| fits(*factor)) {
        Some((name, factor)) => format!("{}{name}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_needed_and_known() {
        assert_eq!(parse_duration("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("5 d"), Some(Duration::from_secs(432_000)));
        for bad in ["", "5", "s", "5x", "-5s", "5.5s", "99999999999999999999s", "ä"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert_eq!(parse_size("64mib"), Some(64 << 20));
        for bad in ["", "64", "64MB", "-1KiB", "20000000000TiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(number: u64) {
            let span = Duration::from_millis(number);
            prop_assert_eq!(parse_duration(&duration_text(span)), Some(span));
            prop_assert_eq!(parse_size(&size_text(number)), Some(number));
        }
    }
}
