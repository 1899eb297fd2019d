//! Messages that can be recognised and compared wherever they arrive.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};

/// The header that carries the token. Everything from it to the end of the
/// message must arrive unchanged; what relays put in front may differ.
pub const TOKEN_HEADER: &str = "X-E2E-Token: ";

/// A message about to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub token: String,
    pub sender: String,
    pub recipients: Vec<String>,
    /// Parameters of MAIL, each with a space in front.
    pub mail_parameters: String,
    /// Parameters of every RCPT, each with a space in front.
    pub rcpt_parameters: String,
    /// Content with CRLF line ends, not yet dot-stuffed.
    pub content: Vec<u8>,
}

impl Outgoing {
    /// About `bytes` long, at least 300. The text has lines that begin with
    /// dots, and depends on the token alone.
    pub fn new(token: impl Into<String>, recipients: Vec<String>, bytes: usize) -> Self {
        let token = token.into();
        let mut text = format!(
            "{TOKEN_HEADER}{token}\r\nMessage-ID: <{token}@e2e.example>\r\nSubject: {token}\r\n\
             From: <sender@e2e.example>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n.\r\n..two dots\r\n"
        );
        let mut state = hash(token.as_bytes()) | 1;
        while text.len() < bytes {
            // xorshift64: text that neither repeats nor compresses
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let _ = write!(text, "{state:016x}{:016x}\r\n", state.rotate_left(17));
        }
        let content = text.into_bytes();
        let (mail_parameters, rcpt_parameters) = (String::new(), String::new());
        let sender = "sender@e2e.example".into();
        Self { token, sender, recipients, mail_parameters, rcpt_parameters, content }
    }

    /// What [`digest`] of an unharmed copy is.
    pub fn digest(&self) -> u64 {
        hash(&self.content)
    }
}

/// The token of a received message, if it carries one.
pub fn token(content: &[u8]) -> Option<String> {
    let rest = &content[find_token(content)? + TOKEN_HEADER.len()..];
    let end = rest.iter().position(|byte| *byte == b'\r')?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

/// Hash of a received message from its token header to its end.
pub fn digest(content: &[u8]) -> u64 {
    hash(&content[find_token(content).unwrap_or(0)..])
}

fn find_token(content: &[u8]) -> Option<usize> {
    content.windows(TOKEN_HEADER.len()).position(|window| window == TOKEN_HEADER.as_bytes())
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Doubles each dot that begins a line and appends the final dot. RFC 5321 §4.5.2.
pub fn dot_stuff(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 32 + 8);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::{Outgoing, digest, dot_stuff, token};

    #[test]
    fn a_copy_with_trace_headers_is_the_same_message() {
        let message = Outgoing::new("t-1", vec![], 2048);
        let received = [b"Received: from x\r\n".as_slice(), &message.content].concat();
        assert_eq!(token(&received).as_deref(), Some("t-1"));
        assert_eq!(digest(&received), message.digest());
    }

    #[test]
    fn one_changed_byte_shows() {
        let message = Outgoing::new("t-1", vec![], 2048);
        let mut received = message.content.clone();
        received[1500] ^= 1;
        assert_ne!(digest(&received), message.digest());
    }

    #[test]
    fn dots_are_doubled() {
        assert_eq!(dot_stuff(b".\r\na.\r\n..b\r\n"), b"..\r\na.\r\n...b\r\n.\r\n");
    }
}
