//! The reader of DATA: finds the end, takes the dots off, and notices what must not be there.

use memchr::memchr3;

/// What to do with CR or LF that stand alone, and with NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BareNewline {
    /// Read to the real end, then refuse the message: for strangers.
    #[default]
    Reject,
    /// Make CRLF of each; NUL is kept. The end is found first, in the bytes as they came.
    Normalize,
}

/// Only `CRLF . CRLF` ends the data, the first CRLF of which may be that of DATA itself. A bare
/// LF or CR never starts a line, so nothing that another server takes for an end is one for us.
///
/// Source: RFC 5321 §4.1.1.4, §4.5.2; CVE-2023-51764, -51765, -51766.
#[derive(Debug)]
pub struct DataReader {
    place: Place,
    bare_newline: BareNewline,
    /// Octets of the line so far, without its CRLF.
    line: u64,
    line_max: u64,
    /// How many decoded octets may still be kept.
    room: u64,
    /// Why nothing is kept any more.
    flaw: Option<Flaw>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// After CRLF, or at the very start.
    LineStart,
    /// After the dot of a line start; it is dropped whatever comes.
    Dot,
    /// After dot and CR of a line start; the CR is not kept yet.
    DotCr,
    Text,
    /// After a CR; it is kept already.
    Cr,
}

/// What makes a message unacceptable as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    BareNewline,
    Nul,
    LineTooLong,
    TooBig,
}

/// How far [`DataReader::feed`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    pub used: usize,
    pub is_end: bool,
}

impl DataReader {
    /// `size_max` counts decoded octets; `line_max` those of a line without CRLF.
    pub fn new(bare_newline: BareNewline, size_max: u64, line_max: u64) -> Self {
        Self {
            place: Place::LineStart,
            bare_newline,
            line: 0,
            line_max,
            room: size_max,
            flaw: None,
        }
    }

    pub const fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Keeps nothing from now on: the message was refused for another reason.
    pub fn discard(&mut self) {
        self.fail(Flaw::TooBig);
    }

