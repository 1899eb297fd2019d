//! Reads replies from a peer that is not trusted.

use mail::{Enhanced, Reply};

/// Longest reply line, in octets with its line end. RFC 5321 §4.5.3.1.5 asks for 512; Exchange
/// Online's diagnostics run past that.
const LINE_MAX: usize = 2048;

/// Longest reply, in octets over all its lines.
const REPLY_MAX: usize = 64 * 1024;

/// Octets of a malformed line that an error quotes.
const QUOTE_MAX: usize = 80;

/// The peer's bytes are no reply. The connection is of no use afterwards: nobody can tell where
/// the next reply starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("a reply line is longer than {LINE_MAX} octets")]
    LineTooLong,
    #[error("a reply is longer than {REPLY_MAX} octets")]
    TooLong,
    #[error("not an SMTP reply: {0:?}")]
    Malformed(String),
    #[error("a reply began with {first} and went on with {then}")]
    CodeChanged { first: u16, then: u16 },
}

/// Turns a byte stream into replies, one at a time, in bounded memory.
///
/// Lines may end in a bare LF: our commands cannot carry one, so a peer that echoes them gains
/// nothing by it, and mail to sloppy servers is not lost. Anything that is not printable in the
/// text becomes `?`, because replies end up in logs, in the ledger and in DSNs.
///
/// Source: RFC 5321 §4.2, RFC 2034 §4.
#[derive(Debug, Default)]
pub struct ReplyParser {
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    /// What the lines so far add up to.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    code: u16,
    enhanced: Option<Enhanced>,
    text: String,
    n_octets: usize,
}

impl ReplyParser {
    /// Takes octets from the front of `input` up to the end of one reply. Says how many were
    /// taken; with no reply, all of them were.
    pub fn push(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>), ReplyError> {
        let mut taken = 0;
        while let Some(length) = memchr::memchr(b'\n', &input[taken..]) {
            let piece = &input[taken..taken + length];
            taken += length + 1;
            if let Some(reply) = self.end_line(piece)? {
                return Ok((taken, Some(reply)));
            }
        }
        let rest = &input[taken..];
        if self.line.len() + rest.len() >= LINE_MAX {
            return Err(ReplyError::LineTooLong);
        }
        self.line.extend_from_slice(rest);
        Ok((input.len(), None))
    }

    /// Nothing of a further reply has come yet.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty() && self.open.is_none()
    }

    fn end_line(&mut self, piece: &[u8]) -> Result<Option<Reply>, ReplyError> {
        if self.line.len() + piece.len() >= LINE_MAX {
            return Err(ReplyError::LineTooLong);
        }
        if self.line.is_empty() {
            return add_line(&mut self.open, piece);
        }
        self.line.extend_from_slice(piece);
        let result = add_line(&mut self.open, &self.line);
        self.line.clear();
        result
    }
}

/// Adds one line, without its LF, to the reply; gives it out when the line was its last.
fn add_line(open: &mut Option<Open>, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
    let n_octets = line.len() + 1;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (code, is_last, text) = split(line).ok_or_else(|| malformed(line))?;
    let mut reply = match open.take() {
        None => first_line(code, text),
        Some(it) if it.code != code => {
            return Err(ReplyError::CodeChanged { first: it.code, then: code });
        }
        Some(mut it) => {
            it.text.push('\n');
            push_clean(&mut it.text, strip_enhanced(text, it.enhanced));
            it
        }
    };
    reply.n_octets += n_octets;
    if reply.n_octets > REPLY_MAX {
        return Err(ReplyError::TooLong);
    }
    if !is_last {
        *open = Some(reply);
        return Ok(None);
    }
    Ok(Some(Reply { code: reply.code, enhanced: reply.enhanced, text: reply.text.into() }))
}

fn first_line(code: u16, text: &[u8]) -> Open {
    let token = text.split(|&it| it == b' ').next().unwrap_or_default();
    let enhanced = std::str::from_utf8(token).ok().and_then(|it| it.parse::<Enhanced>().ok());
    let rest = strip_enhanced(text, enhanced);
    let mut clean = String::with_capacity(rest.len());
    push_clean(&mut clean, rest);
    Open { code, enhanced, text: clean, n_octets: 0 }
}

