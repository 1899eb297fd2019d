//! Messages that each use one extension, and what must be left of it at the end of the way.

use anyhow::{Context, Result, ensure};

use crate::message::Outgoing;
use crate::sink::Delivery;
use crate::smtp::Client;

/// One extension under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    Plain,
    /// RFC 6152: octets above 127 arrive as they are.
    EightBit,
    /// RFC 6531: a recipient outside ASCII.
    Utf8,
    /// RFC 3461: the parameters are passed on.
    Dsn,
}

pub const ALL: [Probe; 4] = [Probe::Plain, Probe::EightBit, Probe::Utf8, Probe::Dsn];

impl Probe {
    /// What a server must offer for it.
    pub fn capability(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::EightBit => Some("8BITMIME"),
            Self::Utf8 => Some("SMTPUTF8"),
            Self::Dsn => Some("DSN"),
        }
    }

    /// The message, with a token that begins with `run`.
    pub fn message(self, run: &str) -> Outgoing {
        let recipients = match self {
            Self::Utf8 => vec!["jörg1@example.test".to_string()],
            _ => vec!["user1@example.test".to_string(), "user2@example.test".to_string()],
        };
        let mut message = Outgoing::new(format!("{run}-{self:?}"), recipients, 1500);
        match self {
            Self::Plain => (),
            Self::EightBit => {
                message.mail_parameters = " BODY=8BITMIME".into();
                let marks = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\
                    Content-Type: text/plain; charset=utf-8\r\nDate:";
                let at = find(&message.content, b"Date:").expect("every message has a date");
                message.content.splice(at..at + 5, marks.iter().copied());
                message.content.extend_from_slice("Grüße aus Köln\r\n".as_bytes());
            }
            Self::Utf8 => {
                message.sender = "pelé@e2e.example".into();
                message.mail_parameters = " BODY=8BITMIME SMTPUTF8".into();
            }
            Self::Dsn => {
                message.mail_parameters = " RET=HDRS ENVID=e2e+2B1".into();
                message.rcpt_parameters =
                    " NOTIFY=FAILURE,DELAY ORCPT=rfc822;first@example.test".into();
            }
        }
        message
    }

    /// Sends it; false when the server does not offer what it needs.
    pub fn send(self, client: &mut Client, run: &str) -> Result<bool> {
        if self.capability().is_some_and(|capability| !client.offers(capability)) {
            return Ok(false);
        }
        let (replies, last) = client.deliver(&self.message(run))?;
        ensure!(last.code == 250, "{self:?}: {replies:?} {last:?}");
        Ok(true)
    }

    /// Judges what arrived of it, perhaps in several copies.
    pub fn check(self, run: &str, deliveries: &[Delivery]) -> Result<()> {
        let message = self.message(run);
        for recipient in &message.recipients {
            let copy = deliveries
                .iter()
                .find(|copy| {
                    copy.token.as_deref() == Some(&message.token)
                        && copy.recipients.contains(recipient)
                })
                .with_context(|| format!("{self:?}: nothing arrived for {recipient}"))?;
            ensure!(copy.digest == message.digest(), "{self:?}: the content was changed");
            let lines = copy.lines.join("\n").to_ascii_uppercase();
            let wanted: &[&str] = match self {
                // Exim and OpenSMTPD drop the parameter and keep the octets.
                Self::Plain | Self::EightBit => &[],
                Self::Utf8 => &["SMTPUTF8"],
                Self::Dsn => &[
                    "RET=HDRS",
                    "ENVID=E2E+2B1",
                    "FAILURE",
                    "DELAY",
                    "ORCPT=RFC822;FIRST@EXAMPLE.TEST",
                ],
            };
            for word in wanted {
                ensure!(lines.contains(word), "{self:?}: {word} got lost: {lines}");
            }
        }
        Ok(())
    }
}

fn find(content: &[u8], text: &[u8]) -> Option<usize> {
    content.windows(text.len()).position(|window| window == text)
}
