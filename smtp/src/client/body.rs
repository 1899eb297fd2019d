//! How a body goes over the wire after DATA, and which bodies cannot.

/// A piece of a body in DATA form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Octets of the input, from and to.
    Input { from: usize, to: usize },
    /// A dot that is not in the input.
    Dot,
}

/// Doubles the dots at line starts of a body that comes in pieces of any size, and ends it.
///
/// A line starts only after CRLF: the caller must have seen with [`BodyScan`] that the body has
/// no bare CR or LF, which other servers might take for a line end.
///
/// Source: RFC 5321 §4.5.2.
#[derive(Debug)]
pub struct DotStuffer {
    line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Inside,
    /// The last octet was a CR.
    AfterCr,
}

impl Default for DotStuffer {
    fn default() -> Self {
        Self { line: Line::Start }
    }
}

impl DotStuffer {
    /// Some line of this whole body begins with a dot. If not, it can be sent as it lies.
    pub fn is_needed(body: &[u8]) -> bool {
        body.starts_with(b".") || memchr::memmem::find(body, b"\r\n.").is_some()
    }

    /// Calls `emit` with the parts that `piece` becomes, in order.
    pub fn push(&mut self, piece: &[u8], mut emit: impl FnMut(Part)) {
        let mut from = 0;
        for dot in memchr::memchr_iter(b'.', piece) {
            if self.starts_line(piece, dot) {
                if dot > from {
                    emit(Part::Input { from, to: dot });
                }
                emit(Part::Dot);
                from = dot;
            }
        }
        if from < piece.len() {
            emit(Part::Input { from, to: piece.len() });
        }
        self.line = match piece {
            [] => self.line,
            [.., b'\r', b'\n'] => Line::Start,
            [b'\n'] if self.line == Line::AfterCr => Line::Start,
            [.., b'\r'] => Line::AfterCr,
            _ => Line::Inside,
        };
    }

    fn starts_line(&self, piece: &[u8], at: usize) -> bool {
        match &piece[..at] {
            [] => self.line == Line::Start,
            [b'\n'] => self.line == Line::AfterCr,
            before => before.ends_with(b"\r\n"),
        }
    }

    /// What follows the last piece: a line end where one is missing, then the dot.
    pub fn end(&self) -> &'static [u8] {
        match self.line {
            Line::Start => b".\r\n",
            Line::Inside | Line::AfterCr => b"\r\n.\r\n",
        }
    }
}

/// Looks for what some hops cannot take, over a body that comes in pieces of any size.
#[derive(Debug, Default)]
pub struct BodyScan {
    bare_newline: bool,
    header_eight_bit: bool,
    header_ended: bool,
    after_cr: bool,
    /// The line so far has no octet but its line end.
    line_is_empty: bool,
    line_started: bool,
}

impl BodyScan {
    pub fn push(&mut self, piece: &[u8]) {
        self.scan_header(piece);
        self.scan_newlines(piece);
    }

    /// A CR without LF, an LF without CR or a NUL is in the body: it may go by BDAT, never by DATA.
    /// A NUL counts because some servers drop it, and then find a line end or a dot that we did
    /// not send.
    ///
    /// Source: RFC 5321 §2.3.8, §4.5.2; what follows from breaking it is SMTP smuggling.
    pub fn has_bare_newline(&self) -> bool {
        self.bare_newline || self.after_cr
    }

    /// Octets beyond ASCII are in the header, so a hop needs SMTPUTF8. RFC 6531 §3.6.
    pub fn has_eight_bit_header(&self) -> bool {
        self.header_eight_bit
    }

    fn scan_newlines(&mut self, piece: &[u8]) {
        if self.bare_newline || piece.is_empty() {
            return;
        }
        let mut after_cr = std::mem::take(&mut self.after_cr).then_some(0);
        for at in memchr::memchr3_iter(b'\r', b'\n', 0, piece) {
            let is_lf = piece[at] == b'\n';
            match after_cr {
                Some(expected) if is_lf && expected == at => (),
                None if piece[at] == b'\r' => (),
                _ => {
                    self.bare_newline = true;
                    return;
                }
            }
            after_cr = (!is_lf).then_some(at + 1);
        }
        match after_cr {
            Some(at) if at == piece.len() => self.after_cr = true,
            Some(_) => self.bare_newline = true,
            None => (),
        }
    }

