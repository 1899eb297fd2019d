//! Writes the commands of a transaction.

use mail::{Address, BodyType, Envelope, Notify, Ret, ReversePath};

use super::{Capabilities, Request, RequestRecipient};

/// `MAIL`, with the parameters that the server offered to understand.
///
/// Source: RFC 5321 §4.1.1.2; RFC 1870 §6.1; RFC 6152 §2; RFC 6531 §3.4; RFC 3461 §4.3, §4.4.
pub(super) fn mail(
    out: &mut Vec<u8>,
    capabilities: &Capabilities,
    request: &Request<'_>,
    smtputf8: bool,
) {
    let envelope = request.envelope;
    out.extend_from_slice(b"MAIL FROM:<");
    if let ReversePath::Mailbox(address) = &envelope.reverse_path {
        push_address(out, address);
    }
    out.push(b'>');
    if capabilities.size {
        out.extend_from_slice(b" SIZE=");
        push_number(out, request.size);
    }
    out.extend_from_slice(body_parameter(capabilities, envelope).as_bytes());
    if smtputf8 {
        out.extend_from_slice(b" SMTPUTF8");
    }
    if capabilities.dsn {
        push_dsn(out, envelope);
    }
    out.extend_from_slice(b"\r\n");
}

fn body_parameter(capabilities: &Capabilities, envelope: &Envelope) -> &'static str {
    match envelope.body {
        BodyType::EightBitMime if capabilities.eight_bit_mime => " BODY=8BITMIME",
        BodyType::BinaryMime if capabilities.binary_mime => " BODY=BINARYMIME",
        BodyType::SevenBit | BodyType::EightBitMime | BodyType::BinaryMime => "",
    }
}

fn push_dsn(out: &mut Vec<u8>, envelope: &Envelope) {
    match envelope.ret {
        Some(Ret::Full) => out.extend_from_slice(b" RET=FULL"),
        Some(Ret::Headers) => out.extend_from_slice(b" RET=HDRS"),
        None => (),
    }
    if let Some(envid) = envelope.envid.as_deref().filter(|it| is_value(it)) {
        out.extend_from_slice(b" ENVID=");
        out.extend_from_slice(envid.as_bytes());
    }
}

/// `RCPT`, with NOTIFY and ORCPT where the server offered DSN.
///
/// Source: RFC 5321 §4.1.1.3; RFC 3461 §4.1, §4.2.
pub(super) fn rcpt(
    out: &mut Vec<u8>,
    capabilities: &Capabilities,
    recipient: &RequestRecipient<'_>,
) {
    out.extend_from_slice(b"RCPT TO:<");
    push_address(out, recipient.address);
    out.push(b'>');
    if capabilities.dsn {
        push_notify(out, recipient.notify);
        if let Some(orcpt) = recipient.orcpt.filter(|it| is_value(it)) {
            out.extend_from_slice(b" ORCPT=");
            out.extend_from_slice(orcpt.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn push_notify(out: &mut Vec<u8>, notify: Notify) {
    if !notify.explicit {
        return;
    }
    if notify.is_never() {
        out.extend_from_slice(b" NOTIFY=NEVER");
        return;
    }
    let mut glue: &[u8] = b" NOTIFY=";
    for (word, is_on) in
        [("SUCCESS", notify.success), ("FAILURE", notify.failure), ("DELAY", notify.delay)]
    {
        if is_on {
            out.extend_from_slice(glue);
            out.extend_from_slice(word.as_bytes());
            glue = b",";
        }
    }
}

/// The whole message as one last chunk. Its octets follow at once.
pub(super) fn bdat_last(out: &mut Vec<u8>, size: u64) {
    out.extend_from_slice(b"BDAT ");
    push_number(out, size);
    out.extend_from_slice(b" LAST\r\n");
}

/// [`Address`] holds neither control characters nor unquoted blanks, so it cannot end the line.
fn push_address(out: &mut Vec<u8>, address: &Address) {
    out.extend_from_slice(address.local().as_bytes());
    out.push(b'@');
    let domain = address.domain();
    if domain.is_literal() {
        out.extend_from_slice(domain.to_string().as_bytes());
    } else {
        out.extend_from_slice(domain.as_str().as_bytes());
    }
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// An esmtp-value: printable, no blank and no `=`; UTF-8 as in the ORCPT of RFC 6533.
/// It was checked when it came in; what it may end up doing to a command line is checked here.
fn is_value(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '=')
}

#[cfg(test)]
mod tests {
    use super::super::Transfer;
    use super::*;

    fn all() -> Capabilities {
        Capabilities {
            size: true,
            eight_bit_mime: true,
            binary_mime: true,
            dsn: true,
            ..Capabilities::default()
        }
    }

    fn mail_line(capabilities: &Capabilities, envelope: &Envelope) -> String {
        let mut out = Vec::new();
        let request = Request { envelope, size: 1234, transfer: Transfer::Bdat };
        mail(&mut out, capabilities, &request, capabilities.smtputf8 && envelope.smtputf8);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parameters_go_only_to_servers_that_offered_them() {
        let mut envelope = Envelope {
            reverse_path: ReversePath::Mailbox("\"a b\"@[IPv6:::1]".parse().unwrap()),
            recipients: vec![],
            body: BodyType::EightBitMime,
            smtputf8: true,
            ret: Some(Ret::Headers),
            envid: Some("QQ+2B7".into()),
        };
        let none = Capabilities::default();
        assert_eq!(mail_line(&none, &envelope), "MAIL FROM:<\"a b\"@[IPv6:::1]>\r\n");
        assert_eq!(
            mail_line(&Capabilities { smtputf8: true, ..all() }, &envelope),
            "MAIL FROM:<\"a b\"@[IPv6:::1]> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B7\r\n"
        );
        envelope.reverse_path = ReversePath::Null;
        envelope.body = BodyType::BinaryMime;
        envelope.envid = Some("a\r\nRSET".into());
        assert_eq!(
            mail_line(&all(), &envelope),
            "MAIL FROM:<> SIZE=1234 BODY=BINARYMIME RET=HDRS\r\n"
        );
    }

    #[test]
    fn notify_and_orcpt_are_passed_on_as_they_came() {
        let address = "anna@contoso.mail.onmicrosoft.com".parse().unwrap();
        let line = |capabilities: &Capabilities, notify, orcpt| {
            let mut out = Vec::new();
            let recipient = RequestRecipient { address: &address, notify, orcpt };
            rcpt(&mut out, capabilities, &recipient);
            String::from_utf8(out).unwrap()
        };
        let start = "RCPT TO:<anna@contoso.mail.onmicrosoft.com>";
        let two = Notify { explicit: true, success: true, failure: false, delay: true };
        let orcpt = Some("rfc822;anna@contoso.example");
        assert_eq!(line(&Capabilities::default(), two, orcpt), format!("{start}\r\n"));
        assert_eq!(
            line(&all(), two, orcpt),
            format!("{start} NOTIFY=SUCCESS,DELAY ORCPT=rfc822;anna@contoso.example\r\n")
        );
        assert_eq!(line(&all(), Notify::NEVER, None), format!("{start} NOTIFY=NEVER\r\n"));
        assert_eq!(line(&all(), Notify::DEFAULT, Some("a b")), format!("{start}\r\n"));
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let mut out = Vec::new();
            bdat_last(&mut out, number);
            assert_eq!(out, format!("BDAT {number} LAST\r\n").into_bytes());
        }
    }
}
