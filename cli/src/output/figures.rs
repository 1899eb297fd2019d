//! Numbers, spans and strangers' words as a person reads them.

use std::fmt::Write as _;

/// `3 h 12 min`: the two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// `12.4 KiB`.
pub(crate) fn bytes(n_bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n_bytes < 1024 {
        return format!("{n_bytes} B");
    }
    let mut value = n_bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `1 message`, `2,000 messages`, `3 mailboxes`, `4 deliveries`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let nouns = match noun.strip_suffix('y') {
        _ if number == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with('x') => format!("{noun}es"),
        None => format!("{noun}s"),
    };
    format!("{} {nouns}", grouped(number))
}

/// `2,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// An RFC 3339 time without its fraction: `2026-01-05 08:00:00Z`.
pub(crate) fn clock(time: &str) -> String {
    match time.split_once('T') {
        Some((date, rest)) => {
            let seconds = rest.split(['.', 'Z']).next().unwrap_or(rest);
            format!("{date} {seconds}Z")
        }
        None => printable(time),
    }
}

/// What a stranger wrote, made harmless for a terminal: control characters, and those that turn
/// the direction of writing around, are shown as `\u{…}`.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        let turns = matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if it.is_control() || turns {
            let _ = write!(out, "{}", it.escape_unicode());
        } else {
            out.push(it);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_two_units() {
        let shown = [0, 59, 60, 3_599, 3_600, 11_520, 86_400, 200_000].map(span);
        let wanted = [
            "0 s",
            "59 s",
            "1 min 0 s",
            "59 min 59 s",
            "1 h 0 min",
            "3 h 12 min",
            "1 d 0 h",
            "2 d 7 h",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!([0, 1023, 1536, 5 << 30].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(count(1_234_567, "message"), "1,234,567 messages");
        assert_eq!(count(999, "entry"), "999 entries");
        assert_eq!(count(0, "mailbox"), "0 mailboxes");
    }

    #[test]
    fn a_reply_cannot_drive_the_terminal() {
        assert_eq!(printable("550 \x1b[2Jno"), "550 \\u{1b}[2Jno");
        assert_eq!(printable("a\u{202e}b\r\n"), "a\\u{202e}b\\u{d}\\u{a}");
        assert_eq!(printable("grün"), "grün");
    }

    #[test]
    fn times_lose_their_fraction() {
        assert_eq!(clock("2026-01-05T08:00:00.123456Z"), "2026-01-05 08:00:00Z");
        assert_eq!(clock("soon"), "soon");
    }
}
