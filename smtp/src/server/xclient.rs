//! XCLIENT: a trusted filter in front of us passes on whom it is talking to.

use std::net::IpAddr;

use mail::Protocol;

/// The attributes that are offered in EHLO. Of the others, what is unavailable is as if it had
/// not been given.
///
/// Source: Postfix's XCLIENT_README.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Xclient {
    pub(super) name: Option<Box<str>>,
    pub(super) address: Told,
    pub(super) port: Option<u16>,
    pub(super) helo: Option<Box<str>>,
    pub(super) protocol: Option<Protocol>,
}

/// What the filter says of its client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Told {
    #[default]
    Nothing,
    /// That it does not know it.
    Unknown,
    Is(IpAddr),
}

pub(super) const OFFER: &str = "XCLIENT NAME ADDR PORT PROTO HELO";

impl Xclient {
    /// `None` when an attribute is unknown or its value malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut all = Self::default();
        let words = text.split(' ').filter(|it| !it.is_empty());
        for word in words {
            let (name, value) = word.split_once('=')?;
            let value = decode(value)?;
            if matches!(&*value.to_ascii_uppercase(), "[UNAVAILABLE]" | "[TEMPUNAVAIL]") {
                if name.eq_ignore_ascii_case("ADDR") {
                    all.address = Told::Unknown;
                }
                continue;
            }
            match &*name.to_ascii_uppercase() {
                "NAME" => all.name = Some(value.into()),
                "ADDR" => all.address = Told::Is(address(&value)?),
                "PORT" => all.port = Some(value.parse().ok()?),
                "HELO" => all.helo = Some(value.into()),
                "PROTO" if value.eq_ignore_ascii_case("SMTP") => {
                    all.protocol = Some(Protocol::Smtp);
                }
                "PROTO" if value.eq_ignore_ascii_case("ESMTP") => {
                    all.protocol = Some(Protocol::Esmtp);
                }
                _ => return None,
            }
        }
        (all != Self::default() || !text.trim().is_empty()).then_some(all)
    }
}

fn address(text: &str) -> Option<IpAddr> {
    let v6 = text.get(..5).filter(|it| it.eq_ignore_ascii_case("IPv6:"));
    match v6 {
        Some(_) => text[5..].parse().ok().map(IpAddr::V6),
        None => text.parse().ok().map(IpAddr::V4),
    }
}

/// xtext to printable ASCII of at most 255 octets; anything else is refused.
fn decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        };
        out.push(byte.is_ascii_graphic().then_some(char::from(byte))?);
    }
    (1..=255).contains(&out.len()).then_some(out)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        let all = Xclient::parse("NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=99 HELO=a+2Eb PROTO=smtp");
        let want = Xclient {
            name: None,
            address: Told::Is(IpAddr::from([192, 0, 2, 7])),
            port: Some(99),
            helo: Some("a.b".into()),
            protocol: Some(Protocol::Smtp),
        };
        assert_eq!(all, Some(want));
        let v6 = Xclient::parse("addr=IPV6:2001:db8::1").unwrap();
        assert_eq!(v6.address, Told::Is("2001:db8::1".parse().unwrap()));
        let address = |text| Xclient::parse(text).unwrap().address;
        assert_eq!(address("addr=[unavailable]"), Told::Unknown);
        assert_eq!(address("ADDR=[TEMPUNAVAIL] NAME=x"), Told::Unknown);
        assert_eq!(address("NAME=x"), Told::Nothing);
    }

    #[test]
    fn malformed_attributes() {
        for bad in ["", "ADDR", "ADDR=x", "LOGIN=me", "PROTO=LMTP", "NAME=a+0D+0Ab", "PORT=70000"] {
            assert_eq!(Xclient::parse(bad), None, "{bad}");
        }
    }
}
