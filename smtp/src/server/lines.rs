//! Command lines out of a stream, in bounded memory.

use std::borrow::Cow;

use memchr::memchr;

use super::command::is_bdat;
use super::fault::Fault;

/// Holds the beginning of a line whose end has not come yet, and nothing otherwise.
#[derive(Debug)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// The limit was passed; what comes up to the next LF is thrown away.
    overlong: bool,
    /// Octets of a line with its CRLF.
    max: usize,
}

impl Lines {
    pub(super) const fn new(max: usize) -> Self {
        Self { partial: Vec::new(), overlong: false, max }
    }

    /// The next line without its CRLF. `None` when its end is not in `input`, all of which is
    /// then used up. A line that ends in a bare LF, or is too long, is a fault and is used up too.
    pub(super) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Option<Result<Cow<'a, [u8]>, Fault>> {
        let Some(end) = memchr(b'\n', input) else {
            self.hold(input);
            *input = &[];
            return None;
        };
        let (head, rest) = input.split_at(end + 1);
        *input = rest;
        let too_long = self.overlong || self.partial.len() + head.len() > self.max;
        let line = if self.partial.is_empty() {
            Cow::Borrowed(head)
        } else {
            let mut line = std::mem::take(&mut self.partial);
            line.extend_from_slice(&head[..head.len().min(self.max)]);
            Cow::Owned(line)
        };
        self.overlong = false;
        Some(if too_long { Err(overlong(&line)) } else { ended(line) })
    }

    /// Whether a line has begun that is not finished.
    pub(super) fn is_open(&self) -> bool {
        self.overlong || !self.partial.is_empty()
    }

    fn hold(&mut self, input: &[u8]) {
        if self.partial.len() + input.len() <= self.max {
            self.partial.extend_from_slice(input);
            return;
        }
        // The first octets stay: they say whether this was to be a chunk.
        let room = 4_usize.saturating_sub(self.partial.len()).min(input.len());
        self.partial.extend_from_slice(&input[..room]);
        self.partial.truncate(4);
        self.overlong = true;
    }
}

fn overlong(line: &[u8]) -> Fault {
    if is_bdat(line) { Fault::ChunkSize } else { Fault::TooLong }
}

/// Takes the line end off, which must be CRLF.
fn ended(line: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, Fault> {
    if !line.ends_with(b"\r\n") {
        return Err(if is_bdat(&line) { Fault::ChunkSize } else { Fault::BareNewline });
    }
    let len = line.len() - 2;
    Ok(match line {
        Cow::Borrowed(line) => Cow::Borrowed(&line[..len]),
        Cow::Owned(mut line) => {
            line.truncate(len);
            Cow::Owned(line)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of a stream that comes in pieces.
    fn lines(max: usize, pieces: &[&[u8]]) -> Vec<Result<String, Fault>> {
        let mut lines = Lines::new(max);
        let mut all = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            while let Some(line) = lines.next(&mut input) {
                all.push(line.map(|it| String::from_utf8_lossy(&it).into_owned()));
            }
            assert!(lines.partial.capacity() <= 2 * max);
        }
        all
    }

    #[test]
    fn pieces_are_joined() {
        let whole = lines(64, &[b"NOOP\r\nRSET\r\n"]);
        assert_eq!(whole, [Ok("NOOP".into()), Ok("RSET".into())]);
        assert_eq!(lines(64, &[b"NO", b"OP\r", b"\nRSET\r\n"]), whole);
    }

    #[test]
    fn only_crlf_ends_a_line() {
        assert_eq!(lines(64, &[b"NOOP\n"]), [Err(Fault::BareNewline)]);
        assert_eq!(lines(64, &[b"\n"]), [Err(Fault::BareNewline)]);
        assert_eq!(lines(64, &[b"NO\rOP\r\n"]), [Ok("NO\rOP".into())]);
        assert_eq!(lines(64, &[b"BDAT 5\n"]), [Err(Fault::ChunkSize)]);
    }

    #[test]
    fn a_long_line_is_one_fault_in_any_pieces() {
        let long = [b'x'; 100];
        for pieces in [
            &[&long[..], b"\r\nNOOP\r\n"][..],
            &[&long[..7], &long[..7], b"\r\nNOOP\r\n"],
            &[&long, &long, &long, b"\n", b"NOOP\r\n"],
            &[&long[..7], &long, b"\r\nNOOP\r\n"],
        ] {
            assert_eq!(lines(10, pieces), [Err(Fault::TooLong), Ok("NOOP".into())]);
        }
        assert_eq!(lines(10, &[b"BD", b"AT 000000", b"0000000001\r\n"]), [Err(Fault::ChunkSize)]);
        assert_eq!(lines(6, &[b"NOOP\r\n"]), [Ok("NOOP".into())]);
        assert_eq!(lines(5, &[b"NOOP\r\n"]), [Err(Fault::TooLong)]);
    }
}
