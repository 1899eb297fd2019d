//! What a listener allows. One value shared by all sessions of the listener.

use std::time::Duration;

use mail::Domain;

use super::data::BareNewline;

/// Limits say what happens above them in the reply catalogue of `session/texts.rs`.
#[derive(Clone, Debug)]
pub struct Rules {
    pub hostname: Domain,
    /// Clients are strangers, so header fields that vouch for mail are taken out.
    pub from_strangers: bool,
    pub starttls: bool,
    pub bare_newline: BareNewline,
    /// Octets of a message as decoded; offered as SIZE.
    pub message_bytes_max: u64,
    /// Recipients of one transaction; the next one hears 452 and is sent again by its client.
    pub recipients_max: usize,
    pub header_bytes_max: usize,
    pub header_lines_max: usize,
    /// `Received` fields from which on a message is taken to be in a loop.
    pub hops_max: usize,
    /// Octets of a command line with its CRLF.
    pub command_line_max: usize,
    /// Octets of a line of DATA without its CRLF.
    pub data_line_max: u64,
    /// Accepted messages after which MAIL is answered 421; 0 for any number.
    pub messages_per_session_max: u32,
    /// Errors after which each further one costs `error_delay`.
    pub errors_soft: u32,
    /// Errors after which the session ends.
    pub errors_hard: u32,
    /// Commands that carry no mail after which each further one is an error.
    pub junk_max: u32,
    pub unknown_recipients_soft: u32,
    pub unknown_recipients_hard: u32,
    pub error_delay: Duration,
    pub unknown_recipient_delay: Duration,
}

impl Rules {
    /// The defaults of a listener for strangers, from reference figures of Postfix (errors, junk,
    /// recipients, lines) and Exchange (tarpit, message size).
    pub fn new(hostname: Domain) -> Self {
        Self {
            hostname,
            from_strangers: true,
            starttls: false,
            bare_newline: BareNewline::Reject,
            message_bytes_max: 150 << 20,
            recipients_max: 1000,
            header_bytes_max: 256 << 10,
            header_lines_max: 1000,
            hops_max: 50,
            command_line_max: 2048,
            data_line_max: 10_000,
            messages_per_session_max: 1000,
            errors_soft: 10,
            errors_hard: 20,
            junk_max: 100,
            unknown_recipients_soft: 5,
            unknown_recipients_hard: 20,
            error_delay: Duration::from_secs(1),
            unknown_recipient_delay: Duration::from_secs(5),
        }
    }

    /// How much of what was refused is read and thrown away in one session before we hang up.
    pub(super) fn swallow_max(&self) -> u64 {
        self.message_bytes_max.saturating_mul(2).saturating_add(1 << 20)
    }
}
