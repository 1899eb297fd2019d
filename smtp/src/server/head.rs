//! The header block of a message: what it tells us, and what strangers must not tell the sites.

use std::ops::Range;

use memchr::memmem;

/// The field in which an installation marks what has passed through it.
pub const LOOP_FIELD: &str = "X-Causeway-Loop";

/// How much of a value is kept.
const VALUE_MAX: usize = 255;

/// What the header block says that matters to a relay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of `Received` fields.
    pub hops: usize,
    pub lines: usize,
    /// The value of the first `Message-ID`, without space around it, at most 255 octets of it.
    pub message_id: Option<Box<str>>,
    /// The first words of [`LOOP_FIELD`], unchecked: only the key's holder can tell whose they are.
    pub loop_tokens: Vec<Box<str>>,
    /// Fields that the firewall takes out, as places in the block.
    pub forged: Vec<Range<usize>>,
}

/// Where the header block ends: behind the CRLF before the empty line. `None` while the empty
/// line has not come. `scanned` octets are known not to contain it.
pub fn end(block: &[u8], scanned: usize) -> Option<usize> {
    if block.starts_with(b"\r\n") {
        return Some(0);
    }
    let from = scanned.saturating_sub(3);
    memmem::find(block.get(from..)?, b"\r\n\r\n").map(|at| from + at + 2)
}

/// Reads a header block. `own_name` is given where the client is a stranger: then the fields by
/// which Exchange and we ourselves vouch for mail are marked as forged.
///
/// A line ends at CR, LF or both here, so that a field cannot hide from us in a way that the
/// next server finds. Linear in the length; allocates only for what it returns.
pub fn read(block: &[u8], own_name: Option<&str>) -> Head {
    let mut head = Head::default();
    let mut at = 0;
    while at < block.len() {
        let field = at..field_end(block, at, &mut head.lines);
        note(&mut head, block, field.clone(), own_name);
        at = field.end;
    }
    head
}

/// Takes marked fields out of the block that begins at `from` in `bytes`; what stays, stays in
/// order and octet for octet.
pub fn cut(bytes: &mut Vec<u8>, from: usize, fields: &[Range<usize>]) {
    for field in fields.iter().rev() {
        bytes.drain(from + field.start..from + field.end);
    }
}

/// Behind the last line of the field at `at`, continuation lines included.
fn field_end(block: &[u8], mut at: usize, lines: &mut usize) -> usize {
    loop {
        let rest = &block[at..];
        at += match memchr::memchr2(b'\r', b'\n', rest) {
            None => rest.len(),
            Some(end) if rest[end..].starts_with(b"\r\n") => end + 2,
            Some(end) => end + 1,
        };
        *lines += 1;
        if !matches!(block.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
}

fn note(head: &mut Head, block: &[u8], field: Range<usize>, own_name: Option<&str>) {
    let text = &block[field.clone()];
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else { return };
    if !matches!(first, b'r' | b'm' | b'x' | b'a') {
        return;
    }
    let Some(colon) = memchr::memchr(b':', text) else { return };
    let (name, value) = (text[..colon].trim_ascii_end(), &text[colon + 1..]);
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let kept = || {
        let value = value.trim_ascii();
        let value = value.get(..VALUE_MAX).unwrap_or(value);
        String::from_utf8_lossy(value).into_owned().into_boxed_str()
    };
    match first {
        b'r' if is("Received") => head.hops += 1,
        b'm' if is("Message-ID") => {
            head.message_id.get_or_insert_with(kept);
        }
        b'x' if is(LOOP_FIELD) => head.loop_tokens.push(first_word(&kept())),
        b'x' if own_name.is_some() && vouches(name) => head.forged.push(field),
        b'a' if is("Authentication-Results") && own_name.is_some_and(|own| names(value, own)) => {
            head.forged.push(field);
        }
        _ => (),
    }
}

/// Whatever was put behind a token, on its line or the next, does not hide it.
fn first_word(value: &str) -> Box<str> {
    value.split_ascii_whitespace().next().unwrap_or_default().into()
}

/// The fields that Exchange believes when they come from its own organisation.
fn vouches(name: &[u8]) -> bool {
    const PREFIXES: [&str; 3] =
        ["X-MS-Exchange-Organization-", "X-MS-Exchange-Forest-", "X-MS-Exchange-CrossPremises-"];
    name.eq_ignore_ascii_case(b"X-OriginatorOrg")
        || PREFIXES.iter().any(|prefix| {
            name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix.as_bytes()))
        })
}

