//! One command line, parsed strictly. What is no command is a [`Fault`], which knows its reply.

use mail::{Path, ReversePath};

use super::fault::Fault;
use super::params::{MailParams, RcptParams};
use super::path;

/// A command as the client sent it, checked; borrows from the line.
///
/// Source: RFC 5321 §4.1.1, RFC 3030 §2, RFC 3207 §4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    Mail(ReversePath, MailParams),
    Rcpt(Path, RcptParams),
    Data,
    /// `octets` is `u64::MAX` when the number is larger than that: it must never wrap, because
    /// whatever we think the chunk is shorter than, the rest would be read as commands.
    Bdat {
        octets: u64,
        last: bool,
    },
    StartTls,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    Auth,
    /// The attributes, unparsed: only a configured peer is listened to at all.
    Xclient(&'a str),
}

impl<'a> Command<'a> {
    /// Parses a line without its CRLF. Never panics; allocates only for addresses and for
    /// parameters that are kept. Spaces at the end are tolerated, as RFC 5321 §4.1.1 asks.
    pub fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let text = clean(line).map_err(|fault| worse_for_chunks(line, fault))?;
        let text = text.trim_end_matches(' ');
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let is = |name: &str| verb.eq_ignore_ascii_case(name);
        let alone = |command| if rest.is_empty() { Ok(command) } else { Err(Fault::NoArgument) };
        match verb.len() {
            4 if is("MAIL") => mail(rest),
            4 if is("RCPT") => rcpt(rest),
            4 if is("DATA") => alone(Self::Data),
            4 if is("BDAT") => bdat(rest),
            4 if is("EHLO") => greeting(rest).map(Self::Ehlo),
            4 if is("HELO") => greeting(rest).map(Self::Helo),
            4 if is("RSET") => alone(Self::Rset),
            4 if is("QUIT") => alone(Self::Quit),
            4 if is("NOOP") => Ok(Self::Noop),
            4 if is("HELP") => Ok(Self::Help),
            4 if is("AUTH") => Ok(Self::Auth),
            4 if is("VRFY") && !rest.is_empty() => Ok(Self::Vrfy),
            4 if is("EXPN") && !rest.is_empty() => Ok(Self::Expn),
            4 if is("VRFY") || is("EXPN") => Err(Fault::Argument("Give a name after the command")),
            7 if is("XCLIENT") => Ok(Self::Xclient(rest)),
            8 if is("STARTTLS") => alone(Self::StartTls),
            _ if is_http(verb, rest) => Err(Fault::Http),
            _ => Err(Fault::Unknown),
        }
    }
}

/// Control characters have no place in a command; beyond ASCII it must be UTF-8.
fn clean(line: &[u8]) -> Result<&str, Fault> {
    if line.iter().any(u8::is_ascii_control) {
        return Err(Fault::Control);
    }
    std::str::from_utf8(line).map_err(|_| Fault::Control)
}

/// After a BDAT that we cannot read, nobody knows where the chunk ends.
fn worse_for_chunks(line: &[u8], fault: Fault) -> Fault {
    if is_bdat(line) { Fault::ChunkSize } else { fault }
}

/// Whether a line, however broken, announces a chunk.
pub(super) fn is_bdat(line: &[u8]) -> bool {
    line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
}

/// Browsers that are sent to port 25 speak like this (ALPACA and request forgery).
fn is_http(verb: &str, rest: &str) -> bool {
    const VERBS: [&str; 9] =
        ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"];
    VERBS.iter().any(|it| verb.eq_ignore_ascii_case(it)) || rest.contains("HTTP/1.")
}

/// The EHLO argument: RFC 5321 wants a domain or a literal; anything printable of at most 255
/// octets is let through, because a client's wrong name is no reason to lose its mail.
fn greeting(argument: &str) -> Result<&str, Fault> {
    let graphic = argument.bytes().all(|it| it.is_ascii_graphic());
    if argument.is_empty() || argument.len() > 255 || !graphic {
        return Err(Fault::Argument("Give your host name after EHLO"));
    }
    Ok(argument)
}

/// Takes `FROM:` or `TO:` off. Spaces after the colon are tolerated: old clients send them.
fn after_keyword<'a>(rest: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, tail) = (rest.get(..keyword.len())?, rest.get(keyword.len()..)?);
    head.eq_ignore_ascii_case(keyword).then(|| tail.trim_start_matches(' '))
}

