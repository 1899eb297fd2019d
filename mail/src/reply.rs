//! SMTP replies: what a client hears from us, and what a next hop says to us.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// An enhanced status code, such as `5.1.1`.
///
/// Source: RFC 3463 §2; the registry is RFC 5248.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Enhanced {
    pub class: u8,
    pub subject: u16,
    pub detail: u16,
}

impl Enhanced {
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Enhanced {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |part: Option<&str>| {
            let part = part.filter(|it| (1..=3).contains(&it.len()))?;
            part.bytes().all(|it| it.is_ascii_digit()).then(|| part.parse::<u16>().ok())?
        };
        let mut parts = text.split('.');
        let class = number(parts.next()).filter(|it| matches!(it, 2 | 4 | 5)).ok_or(())?;
        let subject = number(parts.next()).ok_or(())?;
        let detail = number(parts.next()).ok_or(())?;
        if parts.next().is_some() {
            return Err(());
        }
        Ok(Self { class: class as u8, subject, detail })
    }
}

/// One reply. `text` has no code in front; several lines are separated by `\n`.
///
/// Source: RFC 5321 §4.2, RFC 2034 §4.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<Enhanced>,
    pub text: Cow<'static, str>,
}

impl Reply {
    /// A reply with an enhanced code, given as its three numbers.
    pub const fn new(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Self {
        Self {
            code,
            enhanced: Some(Enhanced::new(enhanced.0, enhanced.1, enhanced.2)),
            text: Cow::Borrowed(text),
        }
    }

    /// A reply that carries no enhanced code: banner, EHLO, 354.
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: None, text: text.into() }
    }

    pub fn with_text(
        code: u16,
        enhanced: (u8, u16, u16),
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (class, subject, detail) = enhanced;
        Self { code, enhanced: Some(Enhanced::new(class, subject, detail)), text: text.into() }
    }

    pub const fn is_positive(&self) -> bool {
        self.code >= 200 && self.code < 400
    }

    pub const fn is_transient(&self) -> bool {
        self.code >= 400 && self.code < 500
    }

    pub const fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Appends the reply as it goes over the wire. Bytes of `text` outside printable ASCII
    /// become `?`, so that nothing a peer said can end a line or start a second reply.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            put_decimal(self.code, out);
            out.push(if lines.peek().is_some() { b'-' } else { b' ' });
            if let Some(Enhanced { class, subject, detail }) = self.enhanced {
                for (number, end) in [(class.into(), b'.'), (subject, b'.'), (detail, b' ')] {
                    put_decimal(number, out);
                    out.push(end);
                }
            }
            out.extend(line.bytes().map(|it| if (0x20..0x7f).contains(&it) { it } else { b'?' }));
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends a number in decimal, without the detour over a string: replies are written often.
fn put_decimal(number: u16, out: &mut Vec<u8>) {
    if number >= 10 {
        put_decimal(number / 10, out);
    }
    out.push(b'0' + (number % 10) as u8);
}

/// On one line: `550 5.1.1 No such mailbox`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        for line in self.text.split('\n') {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_over_the_wire_line_by_line_and_cannot_be_split_by_its_text() {
        let mut out = Vec::new();
        Reply::with_text(550, (5, 1, 1), "no\r250 ok\nsecond").write_to(&mut out);
        assert_eq!(out, b"550-5.1.1 no?250 ok\r\n550 5.1.1 second\r\n");
        out.clear();
        Reply::with_text(451, (4, 7, 500), "").write_to(&mut out);
        assert_eq!(out, b"451 4.7.500 \r\n");
    }

    #[test]
    fn enhanced_codes_parse_strictly() {
        assert_eq!("5.7.64".parse(), Ok(Enhanced::new(5, 7, 64)));
        for bad in ["", "5", "5.1", "3.1.1", "5.1.1.1", "5.1.1000", "+5.1.1", "5..1"] {
            assert_eq!(bad.parse::<Enhanced>(), Err(()), "{bad}");
        }
    }
}
