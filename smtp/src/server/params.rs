//! The parameters of MAIL and RCPT. Only what EHLO offers is accepted.

use mail::{BodyType, Notify, Ret};

use super::command::saturating;
use super::fault::Fault;

/// Source: RFC 1870, RFC 6152, RFC 3030, RFC 6531, RFC 3461.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParams {
    /// `SIZE=`; `u64::MAX` stands for any number above it.
    pub size: Option<u64>,
    pub body: BodyType,
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    /// In xtext, at most 100 octets.
    pub envid: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParams {
    pub notify: Notify,
    /// `type;address` in xtext as it came, at most 500 octets.
    pub orcpt: Option<Box<str>>,
}

const SIZE_DIGITS_MAX: usize = 20;
const ENVID_MAX: usize = 100;
const ORCPT_MAX: usize = 500;

impl MailParams {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut params = Self::default();
        let mut seen = Seen::default();
        for (name, value) in words(text) {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            match value {
                Some(value) if is("SIZE") => params.size = Some(size(value)?),
                Some(value) if is("BODY") => params.body = body(value)?,
                Some(value) if is("RET") => params.ret = Some(ret(value)?),
                Some(value) if is("ENVID") => params.envid = Some(envid(value)?),
                None if is("SMTPUTF8") => params.smtputf8 = true,
                _ => return Err(Fault::Parameter),
            }
            seen.once(name)?;
        }
        Ok(params)
    }
}

impl RcptParams {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut params = Self::default();
        let mut seen = Seen::default();
        for (name, value) in words(text) {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            match value {
                Some(value) if is("NOTIFY") => params.notify = notify(value)?,
                Some(value) if is("ORCPT") => params.orcpt = Some(orcpt(value)?),
                _ => return Err(Fault::Parameter),
            }
            seen.once(name)?;
        }
        Ok(params)
    }
}

fn words(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(' ').filter(|it| !it.is_empty()).map(|word| match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    })
}

/// The same parameter twice is a mistake: which one would count?
#[derive(Default)]
struct Seen<'a> {
    names: [&'a str; 5],
    n: usize,
}

impl<'a> Seen<'a> {
    fn once(&mut self, name: &'a str) -> Result<(), Fault> {
        let known = &self.names[..self.n];
        if known.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            return Err(Fault::Value("Parameter given twice"));
        }
        // There are five known names, so a sixth different one never gets here.
        if let Some(place) = self.names.get_mut(self.n) {
            *place = name;
            self.n += 1;
        }
        Ok(())
    }
}

/// At most 20 digits (RFC 1870 §3); the largest of them saturate.
fn size(value: &str) -> Result<u64, Fault> {
    let bad = Fault::Value("SIZE wants a number of octets");
    saturating(value).filter(|_| value.len() <= SIZE_DIGITS_MAX).ok_or(bad)
}

fn body(value: &str) -> Result<BodyType, Fault> {
    let is = |known: &str| value.eq_ignore_ascii_case(known);
    match value {
        _ if is("7BIT") => Ok(BodyType::SevenBit),
        _ if is("8BITMIME") => Ok(BodyType::EightBitMime),
        _ if is("BINARYMIME") => Ok(BodyType::BinaryMime),
        _ => Err(Fault::Value("BODY is 7BIT, 8BITMIME or BINARYMIME")),
    }
}

fn ret(value: &str) -> Result<Ret, Fault> {
    match value {
        _ if value.eq_ignore_ascii_case("FULL") => Ok(Ret::Full),
        _ if value.eq_ignore_ascii_case("HDRS") => Ok(Ret::Headers),
        _ => Err(Fault::Value("RET is FULL or HDRS")),
    }
}

fn envid(value: &str) -> Result<Box<str>, Fault> {
    if value.is_empty() || value.len() > ENVID_MAX || !is_xtext(value) {
        return Err(Fault::Value("ENVID is not xtext of at most 100 characters"));
    }
    Ok(value.into())
}