/// Code, whether the line is the last one, and the text after the separator.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
        return None;
    }
    let code = digits.iter().fold(0, |sum, &it| sum * 10 + u16::from(it - b'0'));
    match rest.split_first() {
        None => Some((code, true, &[])),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

/// The text without the enhanced code that stands in front of it, if it is `enhanced`.
fn strip_enhanced(text: &[u8], enhanced: Option<Enhanced>) -> &[u8] {
    let Some(enhanced) = enhanced else { return text };
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let (token, rest) = text.split_at(end);
    let is_same = std::str::from_utf8(token).is_ok_and(|it| it.parse() == Ok(enhanced));
    if is_same { rest.strip_prefix(b" ").unwrap_or(rest) } else { text }
}

fn push_clean(out: &mut String, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        out.extend(chunk.valid().chars().map(|it| if it.is_control() { '?' } else { it }));
        out.extend(chunk.invalid().iter().map(|_| '?'));
    }
}

fn malformed(line: &[u8]) -> ReplyError {
    let mut quote = String::new();
    push_clean(&mut quote, &line[..line.len().min(QUOTE_MAX)]);
    ReplyError::Malformed(quote)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(input: &[u8]) -> (Vec<Reply>, Option<ReplyError>) {
        in_pieces(&[input])
    }

    fn in_pieces(pieces: &[&[u8]]) -> (Vec<Reply>, Option<ReplyError>) {
        let mut parser = ReplyParser::default();
        let mut replies = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                match parser.push(rest) {
                    Ok((taken, reply)) => {
                        replies.extend(reply);
                        rest = &rest[taken..];
                    }
                    Err(error) => return (replies, Some(error)),
                }
            }
        }
        (replies, None)
    }

    fn one(input: &str) -> String {
        let (replies, error) = all(input.as_bytes());
        assert_eq!((replies.len(), error), (1, None), "{input:?}");
        format!("{:?}|{}", replies[0].enhanced, replies[0].text)
    }

    #[test]
    fn a_reply_is_code_enhanced_code_and_text() {
        assert_eq!(one("250 2.1.5 Recipient OK\r\n"), "Some(2.1.5)|Recipient OK");
        assert_eq!(one("250\r\n"), "None|");
        assert_eq!(one("250 \r\n"), "None|");
        assert_eq!(one("550 5.1.1\r\n"), "Some(5.1.1)|");
        assert_eq!(one("220 10.0.0.1 ready\r\n"), "None|10.0.0.1 ready");
        assert_eq!(one("250 sloppy\n"), "None|sloppy");
        assert_eq!(one("554 4.3.2 busy\r\n"), "Some(4.3.2)|busy");
    }

    #[test]
    fn lines_of_one_reply_are_joined_and_repeat_the_enhanced_code_or_not() {
        assert_eq!(one("550-5.7.1 no\r\n550 5.7.1 never\r\n"), "Some(5.7.1)|no\nnever");
        assert_eq!(one("550-5.7.1 no\r\n550 never\r\n"), "Some(5.7.1)|no\nnever");
        assert_eq!(one("250-mx\r\n250-SIZE 5\r\n250 DSN\r\n"), "None|mx\nSIZE 5\nDSN");
    }

    #[test]
    fn what_is_not_printable_is_replaced() {
        let (replies, _) = all(b"550 a\0b\rc\x1b[31m \xff \xc3\xa4\r\n");
        assert_eq!(replies[0].text, "a?b?c?[31m ? \u{e4}");
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        let error = |input: &[u8]| all(input).1;
        for bad in ["\r\n", "25\r\n", "HTTP/1.1 400 Bad\r\n", "150 x\r\n", "600 x\r\n", "250x\r\n"]
        {
            assert!(matches!(error(bad.as_bytes()), Some(ReplyError::Malformed(_))), "{bad:?}");
        }
        let changed = ReplyError::CodeChanged { first: 250, then: 550 };
        assert_eq!(error(b"250-a\r\n550 b\r\n"), Some(changed));
        assert_eq!(error(&[b'2'; 3000]), Some(ReplyError::LineTooLong));
        let endless = b"250-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(2000);
        assert_eq!(error(&endless), Some(ReplyError::TooLong));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_replies(
            lines in prop::collection::vec("(250|550|421|25|9)[- x](2\\.1\\.0 )?[ -~\u{e4}\u{7f}]{0,12}(\r\n|\n|\r)", 0..12),
            cuts in prop::collection::vec(0_usize..200, 0..8),
        ) {
            let whole = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|it| it.min(whole.len())).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|it| &whole[it[0]..it[1]]).collect();
            prop_assert_eq!(in_pieces(&pieces), all(&whole));
        }

        #[test]
        fn no_bytes_make_it_panic(input in prop::collection::vec(any::<u8>(), 0..5000)) {
            let (replies, _) = all(&input);
            for reply in replies {
                prop_assert!((200..600).contains(&reply.code));
                prop_assert!(!reply.text.chars().any(|it| it.is_control() && it != '\n'));
            }
        }
    }
}
