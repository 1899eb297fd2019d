//! The stand-in site's side of SMTP, without I/O: a line in, what to do out. RFC 5321, with
//! PIPELINING (RFC 2920), CHUNKING (RFC 3030), 8BITMIME, SMTPUTF8, DSN and enhanced status codes.

/// One message as the site took it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) recipients: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// What the shell does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Reply(&'static str),
    /// Send 354, read up to the lone dot, give it to [`Dialogue::body`].
    Data,
    /// Read so many octets, give them to [`Dialogue::chunk`].
    Chunk {
        size: u64,
        last: bool,
    },
    Close(&'static str),
}

/// Bytes of a message. The demo's are of a few hundred.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// RFC 5321 §4.5.3.1.8 wants at least 100.
const RECIPIENTS_MAX: usize = 1000;

const EHLO: &str = "250-site.demo.example\r\n250-PIPELINING\r\n250-SIZE 8388608\r\n250-8BITMIME\r\n\
     250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n";
const BAD_SEQUENCE: Next = Next::Reply("503 5.5.1 Bad sequence of commands\r\n");

#[derive(Debug, Default)]
enum State {
    /// No EHLO yet.
    #[default]
    Start,
    Ready,
    /// After MAIL.
    Open(Mail),
    /// After a BDAT that was not the last: only BDAT and RSET may follow. RFC 3030 §2.
    Chunks(Mail),
}

/// One connection's state.
#[derive(Debug, Default)]
pub(crate) struct Dialogue(State);

impl Dialogue {
    pub(crate) const GREETING: &str = "220 site.demo.example ESMTP\r\n";

    /// A command line without its CRLF.
    pub(crate) fn line(&mut self, line: &str) -> Next {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let state = std::mem::take(&mut self.0);
        let (state, next) = match (verb.to_ascii_uppercase().as_str(), state) {
            ("EHLO", _) => (State::Ready, Next::Reply(EHLO)),
            ("HELO", _) => (State::Ready, Next::Reply("250 site.demo.example\r\n")),
            ("QUIT", state) => (state, Next::Close("221 2.0.0 Bye\r\n")),
            ("NOOP", state) => (state, Next::Reply("250 2.0.0 OK\r\n")),
            ("RSET", State::Start) => (State::Start, Next::Reply("250 2.0.0 OK\r\n")),
            ("RSET", _) => (State::Ready, Next::Reply("250 2.0.0 OK\r\n")),
            ("MAIL", State::Ready) => mail(rest),
            ("RCPT", State::Open(mail)) => rcpt(mail, rest),
            ("DATA", State::Open(mail)) if !mail.recipients.is_empty() => {
                (State::Open(mail), Next::Data)
            }
            ("BDAT", State::Open(mail) | State::Chunks(mail)) => bdat(mail, rest),
            ("MAIL" | "RCPT" | "DATA" | "BDAT", state) => (state, BAD_SEQUENCE),
            (_, state) => (state, Next::Reply("500 5.5.2 Unknown command\r\n")),
        };
        self.0 = state;
        next
    }

    /// The unstuffed body after DATA. `None` if it was too large.
    pub(crate) fn body(&mut self, body: Option<Vec<u8>>) -> (Option<Mail>, &'static str) {
        match (std::mem::replace(&mut self.0, State::Ready), body) {
            (State::Open(mail), Some(body)) => (Some(Mail { body, ..mail }), TAKEN),
            _ => (None, "552 5.3.4 Too large\r\n"),
        }
    }

    /// The octets after BDAT. The last chunk completes the message.
    pub(crate) fn chunk(&mut self, octets: &[u8], last: bool) -> (Option<Mail>, &'static str) {
        let (State::Open(mut mail) | State::Chunks(mut mail)) =
            std::mem::replace(&mut self.0, State::Ready)
        else {
            return (None, "503 5.5.1 Bad sequence of commands\r\n");
        };
        if mail.recipients.is_empty() {
            return (None, "554 5.5.1 No valid recipients\r\n");
        }
        mail.body.extend_from_slice(octets);
        if mail.body.len() as u64 > MESSAGE_BYTES_MAX {
            return (None, "552 5.3.4 Too large\r\n");
        }
        if last {
            return (Some(mail), TAKEN);
        }
        self.0 = State::Chunks(mail);
        (None, "250 2.0.0 Chunk taken\r\n")
    }
}

const TAKEN: &str = "250 2.0.0 Taken\r\n";

