//! Reads `tests/transcripts/*.smtp`: dialogues that are run against [`super::Session`] here and
//! against the real binary over TCP. The format is described in `tests/transcripts/README.md`.

use std::collections::VecDeque;

/// One line of a file that means something, with its number, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub number: usize,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `C:` with CRLF, or `C>` without: octets that the client sends. Those of neighbouring
    /// lines go out in one write.
    Client(Vec<u8>),
    /// `S:`
    Server(Expect),
    /// `M:` a line of the message that was stored last, with its CRLF, without trace fields.
    Message(Vec<u8>),
    /// `--` and words: a setting before the dialogue, or something that happens during it.
    Event(Vec<String>),
}

/// What the next reply must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Exactly this line.
    Line(String),
    /// `S: text*`: a line that begins so.
    Prefix(String),
    /// `S: 250 ...`: a whole reply with this code, of any text and number of lines.
    Reply(String),
}

/// The lines of a file, or what is wrong with it and where.
pub fn parse(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let what = match line.split_at_checked(2) {
            None => continue,
            Some(("C:", rest)) => What::Client([octets(rest, number)?, b"\r\n".to_vec()].concat()),
            Some(("C>", rest)) => What::Client(octets(rest, number)?),
            Some(("S:", rest)) => What::Server(expect(rest)),
            Some(("M:", rest)) => What::Message([octets(rest, number)?, b"\r\n".to_vec()].concat()),
            Some(("--", rest)) => What::Event(rest.split_whitespace().map(Into::into).collect()),
            _ if line.starts_with('#') => continue,
            _ => return Err(format!("line {number}: begins with none of # C: C> S: M: --")),
        };
        lines.push(Line { number, what });
    }
    Ok(lines)
}

fn expect(rest: &str) -> Expect {
    let text = rest.strip_prefix(' ').unwrap_or(rest);
    if let Some(code) = text.strip_suffix(" ...") {
        Expect::Reply(code.into())
    } else if let Some(prefix) = text.strip_suffix('*') {
        Expect::Prefix(prefix.into())
    } else {
        Expect::Line(text.into())
    }
}

/// One space after the mark is not part of the text. `\r \n \0 \t \\ \xHH` are octets;
/// `\*N` repeats the octet before it to N in all.
fn octets(rest: &str, number: usize) -> Result<Vec<u8>, String> {
    let bad = || format!("line {number}: bad escape");
    let mut out = Vec::new();
    let mut bytes = rest.strip_prefix(' ').unwrap_or(rest).bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next().ok_or_else(bad)? {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'0' => out.push(0),
            b'\\' => out.push(b'\\'),
            b'x' => {
                let digits = [bytes.next().ok_or_else(bad)?, bytes.next().ok_or_else(bad)?];
                let digits = std::str::from_utf8(&digits).map_err(|_| bad())?;
                out.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
            }
            b'*' => {
                let mut n = 0_usize;
                while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
                    n = n.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
                }
                let last = *out.last().ok_or_else(bad)?;
                out.resize((out.len() + n.min(1 << 24)).saturating_sub(1), last);
            }
            _ => return Err(bad()),
        }
    }
    Ok(out)
}

impl Expect {
    /// Takes what is expected from the front of `replies`, lines without their CRLF.
    pub fn take(&self, replies: &mut VecDeque<String>) -> Result<(), String> {
        let first = replies.pop_front().ok_or_else(|| format!("want {self:?}, got no reply"))?;
        let fits = match self {
            Self::Line(text) => first == *text,
            Self::Prefix(text) => first.starts_with(text.as_str()),
            Self::Reply(code) => first.starts_with(code.as_str()),
        };
        if !fits {
            return Err(format!("want {self:?}, got {first:?}"));
        }
        if matches!(self, Self::Reply(_)) {
            let mut line = first;
            while line.as_bytes().get(3) == Some(&b'-') {
                line = replies.pop_front().ok_or("reply ends in the middle")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_escapes() {
        let lines = parse("# x\n\n-- limit errors 2\nC: a\\r\\x41\\\\\nC> b\\*3\nS: 250 ...\n");
        let what: Vec<What> = lines.unwrap().into_iter().map(|it| it.what).collect();
        assert_eq!(
            what,
            [
                What::Event(vec!["limit".into(), "errors".into(), "2".into()]),
                What::Client(b"a\rA\\\r\n".to_vec()),
                What::Client(b"bbb".to_vec()),
                What::Server(Expect::Reply("250".into())),
            ]
        );
        for bad in ["X: a", "C: \\q", "C: \\x4", "C: \\*3"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn replies_are_taken_line_by_line_or_whole() {
        let mut replies: VecDeque<String> =
            ["250-a", "250-b", "250 c", "354 go"].map(Into::into).into();
        assert_eq!(Expect::Prefix("250-".into()).take(&mut replies), Ok(()));
        assert_eq!(Expect::Reply("250".into()).take(&mut replies), Ok(()));
        assert!(Expect::Line("355 go".into()).take(&mut replies).is_err());
        assert!(Expect::Line("".into()).take(&mut replies).is_err());
    }
}
