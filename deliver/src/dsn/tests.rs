//! Notifications, read back by a parser that is not ours.

use mail::{BodyType, Notify, RecipientKind, Ret};
use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;

use super::*;

const MESSAGE: &[u8] =
    b"Message-ID: <m@x.example>\r\nSubject: Lunch on Friday\r\nTo: all\r\n\r\nHello.\r\n";

fn recipient(address: &str, orcpt: Option<&str>) -> Recipient {
    Recipient {
        address: address.parse().unwrap(),
        notify: Notify::DEFAULT,
        orcpt: orcpt.map(Into::into),
        kind: RecipientKind::Named,
    }
}

fn envelope() -> Envelope {
    Envelope {
        reverse_path: ReversePath::Mailbox("sender@x.example".parse().unwrap()),
        recipients: vec![],
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: Some("QQ+2B314".into()),
    }
}

fn news<'a>(recipient: &'a Recipient, action: Action, reply: Reply) -> DsnRecipient<'a> {
    DsnRecipient { recipient, action, reply, remote: Some("mx.y.example".into()) }
}

fn built(envelope: &Envelope, recipients: &[DsnRecipient<'_>], original: &[u8]) -> String {
    let hostname = "gw.contoso.example".parse().unwrap();
    let bytes = build(&DsnRequest {
        id: SpoolId::from_u64(77),
        at: Timestamp::from_micros(1_764_106_609_000_000),
        hostname: &hostname,
        envelope,
        accepted_at: Timestamp::from_micros(1_764_000_000_000_000),
        recipients,
        original,
        original_len: original.len() as u64,
        original_bytes_max: 65_536,
    });
    check(&bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What holds for every notification.
#[track_caller]
fn check(bytes: &[u8]) {
    assert!(encode::is_mail_text(bytes), "{}", String::from_utf8_lossy(bytes));
    let text = String::from_utf8_lossy(bytes);
    let (header, _) = text.split_once("\r\n\r\n").unwrap();
    let is_labelled = header.contains("Content-Transfer-Encoding: 8bit");
    assert!(bytes.is_ascii() || is_labelled, "{text}");
    let parsed = MessageParser::new().parse(bytes).unwrap();
    let report = &parsed.parts[0];
    assert_eq!(report.content_type().unwrap().subtype(), Some("report"));
    let parts = report.sub_parts().unwrap();
    assert_eq!(parts.len(), 3, "{text}");
}

#[test]
fn a_bounce_in_full() {
    let (anna, bert) = (
        recipient("anna@contoso.example", Some("rfc822;a.meier+2Bx@contoso.example")),
        recipient("bert@y.example", None),
    );
    let text = built(
        &envelope(),
        &[
            news(&anna, Action::Failed, Reply::new(550, (5, 1, 1), "User unknown")),
            DsnRecipient {
                remote: None,
                ..news(&bert, Action::Failed, Reply::new(552, (5, 3, 4), "Too large"))
            },
        ],
        MESSAGE,
    );
    expect_test::expect_file!["tests/bounce.eml"].assert_eq(&text.replace("\r\n", "\n"));
}

#[test]
fn the_class_of_the_status_is_that_of_the_action() {
    let anna = recipient("anna@contoso.example", None);
    for (action, reply, want) in [
        (Action::Failed, Reply::new(450, (4, 2, 2), "full"), "5.2.2"),
        (Action::Failed, Reply::plain(554, "no"), "5.0.0"),
        (Action::Delayed, Reply::new(450, (4, 4, 1), "later"), "4.4.1"),
        (Action::Relayed, Reply::new(250, (2, 6, 0), "ok"), "2.6.0"),
        (Action::Delivered, Reply::plain(250, "ok"), "2.0.0"),
    ] {
        let text = built(&envelope(), &[news(&anna, action, reply)], MESSAGE);
        assert!(text.contains(&format!("Action: {}\r\nStatus: {want}\r\n", action.as_str())));
    }
}

#[test]
fn only_failures_bring_the_message_back_and_only_if_nothing_is_against_it() {
    let anna = recipient("anna@contoso.example", None);
    let of = |action, ret, original: &[u8]| {
        let reply = Reply::plain(550, "no");
        built(&Envelope { ret, ..envelope() }, &[news(&anna, action, reply)], original)
    };
    let large = [MESSAGE, &b"line\r\n".repeat(20_000)].concat();
    let bare = [MESSAGE, b"bare\nnewline\r\n"].concat();
    let is_whole = |text: &str| text.contains("Content-Type: message/rfc822\r\n");
    for (text, want) in [
        (of(Action::Failed, None, MESSAGE), true),
        (of(Action::Failed, Some(Ret::Full), MESSAGE), true),
        (of(Action::Failed, Some(Ret::Headers), MESSAGE), false),
        (of(Action::Delayed, Some(Ret::Full), MESSAGE), false),
        (of(Action::Failed, None, &large), false),
        (of(Action::Failed, None, &bare), false),
    ] {
        assert_eq!(is_whole(&text), want, "{text}");
        assert!(text.contains("Subject: Lunch on Friday\r\nTo: all\r\n"));
    }
}

#[test]
fn eight_bit_originals_are_labelled_or_encoded() {
    let anna = recipient("anna@contoso.example", None);
    let of = |action, original: &str| {
        built(&envelope(), &[news(&anna, action, Reply::plain(550, "no"))], original.as_bytes())
    };
    let body = of(Action::Failed, "Subject: a\r\n\r\n\u{e4}\r\n");
    assert!(body.contains("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit"));
    let header = of(Action::Failed, "Subject: \u{e4}\r\n\r\n");
    assert!(header.contains("Content-Type: message/global\r\n"));
    let only_header = of(Action::Delayed, "Subject: \u{e4}\r\n\r\n");
    assert!(only_header.is_ascii() && only_header.contains("Subject: =C3=A4"), "{only_header}");
}

#[test]
fn addresses_beyond_ascii_take_the_forms_of_rfc_6533() {
    let anna = recipient("\u{e4}nna@contoso.example", None);
    let of = |smtputf8| {
        let reply = Reply::plain(550, "no");
        built(&Envelope { smtputf8, ..envelope() }, &[news(&anna, Action::Failed, reply)], MESSAGE)
    };
    assert!(of(true).contains("Content-Type: message/global-delivery-status\r\n"));
    assert!(of(true).contains("Final-Recipient: utf-8; \u{e4}nna@contoso.example\r\n"));
    let plain = of(false);
    assert!(plain.is_ascii());
    assert!(plain.contains("Final-Recipient: utf-8; \\x{E4}nna@contoso.example\r\n"));
}

#[test]
fn a_boundary_in_the_message_is_avoided() {
    let anna = recipient("anna@contoso.example", None);
    let id = SpoolId::from_u64(77);
    let original = [MESSAGE, format!("\r\n--=_{id}--\r\n--=_{id}=--\r\n").as_bytes()].concat();
    let reply = Reply::plain(550, "no");
    let text = built(&envelope(), &[news(&anna, Action::Failed, reply)], &original);
    assert!(text.contains(&format!("boundary=\"=_{id}==\"")));
}

proptest! {
    #[test]
    fn nothing_that_hosts_or_senders_write_breaks_the_form(
        text in "[ -~\r\n\u{e4}\u{0}]{0,300}",
        original in prop::collection::vec(prop_oneof![
            Just(b'\r'), Just(b'\n'), Just(0_u8), Just(b':'), Just(b'a'), Just(b' '), any::<u8>()
        ], 0..300),
        orcpt in "[a-z;+0-9\r\n\u{e4}]{0,20}",
        envid in "[a-z+0-9A-F]{0,20}",
        smtputf8 in any::<bool>(),
    ) {
        let envelope = Envelope { smtputf8, envid: Some(envid.into()), ..envelope() };
        let anna = recipient("\u{e4}nna@contoso.example", Some(&orcpt));
        let reply = Reply::plain(550, text);
        built(&envelope, &[news(&anna, Action::Failed, reply)], &original);
    }
}
