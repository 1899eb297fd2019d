//! A message for some recipients of one hop, and what may keep the hop from taking it.

use mail::{Address, BodyType, Envelope, Notify, Reply, ReversePath};

use super::Capabilities;

/// What a hop is asked to take. Recipients come beside it, as [`RequestRecipient`]s.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its recipients are not looked at.
    pub envelope: &'a Envelope,
    /// Octets of header and body.
    pub size: u64,
    pub transfer: Transfer,
}

/// One recipient, by the address that it has at this hop.
#[derive(Clone, Copy, Debug)]
pub struct RequestRecipient<'a> {
    pub address: &'a Address,
    pub notify: Notify,
    pub orcpt: Option<&'a str>,
}

/// How the body is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Dot-stuffed after a 354. RFC 5321 §4.1.1.4.
    Data,
    /// As it is, counted. RFC 3030 §2.
    Bdat,
}

impl Transfer {
    /// BDAT wherever it is offered: no octet of the body is touched, and no round trip is lost.
    pub fn choose(capabilities: &Capabilities) -> Self {
        if capabilities.chunking { Self::Bdat } else { Self::Data }
    }
}

/// What a look at the body showed. Both false when nobody had to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyFacts {
    /// Or a NUL.
    pub bare_newline: bool,
    pub eight_bit_header: bool,
}

/// Why a message cannot go to a hop as it is, whoever the recipient.
///
/// A hop without 8BITMIME is no obstacle: everyone sends eight-bit bodies to such hops and they
/// arrive, while a conversion would break signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The body has a bare CR, a bare LF or a NUL and the hop has no CHUNKING.
    BareNewline,
    /// The message is BINARYMIME and the hop is not.
    BinaryMime,
    /// Reverse-path or header need SMTPUTF8. RFC 6531 §3.1.
    SmtpUtf8,
    /// The hop named a limit and the message is larger. RFC 1870 §6.2.
    TooBig,
}

impl Obstacle {
    pub fn of(
        capabilities: &Capabilities,
        request: &Request<'_>,
        facts: BodyFacts,
    ) -> Option<Self> {
        let is_data = request.transfer == Transfer::Data;
        let can_binary = capabilities.binary_mime && !is_data;
        if capabilities.size_max.is_some_and(|it| request.size > it) {
            Some(Self::TooBig)
        } else if request.envelope.body == BodyType::BinaryMime && !can_binary {
            Some(Self::BinaryMime)
        } else if is_data && facts.bare_newline {
            Some(Self::BareNewline)
        } else if !capabilities.smtputf8 && needs_utf8(request.envelope, facts) {
            Some(Self::SmtpUtf8)
        } else {
            None
        }
    }

    /// The refusal that the hop would have given.
    pub const fn reply(self) -> Reply {
        match self {
            Self::BareNewline => Reply::new(
                550,
                (5, 6, 11),
                "Message has a bare CR or LF, or a NUL, and the next hop does not offer CHUNKING",
            ),
            Self::BinaryMime => Reply::new(
                554,
                (5, 6, 3),
                "Message is BINARYMIME and the next hop does not offer BINARYMIME",
            ),
            Self::SmtpUtf8 => Reply::new(
                550,
                (5, 6, 7),
                "Message needs SMTPUTF8 and the next hop does not offer it",
            ),
            Self::TooBig => {
                Reply::new(552, (5, 3, 4), "Message is larger than the next hop accepts")
            }
        }
    }
}

impl RequestRecipient<'_> {
    /// This recipient cannot be named to the hop, though others of the message can.
    ///
    /// Source: RFC 6531 §3.4.
    pub fn needs_missing_utf8(&self, capabilities: &Capabilities) -> bool {
        !capabilities.smtputf8 && !self.address.is_ascii()
    }
}

/// What the client declared does not count: many declare SMTPUTF8 for plain ASCII.
fn needs_utf8(envelope: &Envelope, facts: BodyFacts) -> bool {
    let path_is_ascii = match &envelope.reverse_path {
        ReversePath::Null => true,
        ReversePath::Mailbox(address) => address.is_ascii(),
    };
    !path_is_ascii || (envelope.smtputf8 && facts.eight_bit_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(reverse_path: &str, body: BodyType, smtputf8: bool) -> Envelope {
        let reverse_path = ReversePath::Mailbox(reverse_path.parse().unwrap());
        Envelope { reverse_path, recipients: vec![], body, smtputf8, ret: None, envid: None }
    }

    #[test]
    fn an_obstacle_is_named_before_anything_is_sent() {
        let bare = BodyFacts { bare_newline: true, eight_bit_header: false };
        let utf8 = BodyFacts { bare_newline: false, eight_bit_header: true };
        let none = BodyFacts::default();
        let poor = Capabilities::default();
        let rich = Capabilities {
            chunking: true,
            binary_mime: true,
            smtputf8: true,
            size_max: Some(10),
            ..Capabilities::default()
        };
        let plain = envelope("a@x.example", BodyType::EightBitMime, false);
        let binary = envelope("a@x.example", BodyType::BinaryMime, false);
        let declared = envelope("a@x.example", BodyType::SevenBit, true);
        let local = envelope("\u{e4}@x.example", BodyType::SevenBit, true);
        for (envelope, facts, size, at_poor, at_rich) in [
            (&plain, none, 10, None, None),
            (&plain, none, 11, None, Some(Obstacle::TooBig)),
            (&plain, bare, 10, Some(Obstacle::BareNewline), None),
            (&plain, utf8, 10, None, None),
            (&binary, none, 10, Some(Obstacle::BinaryMime), None),
            (&declared, none, 10, None, None),
            (&declared, utf8, 10, Some(Obstacle::SmtpUtf8), None),
            (&local, none, 10, Some(Obstacle::SmtpUtf8), None),
        ] {
            for (capabilities, want) in [(&poor, at_poor), (&rich, at_rich)] {
                let transfer = Transfer::choose(capabilities);
                let request = Request { envelope, size, transfer };
                assert_eq!(Obstacle::of(capabilities, &request, facts), want, "{envelope:?}");
            }
        }
    }
}
