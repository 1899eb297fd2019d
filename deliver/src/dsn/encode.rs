//! Text that must not break the message around it.

/// Longest line of a message without its line end. RFC 5322 §2.1.1.
pub(super) const LINE_MAX: usize = 998;

/// Where folded fields and quoted-printable lines end.
const LINE_NICE: usize = 76;

/// Can stand in a part without any encoding.
pub(super) fn is_ascii_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() && is_mail_text(bytes)
}

/// CRLF line ends only, no NUL, no line too long: can stand in a part as it is, given eight bits.
pub(super) fn is_mail_text(bytes: &[u8]) -> bool {
    let lines = bytes.split(|&it| it == b'\n');
    let n_lines = lines.clone().count();
    lines.enumerate().all(|(n, line)| {
        let is_last = n + 1 == n_lines;
        let line = match line.strip_suffix(b"\r") {
            Some(line) if !is_last => line,
            None if is_last => line,
            _ => return false,
        };
        line.len() <= LINE_MAX && memchr::memchr2(b'\r', 0, line).is_none()
    })
}

/// `text` on one line: control characters become blanks.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

/// Appends `name: value`, folded at blanks, and within a word where it must be. What is not
/// ASCII becomes `?` unless `eight_bit`.
pub(super) fn push_field(out: &mut Vec<u8>, name: &str, value: &str, eight_bit: bool) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = name.len() + 1;
    for word in one_line(value).split(' ').filter(|it| !it.is_empty()) {
        if column + 1 + word.len() > LINE_NICE && column > name.len() + 1 {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        column += 1;
        for c in word.chars() {
            let c = if c.is_ascii() || eight_bit { c } else { '?' };
            if column + c.len_utf8() > LINE_MAX - 2 {
                out.extend_from_slice(b"\r\n ");
                column = 1;
            }
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            column += c.len_utf8();
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends text with CRLF line ends in quoted-printable. RFC 2045 §6.7.
pub(super) fn push_quoted_printable(out: &mut Vec<u8>, text: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut column = 0;
    let mut rest = text;
    while let [octet, after @ ..] = rest {
        if rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            (rest, column) = (&rest[2..], 0);
            continue;
        }
        let ends_line = after.is_empty() || after.starts_with(b"\r\n");
        let is_plain = match octet {
            b'=' => false,
            b' ' | b'\t' => !ends_line,
            _ => (b'!'..=b'~').contains(octet),
        };
        let width = if is_plain { 1 } else { 3 };
        if column + width > LINE_NICE - 1 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if is_plain {
            out.push(*octet);
        } else {
            let (high, low) = (usize::from(octet >> 4), usize::from(octet & 15));
            out.extend_from_slice(&[b'=', DIGITS[high], DIGITS[low]]);
        }
        column += width;
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clean_text_passes_as_it_is() {
        for good in ["", "a", "a\r\n", "\r\n\r\n", "a\r\nb"] {
            assert!(is_ascii_text(good.as_bytes()), "{good:?}");
        }
        let long = "a".repeat(999);
        for bad in ["\n", "a\nb", "a\rb\r\n", "\r", "a\0", "\u{e4}", &long] {
            assert!(!is_ascii_text(bad.as_bytes()), "{bad:?}");
        }
        assert!(is_mail_text("\u{e4}\r\n".as_bytes()));
    }

    #[test]
    fn fields_are_folded_and_cannot_start_another() {
        let field = |value: &str| {
            let mut out = Vec::new();
            push_field(&mut out, "X", value, false);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field("a\r\nY: b\u{e4}"), "X: a Y: b?\r\n");
        let folded = field(&"word ".repeat(40));
        assert!(folded.lines().all(|it| it.len() <= LINE_NICE), "{folded}");
        let long = field(&"w".repeat(3000));
        assert!(long.lines().all(|it| it.len() <= LINE_MAX));
        assert_eq!(long.matches('w').count(), 3000);
    }

    #[test]
    fn quoted_printable_keeps_lines_short() {
        let encode = |text: &str| {
            let mut out = Vec::new();
            push_quoted_printable(&mut out, text.as_bytes());
            String::from_utf8(out).unwrap()
        };
        assert_eq!(encode("a=b \r\n\u{e4}\0"), "a=3Db=20\r\n=C3=A4=00");
        assert!(encode(&"x".repeat(500)).lines().all(|it| it.len() <= LINE_NICE));
    }
}
