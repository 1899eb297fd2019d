//! Why a line is no command, and what the client hears.

use mail::Reply;

/// Each has exactly one reply, so the shell and the tests never see texts chosen elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line ended in a bare LF. Executing it would let a peer that splits lines elsewhere
    /// smuggle commands past a stricter one.
    BareNewline,
    /// Longer than the limit; the rest was thrown away.
    TooLong,
    /// A control character, or bytes that are no UTF-8.
    Control,
    Unknown,
    /// An HTTP request: somebody was tricked into talking to us.
    Http,
    NoArgument,
    Argument(&'static str),
    Sender,
    Recipient,
    /// A parameter that we know, with a value that it cannot have.
    Value(&'static str),
    /// A parameter that we did not offer.
    Parameter,
    NeedsUtf8,
    /// A BDAT whose size cannot be read: the stream has lost its frame.
    ChunkSize,
}

impl Fault {
    pub fn reply(self) -> Reply {
        match self {
            Self::BareNewline => Reply::new(500, (5, 5, 2), "Lines must end with CR LF"),
            Self::TooLong => Reply::new(500, (5, 5, 2), "Line too long"),
            Self::Control => Reply::new(500, (5, 5, 2), "Invalid characters in command"),
            Self::Unknown => Reply::new(500, (5, 5, 2), "Command not recognized"),
            Self::Http => Reply::new(554, (5, 5, 0), "This is SMTP, not HTTP"),
            Self::NoArgument => Reply::new(501, (5, 5, 4), "Command takes no argument"),
            Self::Argument(text) | Self::Value(text) => Reply::new(501, (5, 5, 4), text),
            Self::Sender => Reply::new(501, (5, 1, 7), "Bad sender address syntax"),
            Self::Recipient => Reply::new(501, (5, 1, 3), "Bad recipient address syntax"),
            Self::Parameter => Reply::new(555, (5, 5, 4), "Parameter not supported"),
            Self::NeedsUtf8 => {
                Reply::new(553, (5, 6, 7), "Address beyond ASCII needs SMTPUTF8 in MAIL")
            }
            Self::ChunkSize => Reply::new(501, (5, 5, 4), "Bad chunk size, closing"),
        }
    }

    /// Whether what follows on this connection can no longer be trusted to be commands.
    pub const fn is_fatal(self) -> bool {
        matches!(self, Self::Http | Self::ChunkSize)
    }
}