fn mail(rest: &str) -> (State, Next) {
    match path(rest, "FROM:") {
        Some(_) => (State::Open(Mail::default()), Next::Reply("250 2.1.0 Sender OK\r\n")),
        None => (State::Ready, Next::Reply("501 5.5.4 Want MAIL FROM:<address>\r\n")),
    }
}

fn rcpt(mut mail: Mail, rest: &str) -> (State, Next) {
    let next = match path(rest, "TO:") {
        Some(_) if mail.recipients.len() == RECIPIENTS_MAX => {
            Next::Reply("452 4.5.3 Too many recipients\r\n")
        }
        Some(address) if !address.is_empty() => {
            mail.recipients.push(address.to_owned());
            Next::Reply("250 2.1.5 Recipient OK\r\n")
        }
        _ => Next::Reply("501 5.5.4 Want RCPT TO:<address>\r\n"),
    };
    (State::Open(mail), next)
}

/// What is between the angle brackets after `keyword`. Parameters may follow.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<&'a str> {
    let (start, rest) = rest.split_at_checked(keyword.len())?;
    let inside = rest.trim_start().strip_prefix('<')?;
    start.eq_ignore_ascii_case(keyword).then(|| inside.rsplit_once('>')).flatten().map(|it| it.0)
}

fn bdat(mail: Mail, rest: &str) -> (State, Next) {
    let mut words = rest.split_ascii_whitespace();
    let size = words.next().and_then(|it| it.parse().ok());
    let last = words.next().map(|it| it.eq_ignore_ascii_case("last"));
    match (size, last.unwrap_or(false)) {
        (Some(size), last) if size <= MESSAGE_BYTES_MAX => {
            (State::Open(mail), Next::Chunk { size, last })
        }
        // The octets that follow cannot be told from commands.
        _ => (State::Ready, Next::Close("501 5.5.4 Want BDAT size [LAST]\r\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(lines: &[&str]) -> Vec<String> {
        let mut dialogue = Dialogue::default();
        let next = lines.iter().map(|line| dialogue.line(line));
        next.map(|it| match it {
            Next::Reply(text) | Next::Close(text) => text[..3].to_owned(),
            Next::Data => "354".to_owned(),
            Next::Chunk { size, last } => format!("chunk {size} {last}"),
        })
        .collect()
    }

    #[test]
    fn commands_have_an_order() {
        let lines = [
            "MAIL FROM:<a@b>",
            "EHLO x",
            "RCPT TO:<a@b>",
            "DATA",
            "mail from:<>",
            "DATA",
            "MAIL FROM:<a@b>",
        ];
        assert_eq!(replies(&lines), ["503", "250", "503", "503", "250", "503", "503"]);
        let lines = [
            "EHLO x",
            "MAIL FROM:<a@b> SIZE=9 BODY=8BITMIME",
            "RCPT TO:<c@d> NOTIFY=NEVER",
            "DATA",
        ];
        assert_eq!(replies(&lines), ["250", "250", "250", "354"]);
        assert_eq!(replies(&["NOOP", "HUH", "RSET", "QUIT"]), ["250", "500", "250", "221"]);
    }

    #[test]
    fn a_message_in_chunks_is_the_chunks_together() {
        let mut dialogue = Dialogue::default();
        for line in ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>"] {
            dialogue.line(line);
        }
        assert_eq!(dialogue.line("BDAT 3"), Next::Chunk { size: 3, last: false });
        assert_eq!(dialogue.chunk(b"abc", false).0, None);
        assert_eq!(dialogue.line("RCPT TO:<e@f>"), BAD_SEQUENCE);
        assert_eq!(dialogue.line("BDAT 2 LAST"), Next::Chunk { size: 2, last: true });
        let mail = dialogue.chunk(b"de", true).0.unwrap();
        assert_eq!((mail.recipients, mail.body), (vec!["c@d".to_owned()], b"abcde".to_vec()));
    }

    #[test]
    fn chunks_without_a_recipient_are_refused() {
        let mut dialogue = Dialogue::default();
        dialogue.line("EHLO x");
        dialogue.line("MAIL FROM:<a@b>");
        assert_eq!(dialogue.line("BDAT 3 LAST"), Next::Chunk { size: 3, last: true });
        assert!(dialogue.chunk(b"abc", true).1.starts_with("554"));
        assert!(matches!(dialogue.line("BDAT x"), Next::Reply(_)), "no transaction is open");
    }
}
