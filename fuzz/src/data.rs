//! The reader of DATA against a slow, plain reading of RFC 5321 §4.5.2.

use smtp::server::{BareNewline, DataReader};

const SIZE_MAX: u64 = 4096;
const LINE_MAX: u64 = 1024;

/// First byte: how the stream is cut; the rest is the stream.
pub fn data(bytes: &[u8]) {
    let Some((&cut, stream)) = bytes.split_first() else { return };
    for mode in [BareNewline::Reject, BareNewline::Normalize] {
        let whole = read(mode, [stream]);
        let pieces = read(mode, stream.chunks(usize::from(cut % 32) + 1));
        assert_eq!(whole, pieces, "the same bytes in pieces");
        assert_eq!(whole.used, end(stream), "only CRLF . CRLF ends the data");
        assert!(whole.body.len() as u64 <= SIZE_MAX + 1, "kept more than allowed");
        if !whole.is_flawed && mode == BareNewline::Normalize {
            let newlines = whole.body.iter().filter(|byte| **byte == b'\n').count();
            let pairs = whole.body.windows(2).filter(|pair| pair == b"\r\n").count();
            assert_eq!(newlines, pairs, "a bare newline was passed on");
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Read {
    /// Octets up to the end, if there is one.
    used: Option<usize>,
    body: Vec<u8>,
    is_flawed: bool,
}

fn read<'a>(mode: BareNewline, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut reader = DataReader::new(mode, SIZE_MAX, LINE_MAX);
    let mut body = Vec::new();
    let mut used = 0;
    for piece in pieces {
        let fed = reader.feed(piece, &mut body);
        used += fed.used;
        if fed.is_end {
            return finish(Some(used), body, &reader);
        }
    }
    finish(None, body, &reader)
}

fn finish(used: Option<usize>, body: Vec<u8>, reader: &DataReader) -> Read {
    let is_flawed = reader.flaw().is_some();
    // What was kept before a flaw depends on the cut and is thrown away.
    Read { used, body: if is_flawed { Vec::new() } else { body }, is_flawed }
}

/// The first `CRLF . CRLF`, or `. CRLF` at the very start.
fn end(stream: &[u8]) -> Option<usize> {
    if stream.starts_with(b".\r\n") {
        return Some(3);
    }
    let at = stream.windows(5).position(|window| window == b"\r\n.\r\n")?;
    Some(at + 5)
}