fn mail<'a>(rest: &str) -> Result<Command<'a>, Fault> {
    let rest = after_keyword(rest, "FROM:").ok_or(Fault::Argument("Write MAIL FROM:<address>"))?;
    let (path, params) = path::split(rest).ok_or(Fault::Sender)?;
    let params = MailParams::parse(params)?;
    if !path.is_ascii() && !params.smtputf8 {
        return Err(Fault::NeedsUtf8);
    }
    Ok(Command::Mail(path::reverse(path).ok_or(Fault::Sender)?, params))
}

fn rcpt<'a>(rest: &str) -> Result<Command<'a>, Fault> {
    let rest = after_keyword(rest, "TO:").ok_or(Fault::Argument("Write RCPT TO:<address>"))?;
    let (path, params) = path::split(rest).ok_or(Fault::Recipient)?;
    let params = RcptParams::parse(params)?;
    Ok(Command::Rcpt(path::forward(path).ok_or(Fault::Recipient)?, params))
}

/// `BDAT octets [LAST]`.
fn bdat<'a>(rest: &str) -> Result<Command<'a>, Fault> {
    let mut words = rest.split(' ').filter(|it| !it.is_empty());
    let octets = words.next().and_then(saturating).ok_or(Fault::ChunkSize)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(Fault::ChunkSize),
    };
    if words.next().is_some() {
        return Err(Fault::ChunkSize);
    }
    Ok(Command::Bdat { octets, last })
}

/// A decimal number; too large a one is `u64::MAX`. `None` when it is no number.
pub(super) fn saturating(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command<'_>, Fault> {
        Command::parse(line.as_bytes())
    }

    #[test]
    fn verbs_in_any_case_and_trailing_spaces() {
        assert_eq!(parse("data"), Ok(Command::Data));
        assert_eq!(parse("RSET  "), Ok(Command::Rset));
        assert_eq!(parse("eHLO x.example"), Ok(Command::Ehlo("x.example")));
        assert_eq!(parse("NOOP whatever"), Ok(Command::Noop));
        assert_eq!(parse("VRFY anna"), Ok(Command::Vrfy));
    }

    #[test]
    fn arguments_where_none_belong() {
        for line in ["STARTTLS foo", "DATA 1", "RSET x", "QUIT now"] {
            assert_eq!(parse(line), Err(Fault::NoArgument), "{line}");
        }
    }

    #[test]
    fn chunk_sizes_never_wrap() {
        let bdat = |octets, last| Ok(Command::Bdat { octets, last });
        assert_eq!(parse("BDAT 0 LAST"), bdat(0, true));
        assert_eq!(parse("bdat 86"), bdat(86, false));
        assert_eq!(parse("BDAT 99999999999999999999999"), bdat(u64::MAX, false));
        for line in ["BDAT", "BDAT -1", "BDAT +1", "BDAT 1x", "BDAT 1 FIRST", "BDAT 1 LAST 2"] {
            assert_eq!(parse(line), Err(Fault::ChunkSize), "{line}");
        }
        assert_eq!(Command::parse(b"BDAT 5\0"), Err(Fault::ChunkSize));
    }

    #[test]
    fn what_is_no_smtp() {
        for line in ["GET / HTTP/1.1", "POST /", "options *", "FOO / HTTP/1.0"] {
            assert_eq!(parse(line), Err(Fault::Http), "{line}");
        }
        assert_eq!(parse(""), Err(Fault::Unknown));
        assert_eq!(parse("EHLO"), Err(Fault::Argument("Give your host name after EHLO")));
        assert_eq!(Command::parse(b"RSET\r"), Err(Fault::Control));
        assert_eq!(Command::parse(b"NOOP \0"), Err(Fault::Control));
        assert_eq!(Command::parse(b"NOOP \xff"), Err(Fault::Control));
    }

    #[test]
    fn addresses_beyond_ascii_must_be_announced() {
        assert_eq!(parse("MAIL FROM:<änna@x.example>"), Err(Fault::NeedsUtf8));
        assert!(parse("MAIL FROM:<änna@x.example> SMTPUTF8").is_ok());
    }

    #[test]
    fn paths_that_are_refused() {
        for line in ["MAIL FROM:anna@x", "MAIL FROM:<anna>", "MAIL FROM:<a@b", "MAIL FROM:<a@b>x"] {
            assert_eq!(parse(line), Err(Fault::Sender), "{line}");
        }
        for line in ["RCPT TO:<>", "RCPT TO:<x@evil@ours>", "RCPT TO:<x@ours.>", "RCPT TO:<@x>"] {
            assert_eq!(parse(line), Err(Fault::Recipient), "{line}");
        }
        assert!(matches!(parse("MAIL <a@b>"), Err(Fault::Argument(_))));
    }
}
