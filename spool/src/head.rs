//! The head section of a message record: envelope, origin, and what else is known at acceptance.

use mail::{
    Address, BodyType, Envelope, Notify, Origin, Protocol, Recipient, RecipientKind, Ret,
    ReversePath, SiteName, Timestamp, TlsInfo,
};

use crate::codec::{Malformed, Put, Take};
use crate::event::Event;

/// All of a message but its id and its body. Layout: docs/formats/spool.md, "Message head".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) accepted_at: Timestamp,
    pub(crate) envelope: Envelope,
    pub(crate) origin: Origin,
    /// The `Message-ID` header, brackets included, as far as the first 998 octets.
    pub(crate) message_id: Option<Box<str>>,
    /// What this message settles by existing: a DSN and the failure that it reports are one.
    pub(crate) settles: Option<Event>,
}

impl Head {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Take(bytes);
        let head = Self {
            accepted_at: Timestamp::from_micros(from.u64()?),
            envelope: take_envelope(&mut from)?,
            origin: take_origin(&mut from)?,
            message_id: from.option_text()?.map(Into::into),
            settles: if from.flag()? { Some(Event::decode(&mut from)?) } else { None },
        };
        from.end()?;
        Ok(head)
    }
}

/// Borrowed twin of [`Head`], so that accepting a message clones nothing.
pub(crate) struct HeadRef<'a> {
    pub(crate) accepted_at: Timestamp,
    pub(crate) envelope: &'a Envelope,
    pub(crate) origin: &'a Origin,
    pub(crate) message_id: Option<&'a str>,
    pub(crate) settles: Option<&'a Event>,
}

impl HeadRef<'_> {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.accepted_at.as_micros());
        put_envelope(out, self.envelope);
        put_origin(out, self.origin);
        out.put_option_text(self.message_id);
        out.put_u8(u8::from(self.settles.is_some()));
        if let Some(event) = self.settles {
            event.encode(out);
        }
    }
}

fn put_address(out: &mut Vec<u8>, address: &Address) {
    let (local, domain) = (address.local(), address.domain().as_str());
    let n = local.len() + 1 + domain.len();
    out.put_u32(u32::try_from(n).unwrap_or(u32::MAX));
    out.put(local.as_bytes());
    out.put(b"@");
    out.put(domain.as_bytes());
}

fn take_address(from: &mut Take<'_>) -> Result<Address, Malformed> {
    from.text()?.parse().map_err(|_| Malformed("address"))
}

fn put_envelope(out: &mut Vec<u8>, envelope: &Envelope) {
    match &envelope.reverse_path {
        ReversePath::Null => out.put_u8(0),
        ReversePath::Mailbox(address) => {
            out.put_u8(1);
            put_address(out, address);
        }
    }
    out.put_u16(u16::try_from(envelope.recipients.len()).unwrap_or(u16::MAX));
    for recipient in &envelope.recipients {
        put_recipient(out, recipient);
    }
    out.put_u8(match envelope.body {
        BodyType::SevenBit => 0,
        BodyType::EightBitMime => 1,
        BodyType::BinaryMime => 2,
    });
    out.put_u8(u8::from(envelope.smtputf8));
    out.put_u8(match envelope.ret {
        None => 0,
        Some(Ret::Full) => 1,
        Some(Ret::Headers) => 2,
    });
    out.put_option_text(envelope.envid.as_deref());
}

fn take_envelope(from: &mut Take<'_>) -> Result<Envelope, Malformed> {
    let reverse_path =
        if from.flag()? { ReversePath::Mailbox(take_address(from)?) } else { ReversePath::Null };
    let n = from.u16()?;
    let recipients = (0..n).map(|_| take_recipient(from)).collect::<Result<_, _>>()?;
    let body = match from.u8()? {
        0 => BodyType::SevenBit,
        1 => BodyType::EightBitMime,
        2 => BodyType::BinaryMime,
        _ => return Err(Malformed("body type")),
    };
    let smtputf8 = from.flag()?;
    let ret = match from.u8()? {
        0 => None,
        1 => Some(Ret::Full),
        2 => Some(Ret::Headers),
        _ => return Err(Malformed("RET")),
    };
    let envid = from.option_text()?.map(Into::into);
    Ok(Envelope { reverse_path, recipients, body, smtputf8, ret, envid })
}

fn put_recipient(out: &mut Vec<u8>, recipient: &Recipient) {
    put_address(out, &recipient.address);
    let Notify { explicit, success, failure, delay } = recipient.notify;
    let bits = [explicit, success, failure, delay];
    out.put_u8(bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit)));
    out.put_option_text(recipient.orcpt.as_deref());
    match &recipient.kind {
        RecipientKind::Named => out.put_u8(0),
        RecipientKind::Copy { site } => {
            out.put_u8(1);
            out.put_text(site.as_str());
        }
    }
}

fn take_recipient(from: &mut Take<'_>) -> Result<Recipient, Malformed> {
    let address = take_address(from)?;
    let bits = from.u8()?;
    if bits > 15 {
        return Err(Malformed("NOTIFY"));
    }
    let bit = |n: u8| bits >> n & 1 == 1;
    let notify = Notify { explicit: bit(0), success: bit(1), failure: bit(2), delay: bit(3) };
    let orcpt = from.option_text()?.map(Into::into);
    let kind = if from.flag()? {
        RecipientKind::Copy { site: SiteName::new(from.text()?) }
    } else {
        RecipientKind::Named
    };
    Ok(Recipient { address, notify, orcpt, kind })
}