/// Whether the authserv-id at the start of an `Authentication-Results` value is `own`.
///
/// Source: RFC 8601 §2.2, §5.
fn names(value: &[u8], own: &str) -> bool {
    let value = skip_comments(value);
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let end = value
        .iter()
        .position(|it| it.is_ascii_whitespace() || matches!(it, b';' | b'(' | b'"'))
        .unwrap_or(value.len());
    value[..end].eq_ignore_ascii_case(own.as_bytes())
}

fn skip_comments(mut value: &[u8]) -> &[u8] {
    loop {
        value = value.trim_ascii_start();
        if !value.starts_with(b"(") {
            return value;
        }
        let (mut depth, mut escaped) = (0_usize, false);
        let end = value.iter().position(|&byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => (),
            }
            depth == 0
        });
        value = end.map_or(&[][..], |end| &value[end + 1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_in_any_pieces() {
        let block = b"A: b\r\nC: d\r\n\r\nbody";
        for cut in 0..=block.len() {
            let first = end(&block[..cut], 0);
            let found = first.or_else(|| end(block, cut));
            assert_eq!(found, Some(12), "{cut}");
        }
        assert_eq!(end(b"\r\nbody", 0), Some(0));
        assert_eq!(end(b"A: b\n\nbody", 0), None);
    }

    #[test]
    fn what_a_relay_wants_to_know() {
        let block = b"Received: from a\r\n\tby b\r\nRECEIVED : c\r\nMessage-Id:\r\n <1@x> \r\n\
            Message-ID: <2@x>\r\nX-Causeway-Loop: t1\r\n x\r\nx-causeway-loop:\r\nSubject: Received: no\r\n";
        let head = read(block, None);
        assert_eq!((head.hops, head.lines), (2, 10));
        assert_eq!(head.message_id.as_deref(), Some("<1@x>"));
        assert_eq!(head.loop_tokens, [Box::from("t1"), Box::from("")]);
    }

    fn through(block: &str) -> String {
        let mut bytes = block.as_bytes().to_vec();
        let head = read(&bytes, Some("mx.known.example"));
        cut(&mut bytes, 0, &head.forged);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn strangers_cannot_vouch_for_mail() {
        let kept = "Subject: x\r\nX-MS-Exchange-Inbox-Rules-Loop: a@b\r\nX-LD-Processed: 1\r\n\
            Auto-Submitted: auto-replied\r\nX-MS-TNEF-Correlator: 2\r\n\
            Authentication-Results: mx.other.example; spf=pass\r\nX-MS-Exchange-Organization: y\r\n\
            X-OriginatorOrganization: z\r\n";
        assert_eq!(through(kept), kept);
        for forged in [
            "X-MS-Exchange-Organization-SCL: -1\r\n",
            "x-ms-exchange-ORGANIZATION-AuthAs : Internal\r\n",
            "X-MS-Exchange-Forest-RulesExecuted: x\r\n\tfolded\r\n",
            "X-MS-Exchange-CrossPremises-AuthAs: Internal\r\n",
            "x-originatororg : contoso.example\r\n",
            "Authentication-Results: mx.known.example; spf=pass\r\n",
            "Authentication-Results: (a (b) \\) c)\r\n \"MX.Known.Example\" 1;\r\n none\r\n",
        ] {
            assert_eq!(
                through(&format!("A: b\r\n{forged}Subject: c\r\n")),
                "A: b\r\nSubject: c\r\n"
            );
        }
    }

    #[test]
    fn a_field_cannot_hide_behind_half_a_line_end() {
        for newline in ["\n", "\r"] {
            let block = format!("A: b{newline}X-MS-Exchange-Organization-SCL: -1\r\nC: d\r\n");
            assert_eq!(through(&block), format!("A: b{newline}C: d\r\n"));
        }
    }

    #[test]
    fn nonsense_is_read_to_its_end() {
        for block in ["", ":", "Received", "X\r\n\r", "\r\r\n\n", "Authentication-Results:(((\r\n"]
        {
            assert_eq!(through(block), block);
        }
    }
}