    /// Decodes `input` to the end of `out`. Any way to cut the input gives the same result.
    /// After a flaw it goes on to look for the end and keeps nothing.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Fed {
        let mut at = 0;
        let mut from = 0;
        while let Some(&byte) = input.get(at) {
            match (self.place, byte) {
                (Place::LineStart, b'.') => {
                    self.keep(&input[from..at], out);
                    at += 1;
                    from = at;
                    self.place = Place::Dot;
                }
                (Place::Dot, b'\r') => {
                    at += 1;
                    from = at;
                    self.place = Place::DotCr;
                }
                (Place::DotCr, b'\n') => return Fed { used: at + 1, is_end: true },
                (Place::DotCr, _) => {
                    self.keep(b"\r", out);
                    self.bare(&mut from, at, &[], out);
                }
                (Place::Cr, b'\n') => {
                    at += 1;
                    self.end_line();
                }
                (Place::Cr, _) => {
                    let pending = &input[from..at];
                    self.bare(&mut from, at, pending, out);
                }
                (Place::Dot | Place::LineStart | Place::Text, _) => {
                    at = self.text(input, at, &mut from, out);
                }
            }
        }
        self.keep(&input[from..], out);
        Fed { used: input.len(), is_end: false }
    }

    /// Runs to the next CR, LF or NUL at or after `at`; gives the place behind it.
    fn text(&mut self, input: &[u8], at: usize, from: &mut usize, out: &mut Vec<u8>) -> usize {
        let rest = &input[at..];
        let found = memchr3(b'\r', b'\n', 0, rest);
        let run = found.unwrap_or(rest.len());
        self.line = self.line.saturating_add(run as u64);
        if self.line > self.line_max {
            self.fail(Flaw::LineTooLong);
        }
        self.place = Place::Text;
        let here = at + run;
        match rest.get(run) {
            None => here,
            Some(b'\r') if rest.get(run + 1) == Some(&b'\n') => {
                self.end_line();
                here + 2
            }
            Some(b'\r') => {
                self.place = Place::Cr;
                here + 1
            }
            Some(b'\n') if self.bare_newline == BareNewline::Normalize => {
                self.keep(&input[*from..here], out);
                self.keep(b"\r\n", out);
                *from = here + 1;
                self.line = 0;
                here + 1
            }
            Some(b'\n') => {
                self.fail(Flaw::BareNewline);
                here + 1
            }
            Some(_) => {
                if self.bare_newline == BareNewline::Reject {
                    self.fail(Flaw::Nul);
                }
                here + 1
            }
        }
    }

    /// The CR before `at` turned out to stand alone; `pending` is what precedes `at` unkept.
    fn bare(&mut self, from: &mut usize, at: usize, pending: &[u8], out: &mut Vec<u8>) {
        self.keep(pending, out);
        *from = at;
        self.place = Place::Text;
        match self.bare_newline {
            BareNewline::Normalize => {
                self.keep(b"\n", out);
                self.line = 0;
            }
            BareNewline::Reject => self.fail(Flaw::BareNewline),
        }
    }

    fn end_line(&mut self) {
        self.place = Place::LineStart;
        self.line = 0;
    }

    /// The first flaw counts, except that size yields to any other: it is noticed when bytes are
    /// kept, which is later than they are looked at, and the answer must not depend on packets.
    fn fail(&mut self, flaw: Flaw) {
        if matches!(self.flaw, None | Some(Flaw::TooBig)) {
            self.flaw = Some(flaw);
        }
    }

    fn keep(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.flaw.is_some() || bytes.is_empty() {
            return;
        }
        match self.room.checked_sub(bytes.len() as u64) {
            Some(room) => {
                self.room = room;
                out.extend_from_slice(bytes);
            }
            None => self.fail(Flaw::TooBig),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reader(bare: BareNewline) -> DataReader {
        DataReader::new(bare, 1 << 20, 998)
    }

    /// What is kept, the flaw, and what was left unread behind the end.
    fn read(bare: BareNewline, input: &[u8]) -> (Vec<u8>, Option<Flaw>, Option<&[u8]>) {
        let (mut reader, mut out) = (reader(bare), Vec::new());
        let fed = reader.feed(input, &mut out);
        (out, reader.flaw(), fed.is_end.then(|| &input[fed.used..]))
    }

    #[test]
    fn ends_and_dots() {
        for (input, want) in [
            (&b".\r\n"[..], &b""[..]),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b".a\r\n.\r\n", b"a\r\n"),
            (b"a.\r\n.b.\r\n\r\n.\r\n", b"a.\r\nb.\r\n\r\n"),
            (b"...\r\n.\r\n", b"..\r\n"),
        ] {
            let (out, flaw, rest) = read(BareNewline::Reject, input);
            assert_eq!((out.as_slice(), flaw, rest), (want, None, Some(&b""[..])), "{input:?}");
        }
        assert_eq!(read(BareNewline::Reject, b".\r\nQUIT\r\n").2, Some(&b"QUIT\r\n"[..]));
    }

    /// Every ending that some server has taken for the end of data, at the start of the data, in
    /// the middle and before the real end.
    #[test]
    fn no_smuggling_vector_ends_the_data() {
        let vectors: [&[u8]; 12] = [
            b"\n.\n",
            b"\n.\r",
            b"\r.\n",
            b"\r.\r",
            b"\n.\r\n",
            b"\r.\r\n",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r\n\0.\r\n",
            b"\r\n.\r\r\n",
            b"\r\r\n.\r\r\n",
            b"\r\n.\0\r\n",
        ];
        for vector in vectors {
            for before in [&b""[..], b"Subject: x\r\n\r\nhello"] {
                let mut input = [before, vector, b"MAIL FROM:<evil@x>\r\n"].concat();
                assert_eq!(read(BareNewline::Reject, &input).2, None, "{vector:?}");
                assert_eq!(read(BareNewline::Normalize, &input).2, None, "{vector:?}");
                input.extend_from_slice(b".\r\n");
                let (_, flaw, rest) = read(BareNewline::Reject, &input);
                assert_eq!(rest, Some(&b""[..]), "{vector:?}");
                assert!(flaw.is_some(), "{vector:?}");
            }
        }
    }

    #[test]
    fn bare_newlines_become_lines_when_asked() {
        for (input, want) in [
            (&b"a\nb\rc\r\n.\r\n"[..], &b"a\r\nb\r\nc\r\n"[..]),
            (b"a\n.\nb\r\n.\r\n", b"a\r\n.\r\nb\r\n"),
            (b".\rx\r\n.\r\n", b"\r\nx\r\n"),
            (b"a\r\r\n.\r\n", b"a\r\n\r\n"),
        ] {
            let (out, flaw, _) = read(BareNewline::Normalize, input);
            assert_eq!((out.as_slice(), flaw), (want, None), "{input:?}");
        }
    }

    #[test]
    fn limits_are_on_lines_and_on_the_whole() {
        let long = [vec![b'x'; 999], b"\r\n.\r\n".to_vec()].concat();
        assert_eq!(read(BareNewline::Reject, &long).1, Some(Flaw::LineTooLong));
        assert_eq!(read(BareNewline::Reject, &long[1..]).1, None);
        let mut small = DataReader::new(BareNewline::Reject, 5, 998);
        let mut out = Vec::new();
        assert!(small.feed(b"abc\r\nd\r\n.\r\n", &mut out).is_end);
        assert_eq!(small.flaw(), Some(Flaw::TooBig));
        assert!(out.len() <= 5);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            pieces in prop::collection::vec("[\r\n.\0a]{0,6}", 0..12),
            normalize: bool,
        ) {
            let bare = if normalize { BareNewline::Normalize } else { BareNewline::Reject };
            let input: Vec<u8> = pieces.concat().into_bytes();
            let (whole, flaw, rest) = read(bare, &input);
            let (mut reader, mut out, mut used, mut is_end) = (reader(bare), Vec::new(), 0, false);
            for piece in pieces.iter().filter(|it| !it.is_empty()) {
                if is_end { break; }
                let fed = reader.feed(piece.as_bytes(), &mut out);
                used += fed.used;
                is_end = fed.is_end;
            }
            prop_assert_eq!(is_end, rest.is_some());
            prop_assert_eq!(reader.flaw(), flaw);
            if flaw.is_none() {
                prop_assert_eq!(&out, &whole);
            }
            if let Some(rest) = rest {
                prop_assert_eq!(used, input.len() - rest.len());
            }
        }

        /// Stuffing and reading give the lines back.
        #[test]
        fn read_undoes_stuffing(lines in prop::collection::vec("[.a ]{0,8}", 0..20)) {
            let mut wire = Vec::new();
            let mut plain = Vec::new();
            for line in &lines {
                plain.extend_from_slice(line.as_bytes());
                plain.extend_from_slice(b"\r\n");
                if line.starts_with('.') { wire.push(b'.'); }
                wire.extend_from_slice(line.as_bytes());
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b".\r\n");
            prop_assert_eq!(read(BareNewline::Reject, &wire), (plain, None, Some(&b""[..])));
        }
    }
}
