//! What comes back of the message.

use mail::Ret;

use super::encode::{LINE_MAX, is_ascii_text, is_mail_text, push_quoted_printable};
use super::{Action, DsnRequest};

/// Octets of a header that come back.
const HEADER_MAX: usize = 64 * 1024;

pub(super) enum Original<'a> {
    Whole {
        bytes: &'a [u8],
        header_is_ascii: bool,
    },
    /// Line ends mended.
    Header {
        bytes: Vec<u8>,
        smtputf8: bool,
    },
}

impl<'a> Original<'a> {
    /// All of it when something failed, nobody asked for less, it is small, and it can stand in
    /// a part as it is: a message in a message may not be encoded.
    ///
    /// Source: RFC 3461 §4.3 and §6.2, RFC 2046 §5.2.1.
    pub(super) fn choose(request: &DsnRequest<'a>) -> Self {
        let has_failed = request.recipients.iter().any(|it| it.action == Action::Failed);
        let is_complete = request.original.len() as u64 == request.original_len;
        let is_small = request.original_len <= request.original_bytes_max;
        let wants_all = request.envelope.ret != Some(Ret::Headers);
        let header = header(request.original);
        if has_failed && is_complete && is_small && wants_all && is_mail_text(request.original) {
            return Self::Whole { bytes: request.original, header_is_ascii: header.is_ascii() };
        }
        Self::Header { bytes: mended(header), smtputf8: request.envelope.smtputf8 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole { bytes, .. } => bytes,
            Self::Header { bytes, .. } => bytes,
        }
    }

    pub(super) fn is_eight_bit(&self) -> bool {
        matches!(self, Self::Whole { bytes, .. } if !bytes.is_ascii())
    }

    pub(super) fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole { bytes, header_is_ascii } => {
                let kind = if *header_is_ascii { "rfc822" } else { "global" };
                out.extend_from_slice(b"Content-Type: message/");
                out.extend_from_slice(kind.as_bytes());
                out.extend_from_slice(b"\r\n");
                if self.is_eight_bit() {
                    out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
                }
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(bytes);
            }
            Self::Header { bytes, .. } if is_ascii_text(bytes) => {
                out.extend_from_slice(b"Content-Type: text/rfc822-headers\r\n\r\n");
                out.extend_from_slice(bytes);
            }
            Self::Header { bytes, smtputf8 } => {
                let kind: &[u8] = if *smtputf8 {
                    b"Content-Type: message/global-headers\r\n"
                } else {
                    b"Content-Type: text/rfc822-headers; charset=utf-8\r\n"
                };
                out.extend_from_slice(kind);
                out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
                push_quoted_printable(out, bytes);
            }
        }
    }
}

/// Up to the first empty line, whatever newline the message uses.
fn header(message: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in message.split_inclusive(|&it| it == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
        at += line.len();
    }
    &message[..at]
}

/// Every line ends in CRLF and none is too long; what is beyond the limits is left out.
fn mended(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len().min(HEADER_MAX));
    for line in header.split(|&it| it == b'\n') {
        let line: Vec<u8> = line.iter().copied().filter(|it| !matches!(it, b'\r' | 0)).collect();
        let line = &line[..line.len().min(LINE_MAX)];
        if out.len() + line.len() > HEADER_MAX {
            break;
        }
        if !line.is_empty() {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// The original's Message-ID, if it has one that can stand in a header again.
pub(super) fn message_id(message: &[u8]) -> Option<String> {
    let id = field(message, "Message-ID")?;
    let is_one = id.starts_with('<') && id.ends_with('>') && id.len() <= 250;
    (is_one && !id.contains(' ')).then_some(id)
}

/// The original's subject as it stands there, encoded words and all.
pub(super) fn subject(message: &[u8]) -> Option<String> {
    field(message, "Subject").filter(|it| !it.is_empty())
}

/// The first field of this name, unfolded. `None` when it is not printable ASCII.
fn field(message: &[u8], name: &str) -> Option<String> {
    let mut value: Option<Vec<u8>> = None;
    for line in header(message).split(|&it| it == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match &mut value {
            Some(value) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            }
            Some(_) => break,
            None => value = start_of(line, name).map(<[u8]>::to_vec),
        }
    }
    let value = String::from_utf8(value?).ok()?;
    value.bytes().all(|it| (b' '..=b'~').contains(&it)).then_some(value)
}

fn start_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name.as_bytes()).then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_unfolded_and_only_in_the_header() {
        let message = b"Received: x\r\nsubject :  a\r\n\t b \r\nX: y\r\n\r\nMessage-ID: <b@c>\r\n";
        assert_eq!(subject(message).as_deref(), Some("a b"));
        assert_eq!(message_id(message), None);
        assert_eq!(subject(b"Subject: \xe4\r\n\r\n"), None);
        assert_eq!(subject(b"Subject: a\rb\r\n\r\n"), None);
        assert_eq!(message_id(b"Message-ID: <a@b>\n\n").as_deref(), Some("<a@b>"));
        assert_eq!(message_id(b"Message-ID: <a@b> <c@d>\n\n"), None);
    }

    #[test]
    fn a_header_is_mended_and_bounded() {
        assert_eq!(mended(header(b"a: b\nc: d\r\n\r\nbody")), b"a: b\r\nc: d\r\n");
        assert_eq!(mended(b"a\rb: c\0\r\n"), b"ab: c\r\n");
        assert_eq!(mended(&[b'x'; 2000]).len(), LINE_MAX + 2);
        assert!(mended(&b"abc: defg\r\n".repeat(20_000)).len() <= HEADER_MAX + LINE_MAX);
        assert_eq!(header(b"no end"), b"no end");
    }
}
