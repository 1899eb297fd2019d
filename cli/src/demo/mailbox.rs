//! What a demo's mail looks like: who gets it, which message it is, which gateway id it bore.

use std::time::Instant;

/// The relay domain.
pub(crate) const DOMAIN: &str = "contoso.example";
/// The same mailboxes' domain at the cloud site: the gateway rewrites recipients to it.
pub(crate) const CLOUD_DOMAIN: &str = "contoso.mail.example";
pub(crate) const ON_PREM: &str = "on_prem";
pub(crate) const CLOUD: &str = "cloud";

/// Mailboxes and their homes at the start.
pub(crate) const MAILBOXES: [(&str, &str); 8] = [
    ("anna", ON_PREM),
    ("bert", ON_PREM),
    ("carla", ON_PREM),
    ("david", ON_PREM),
    ("emma", CLOUD),
    ("felix", CLOUD),
    ("greta", CLOUD),
    ("hugo", CLOUD),
];

/// One recipient of one message, as a site took it.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) site: &'static str,
    /// As the site saw it.
    pub(crate) recipient: String,
    pub(crate) message_id: String,
    /// The id that the gateway gave it.
    pub(crate) gateway_id: String,
    pub(crate) at: Instant,
    /// The body is as it was sent.
    pub(crate) intact: bool,
}

impl Receipt {
    /// The name before the `@`: the same at both sites.
    pub(crate) fn mailbox(&self) -> &str {
        local(&self.recipient)
    }
}

pub(crate) fn local(address: &str) -> &str {
    address.split_once('@').map_or(address, |it| it.0)
}

pub(crate) fn address(mailbox: &str) -> String {
    format!("{mailbox}@{DOMAIN}")
}

/// `Message-ID` of the demo's message `number`, without brackets.
pub(crate) fn message_id(number: usize) -> String {
    format!("demo-{number}@sender.example")
}

/// A message of a few hundred bytes. RFC 5322.
pub(crate) fn text(number: usize, recipients: &[&str]) -> String {
    let to: Vec<_> = recipients.iter().map(|it| format!("<{}>", address(it))).collect();
    format!(
        "From: Eve <eve@sender.example>\r\nTo: {}\r\nSubject: Demo message {number}\r\n\
         Message-ID: <{}>\r\nDate: Mon, 05 Jan 2026 08:00:00 +0000\r\n\r\n\
         {}",
        to.join(", "),
        message_id(number),
        body(number)
    )
}

fn body(number: usize) -> String {
    format!("This is message {number}.\r\n.A line that begins with a dot.\r\n")
}

/// True if the body of one of the demo's messages is as it was sent.
pub(crate) fn is_intact(message: &[u8], message_id: &str) -> bool {
    let number = message_id.trim_start_matches("demo-").split('@').next().unwrap_or_default();
    let number = number.parse().unwrap_or(usize::MAX);
    message.ends_with(format!("\r\n\r\n{}", body(number)).as_bytes())
}

/// A header field's value, unfolded, without angle brackets: of the topmost field of that name.
pub(crate) fn header(message: &[u8], name: &str) -> Option<String> {
    let head = message.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(message.len());
    let head =
        String::from_utf8_lossy(&message[..head]).replace("\r\n\t", " ").replace("\r\n ", " ");
    let value = head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })?;
    Some(value.trim_matches(['<', '>']).to_owned())
}

/// The word after `id` in the topmost `Received`. RFC 5321 §4.4.
pub(crate) fn received_id(message: &[u8]) -> Option<String> {
    let received = header(message, "Received")?;
    let mut words = received.split([' ', ';']);
    words.by_ref().find(|it| it.eq_ignore_ascii_case("id"))?;
    words.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_who_it_is_and_which_id_it_bore() {
        let text = text(7, &["anna", "emma"]);
        let taken = format!(
            "Received: from x (y [127.0.0.1])\r\n\tby gw.example with ESMTP id 06abc; Mon, 5 Jan\r\n{text}"
        );
        assert_eq!(header(taken.as_bytes(), "message-id").unwrap(), message_id(7));
        assert_eq!(received_id(taken.as_bytes()).unwrap(), "06abc");
        assert_eq!(received_id(text.as_bytes()), None);
        assert!(is_intact(taken.as_bytes(), &message_id(7)));
        assert!(!is_intact(taken.as_bytes(), &message_id(8)));
        assert!(text.contains("To: <anna@contoso.example>, <emma@contoso.example>\r\n"));
    }
}