/// `NEVER` stands alone: RFC 3461 §4.1.
fn notify(value: &str) -> Result<Notify, Fault> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::NEVER);
    }
    let mut notify = Notify::NEVER;
    for word in value.split(',') {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        match word {
            _ if is("SUCCESS") => notify.success = true,
            _ if is("FAILURE") => notify.failure = true,
            _ if is("DELAY") => notify.delay = true,
            _ => return Err(Fault::Value("NOTIFY is NEVER, or of SUCCESS, FAILURE and DELAY")),
        }
    }
    Ok(notify)
}

/// `addr-type;xtext`. Only the form is checked: what it names is for the sender alone to know.
/// Type `utf-8` may carry UTF-8 as it is (RFC 6533 §3).
fn orcpt(value: &str) -> Result<Box<str>, Fault> {
    let bad = Fault::Value("ORCPT is type;address in xtext of at most 500 characters");
    let (kind, address) = value.split_once(';').ok_or(bad)?;
    let is_kind = !kind.is_empty()
        && kind.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_'));
    let is_address = if kind.eq_ignore_ascii_case("utf-8") {
        !address.is_empty() && !address.chars().any(char::is_control)
    } else {
        !address.is_empty() && is_xtext(address)
    };
    if !is_kind || !is_address || value.len() > ORCPT_MAX {
        return Err(bad);
    }
    Ok(value.into())
}

/// Printable ASCII without `=`; `+` only before two upper-case hexadecimal digits.
///
/// Source: RFC 3461 §4.
fn is_xtext(text: &str) -> bool {
    let mut bytes = text.bytes();
    let is_hex = |it: Option<u8>| it.is_some_and(|it| matches!(it, b'0'..=b'9' | b'A'..=b'F'));
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' if is_hex(bytes.next()) && is_hex(bytes.next()) => (),
            b'+' | b'=' => return false,
            b'!'..=b'~' => (),
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_mail_may_say() {
        let params =
            MailParams::parse("SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159+2B");
        let want = MailParams {
            size: Some(1000),
            body: BodyType::EightBitMime,
            smtputf8: true,
            ret: Some(Ret::Headers),
            envid: Some("QQ314159+2B".into()),
        };
        assert_eq!(params, Ok(want));
    }

    #[test]
    fn a_size_saturates() {
        let size = |text: &str| MailParams::parse(text).map(|it| it.size);
        assert_eq!(size("SIZE=99999999999999999999"), Ok(Some(u64::MAX)));
        assert!(size("SIZE=999999999999999999999").is_err());
        assert!(size("SIZE=-1").is_err());
        assert!(size("SIZE=").is_err());
    }

    #[test]
    fn what_was_not_offered_is_refused() {
        for text in ["AUTH=<>", "HOLDFOR=3", "SIZE", "SMTPUTF8=1", "MT-PRIORITY=1", "NOTIFY=NEVER"]
        {
            assert_eq!(MailParams::parse(text), Err(Fault::Parameter), "{text}");
        }
        assert_eq!(RcptParams::parse("SIZE=1"), Err(Fault::Parameter));
        assert!(matches!(MailParams::parse("SIZE=1 size=2"), Err(Fault::Value(_))));
    }

    #[test]
    fn notify_and_orcpt() {
        let ok = |text| RcptParams::parse(text).unwrap();
        assert!(ok("NOTIFY=NEVER").notify.is_never());
        assert!(ok("NOTIFY=success,DELAY").notify.success);
        assert!(!ok("NOTIFY=SUCCESS").notify.failure);
        assert!(ok("").notify.failure);
        assert_eq!(ok("ORCPT=rfc822;anna+2Bx@x").orcpt.as_deref(), Some("rfc822;anna+2Bx@x"));
        assert!(RcptParams::parse("ORCPT=utf-8;änna@x").is_ok());
        for bad in [
            "NOTIFY=NEVER,FAILURE",
            "NOTIFY=",
            "NOTIFY=LATER",
            "ORCPT=anna@x",
            "ORCPT=;a",
            "ORCPT=rfc822;",
            "ORCPT=rfc822;a+2bx",
            "ORCPT=rfc822;a+",
            "ORCPT=rfc822;a=b",
            "ORCPT=rfc822;ä",
        ] {
            assert!(matches!(RcptParams::parse(bad), Err(Fault::Value(_))), "{bad}");
        }
    }
}
