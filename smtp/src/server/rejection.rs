//! What kind of bad input a reply answers: a small closed set, for whoever counts it.

use mail::Reply;

use super::data::Flaw;
use super::fault::Fault;
use super::session::texts;

/// Why something that a client sent was refused by the session itself, as opposed to policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No command, or one that is malformed or out of order.
    Syntax,
    /// Of a command or of a message.
    LineTooLong,
    /// Spoke before it was its turn.
    EarlyTalker,
    /// Or a NUL in a message.
    BareNewline,
    TooBig,
    /// The header block is too large.
    Header,
    Hops,
    /// Was sent away after too many errors, or too much that nobody asked for.
    Errors,
    /// Was sent away after too many unknown recipients.
    Harvest,
    Xclient,
    /// Is trusted to send a PROXY header and did not.
    Proxy,
    Other,
}

impl Rejection {
    pub const ALL: [Self; 12] = [
        Self::Syntax,
        Self::LineTooLong,
        Self::EarlyTalker,
        Self::BareNewline,
        Self::TooBig,
        Self::Header,
        Self::Hops,
        Self::Errors,
        Self::Harvest,
        Self::Xclient,
        Self::Proxy,
        Self::Other,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::LineTooLong => "line_too_long",
            Self::EarlyTalker => "early_talker",
            Self::BareNewline => "bare_newline",
            Self::TooBig => "too_big",
            Self::Header => "header",
            Self::Hops => "hops",
            Self::Errors => "errors",
            Self::Harvest => "harvest",
            Self::Xclient => "xclient",
            Self::Proxy => "proxy",
            Self::Other => "other",
        }
    }

    /// `None` for a reply that is no complaint, or the complaint about a passing trouble of ours.
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        let known: [(Reply, Self); 15] = [
            (Fault::TooLong.reply(), Self::LineTooLong),
            (texts::flawed(Flaw::LineTooLong), Self::LineTooLong),
            (texts::EARLY, Self::EarlyTalker),
            (Fault::BareNewline.reply(), Self::BareNewline),
            (texts::flawed(Flaw::BareNewline), Self::BareNewline),
            (texts::flawed(Flaw::Nul), Self::BareNewline),
            (texts::TOO_BIG, Self::TooBig),
            (texts::FAR_TOO_BIG, Self::TooBig),
            (texts::HEADER_TOO_BIG, Self::Header),
            (texts::TOO_MANY_HOPS, Self::Hops),
            (texts::TOO_MANY_ERRORS, Self::Errors),
            (texts::UNWANTED, Self::Errors),
            (texts::TOO_MANY_UNKNOWN, Self::Harvest),
            (texts::XCLIENT_DENIED, Self::Xclient),
            (texts::XCLIENT_BAD, Self::Xclient),
        ];
        match known.into_iter().find(|(it, _)| it == reply) {
            Some((_, rejection)) => Some(rejection),
            None if matches!(reply.code, 500..=503 | 555) => Some(Self::Syntax),
            None => reply.is_permanent().then_some(Self::Other),
        }
    }
}

/// How often each happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejections([u32; Rejection::ALL.len()]);

impl Rejections {
    pub(super) fn add(&mut self, rejection: Rejection) {
        let count = &mut self.0[rejection as usize];
        *count = count.saturating_add(1);
    }

    /// Those that did happen.
    pub fn iter(&self) -> impl Iterator<Item = (Rejection, u32)> {
        Rejection::ALL.into_iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_place_and_its_label() {
        for (place, rejection) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(rejection as usize, place);
        }
        let mut labels = Rejection::ALL.map(Rejection::label).to_vec();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Rejection::ALL.len());
    }

    #[test]
    fn what_is_no_complaint_is_not_counted() {
        for reply in [texts::BYE, texts::TOO_MANY_RECIPIENTS, texts::TOO_MANY_MESSAGES] {
            assert_eq!(Rejection::of(&reply), None);
        }
        assert_eq!(Rejection::of(&Fault::Unknown.reply()), Some(Rejection::Syntax));
        assert_eq!(Rejection::of(&texts::NO_RECIPIENTS), Some(Rejection::Other));
    }
}
