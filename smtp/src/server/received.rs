//! The one `Received` field that a pass through us adds.

use std::net::IpAddr;

use mail::{Address, Domain, Protocol, SpoolId, TlsInfo};

/// What goes into the field. `date` is in the form of RFC 5322 §3.3.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    pub helo: &'a str,
    /// `None` when nobody knows it.
    pub peer: Option<IpAddr>,
    /// The peer's name, where somebody we trust looked it up.
    pub peer_name: Option<&'a str>,
    pub by: &'a str,
    pub id: SpoolId,
    pub protocol: Protocol,
    pub tls: Option<&'a TlsInfo>,
    pub smtputf8: bool,
    /// The recipient, only if it is the only one: others must not learn of each other.
    pub only_recipient: Option<&'a Address>,
    pub date: &'a str,
}

impl Received<'_> {
    /// Appends the folded field. Nothing a peer said can add a line to it: [`Domain`] is checked,
    /// and other names are cut down to letters, digits and a few signs.
    ///
    /// Source: RFC 5321 §4.4, RFC 3848 and RFC 6531 §4.3 for `with`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut put =
            |parts: &[&str]| parts.iter().for_each(|it| out.extend_from_slice(it.as_bytes()));
        let literal = match self.peer.map(|it| it.to_canonical()) {
            Some(IpAddr::V4(v4)) => format!("[{v4}]"),
            Some(IpAddr::V6(v6)) => format!("[IPv6:{v6}]"),
            None => "unknown".to_owned(),
        };
        let name = self.peer_name.map(harmless);
        let name = name.as_deref().unwrap_or_default();
        let gap = if name.is_empty() { "" } else { " " };
        put(&["Received: from "]);
        if self.helo.parse::<Domain>().is_ok() {
            put(&[self.helo, " (", name, gap, &literal, ")"]);
        } else {
            put(&[&literal, " (", name, gap, &literal, ") (helo=", &harmless(self.helo), ")"]);
        }
        put(&["\r\n\tby ", self.by, " (Causeway) with ", self.with()]);
        if let Some(tls) = self.tls {
            put(&[" (", &harmless(&tls.version), " ", &harmless(&tls.cipher), ")"]);
        }
        put(&[" id ", &self.id.to_string()]);
        if let Some(address) = self.only_recipient {
            put(&["\r\n\tfor <", &address.to_string(), ">"]);
        }
        put(&[";\r\n\t", self.date, "\r\n"]);
    }

    const fn with(&self) -> &'static str {
        match (self.smtputf8, self.protocol, self.tls.is_some()) {
            (true, _, false) => "UTF8SMTP",
            (true, _, true) => "UTF8SMTPS",
            (false, Protocol::Esmtp, false) => "ESMTP",
            (false, Protocol::Esmtp, true) => "ESMTPS",
            (false, Protocol::Smtp, _) => "SMTP",
        }
    }
}

/// Keeps what cannot end a comment or a line.
fn harmless(text: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || "-._:[]/".contains(c);
    text.chars().map(|c| if keep(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Received<'static> {
        Received {
            helo: "client.example",
            peer: Some(IpAddr::from([192, 0, 2, 1])),
            peer_name: None,
            by: "gw.example",
            id: SpoolId::from_u64(5),
            protocol: Protocol::Esmtp,
            tls: None,
            smtputf8: false,
            only_recipient: None,
            date: "Wed, 25 Nov 2026 21:36:49 +0000",
        }
    }

    fn text(received: &Received<'_>) -> String {
        let mut out = Vec::new();
        received.write_to(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_the_client_where_exchange_looks_for_it() {
        assert_eq!(
            text(&plain()),
            "Received: from client.example ([192.0.2.1])\r\n\
             \tby gw.example (Causeway) with ESMTP id 0000000000005;\r\n\
             \tWed, 25 Nov 2026 21:36:49 +0000\r\n"
        );
    }

    #[test]
    fn one_recipient_and_tls_are_said() {
        let address: Address = "anna@known.example".parse().unwrap();
        let tls = TlsInfo { version: "TLSv1.3".into(), cipher: "TLS_AES_128_GCM_SHA256".into() };
        let received = Received {
            only_recipient: Some(&address),
            tls: Some(&tls),
            peer: "2001:db8::1".parse().ok(),
            peer_name: Some("host.example"),
            ..plain()
        };
        assert_eq!(
            text(&received),
            "Received: from client.example (host.example [IPv6:2001:db8::1])\r\n\
             \tby gw.example (Causeway) with ESMTPS (TLSv1.3 TLS_AES_128_GCM_SHA256) \
             id 0000000000005\r\n\
             \tfor <anna@known.example>;\r\n\
             \tWed, 25 Nov 2026 21:36:49 +0000\r\n"
        );
    }

    #[test]
    fn a_strange_helo_becomes_a_comment_that_cannot_break_out() {
        let text = text(&Received { helo: "a)(b\\<x>;", ..plain() });
        assert!(text.starts_with("Received: from [192.0.2.1] ([192.0.2.1]) (helo=a??b??x??)\r\n"));
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn an_address_that_nobody_knows_is_not_made_up() {
        let text = text(&Received { peer: None, ..plain() });
        assert!(text.starts_with("Received: from client.example (unknown)\r\n"), "{text}");
    }

    #[test]
    fn with_follows_the_registry() {
        let old = Received { protocol: Protocol::Smtp, ..plain() };
        assert!(text(&old).contains(" with SMTP id"));
        assert!(text(&Received { smtputf8: true, ..plain() }).contains(" with UTF8SMTP id"));
    }
}