fn put_origin(out: &mut Vec<u8>, origin: &Origin) {
    out.put_text(&origin.listener);
    out.put_ip(origin.peer);
    out.put_text(&origin.helo);
    out.put_u8(match origin.protocol {
        Protocol::Smtp => 0,
        Protocol::Esmtp => 1,
    });
    out.put_u8(u8::from(origin.tls.is_some()));
    if let Some(tls) = &origin.tls {
        out.put_text(&tls.version);
        out.put_text(&tls.cipher);
    }
    out.put_option_text(origin.client_certificate.as_deref());
}

fn take_origin(from: &mut Take<'_>) -> Result<Origin, Malformed> {
    let listener = from.text()?.into();
    let peer = from.ip()?;
    let helo = from.text()?.into();
    let protocol = if from.flag()? { Protocol::Esmtp } else { Protocol::Smtp };
    let tls = if from.flag()? {
        Some(TlsInfo { version: from.text()?.into(), cipher: from.text()?.into() })
    } else {
        None
    };
    let client_certificate = from.option_text()?.map(Into::into);
    Ok(Origin { listener, peer, helo, protocol, tls, client_certificate })
}

/// The value of the first `Message-ID` header, unfolded spaces trimmed, at most 998 octets.
///
/// Looks at the header block only and at no more than its first 256 KiB; what is not UTF-8 counts
/// as absent, since it could not be asked for either.
///
/// Source: RFC 5322 §3.6.4.
pub(crate) fn message_id(body: &[u8]) -> Option<&str> {
    let mut rest = body.get(..256 * 1024).unwrap_or(body);
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if line.is_empty() {
            return None;
        }
        let name = b"message-id:";
        if line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name)) {
            let same_line = line[name.len()..].trim_ascii();
            let value = if same_line.is_empty() { folded(&rest[end + 1..]) } else { same_line };
            let value = value.get(..998).unwrap_or(value);
            return std::str::from_utf8(value).ok().filter(|it| !it.is_empty());
        }
        rest = &rest[end + 1..];
    }
}

/// The continuation line that holds the value when the header was folded right after its name.
fn folded(next: &[u8]) -> &[u8] {
    let line = &next[..memchr::memchr(b'\n', next).unwrap_or(next.len())];
    if line.first().is_some_and(|it| matches!(it, b' ' | b'\t')) { line.trim_ascii() } else { b"" }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event;
    use mail::SpoolId;

    pub(crate) fn rich() -> Head {
        let recipient = |address: &str, kind| Recipient {
            address: address.parse().unwrap(),
            notify: Notify { explicit: true, success: true, failure: false, delay: true },
            orcpt: Some("rfc822;a+2Bb@x.example".into()),
            kind,
        };
        Head {
            accepted_at: Timestamp::from_micros(1_764_106_609_000_042),
            envelope: Envelope {
                reverse_path: ReversePath::Mailbox("\"a b\"@x.example".parse().unwrap()),
                recipients: vec![
                    recipient("anna@contoso.example", RecipientKind::Named),
                    recipient(
                        "bo@[IPv6:::1]",
                        RecipientKind::Copy { site: SiteName::new("cloud") },
                    ),
                ],
                body: BodyType::BinaryMime,
                smtputf8: true,
                ret: Some(Ret::Headers),
                envid: Some("QQ314159".into()),
            },
            origin: Origin {
                listener: "mx".into(),
                peer: Some("2001:db8::9".parse().unwrap()),
                helo: "client.example".into(),
                protocol: Protocol::Esmtp,
                tls: Some(TlsInfo { version: "TLSv1.3".into(), cipher: "X".into() }),
                client_certificate: Some("site.example".into()),
            },
            message_id: Some("<1@x.example>".into()),
            settles: event::tests::every_kind(SpoolId::from_u64(5)).pop(),
        }
    }

    pub(crate) fn bytes_of(head: &Head) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Head { accepted_at, envelope, origin, message_id, settles } = head;
        let (message_id, settles) = (message_id.as_deref(), settles.as_ref());
        HeadRef { accepted_at: *accepted_at, envelope, origin, message_id, settles }
            .encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_head_comes_back_as_it_was() {
        let head = rich();
        let bytes = bytes_of(&head);
        assert_eq!(Head::decode(&bytes).as_ref(), Ok(&head));
        for cut in 0..bytes.len() {
            assert!(Head::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn the_message_id_is_found_in_the_header_block_only() {
        assert_eq!(message_id(b"From: a\r\nMESSAGE-id:  <x@y> \r\n\r\n"), Some("<x@y>"));
        assert_eq!(message_id(b"Message-ID:\r\n <x@y>\r\n\r\n"), Some("<x@y>"));
        assert_eq!(message_id(b"Message-ID:\r\nTo: b\r\n\r\n"), None);
        assert_eq!(message_id(b"From: a\r\n\r\nMessage-ID: <x@y>\r\n"), None);
        assert_eq!(message_id(b"no line end"), None);
        assert_eq!(message_id(b""), None);
    }
}