    /// The header ends at the first empty line, with whatever newline the message uses.
    fn scan_header(&mut self, piece: &[u8]) {
        if self.header_ended {
            return;
        }
        for &octet in piece {
            match octet {
                b'\n' if self.line_is_empty || !self.line_started => {
                    self.header_ended = true;
                    return;
                }
                b'\n' => (self.line_is_empty, self.line_started) = (true, true),
                b'\r' => (),
                _ => {
                    (self.line_is_empty, self.line_started) = (false, true);
                    self.header_eight_bit |= !octet.is_ascii();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuff(pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut stuffer = DotStuffer::default();
        for piece in pieces {
            stuffer.push(piece, |part| match part {
                Part::Input { from, to } => out.extend_from_slice(&piece[from..to]),
                Part::Dot => out.push(b'.'),
            });
        }
        out.extend_from_slice(stuffer.end());
        out
    }

    fn scan(pieces: &[&[u8]]) -> (bool, bool) {
        let mut scan = BodyScan::default();
        pieces.iter().for_each(|it| scan.push(it));
        (scan.has_bare_newline(), scan.has_eight_bit_header())
    }

    #[test]
    fn dots_at_line_starts_are_doubled_and_the_end_is_a_lone_dot() {
        for (body, wire) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a.b\r\n.c\r\n..\r\n", "a.b\r\n..c\r\n...\r\n.\r\n"),
            ("\r\n.\r\n", "\r\n..\r\n.\r\n"),
        ] {
            assert_eq!(stuff(&[body.as_bytes()]), wire.as_bytes(), "{body:?}");
        }
    }

    #[test]
    fn bare_newlines_are_seen_wherever_they_stand() {
        for clean in ["", "a", "a\r\n", "\r\n\r\n", "\r\na\r\n.\r\n"] {
            assert!(!scan(&[clean.as_bytes()]).0, "{clean:?}");
        }
        for bad in ["\n", "\r", "a\n", "a\r", "a\rb\r\n", "\r\r\n", "\r\n\n", "a\r\n.\r", "\n.\r\n"]
        {
            assert!(scan(&[bad.as_bytes()]).0, "{bad:?}");
        }
    }

    #[test]
    fn a_nul_is_an_obstacle_wherever_it_stands() {
        for bad in ["\0", "a\0b\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n", "a\r\0\n", "\r\n.\r\n\0"] {
            let (whole, cut) = (bad.as_bytes(), bad.len() / 2);
            assert!(scan(&[whole]).0, "{bad:?}");
            assert!(scan(&[&whole[..cut], &whole[cut..]]).0, "{bad:?}");
        }
    }

    #[test]
    fn only_the_header_decides_whether_utf8_is_needed() {
        assert!(scan(&["Subject: \u{e4}\r\n\r\n".as_bytes()]).1);
        assert!(!scan(&["Subject: a\r\n\r\n\u{e4}".as_bytes()]).1);
        assert!(!scan(&["\r\n\u{e4}".as_bytes()]).1);
        assert!(!scan(&["Subject: a\n\n\u{e4}".as_bytes()]).1);
    }

    proptest! {
        #[test]
        fn splits_change_nothing_and_unstuffing_gives_the_body_back(
            body in "([.a]|\r\n|\u{e4}){0,40}",
            cut in 0_usize..90,
        ) {
            let body = body.as_bytes();
            let (a, b) = body.split_at(cut.min(body.len()));
            let wire = stuff(&[a, b]);
            prop_assert_eq!(&wire, &stuff(&[body]));
            prop_assert_eq!(scan(&[a, b]), scan(&[body]));
            let mut back = b"\r\n".to_vec();
            back.extend_from_slice(&wire[..wire.len() - 3]);
            let back = String::from_utf8(back).unwrap().replace("\r\n.", "\r\n");
            let mut want = body.to_vec();
            if !body.is_empty() && !body.ends_with(b"\r\n") {
                want.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(&back.as_bytes()[2..], &want[..]);
        }

        #[test]
        fn scans_agree_however_the_body_is_split(
            body in "([.a]|\r|\n|\r\n|\0){0,12}",
            cut in 0_usize..30,
        ) {
            let (a, b) = body.as_bytes().split_at(cut.min(body.len()));
            prop_assert_eq!(scan(&[a, b]), scan(&[body.as_bytes()]));
            let bare = body.replace("\r\n", "").contains(['\r', '\n', '\0']);
            prop_assert_eq!(scan(&[body.as_bytes()]).0, bare);
        }
    }
}
