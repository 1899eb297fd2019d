//! Properties of the session that no list of dialogues can cover.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use mail::{Address, Reply};
use proptest::prelude::*;
use smtp::server::{Peer, Rules, Session, Step, Verdict};

/// What the client hears, and the messages that were stored.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    out: Vec<u8>,
    stored: Vec<Vec<u8>>,
    is_closed: bool,
}

fn rules() -> Arc<Rules> {
    let mut rules = Rules::new("gw.example".parse().unwrap());
    rules.starttls = true;
    rules.message_bytes_max = 200;
    rules.command_line_max = 128;
    rules.data_line_max = 60;
    rules.errors_hard = 1000;
    rules.unknown_recipients_hard = 1000;
    Arc::new(rules)
}

fn hear<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let peer = Peer { address: "192.0.2.1".parse().ok(), port: 25, name: None, may_xclient: false };
    let mut session = Session::new(rules(), peer);
    let mut heard = Heard { out: Vec::new(), stored: Vec::new(), is_closed: false };
    let mut body = Vec::new();
    for mut input in pieces {
        loop {
            match session.step(&mut input, &mut heard.out, &mut body) {
                Step::Read => break,
                Step::Sender { .. } => session.sender(Ok(()), &mut heard.out),
                Step::Recipient(path) => session.recipient(verdict(path), &mut heard.out),
                Step::Open => {
                    body.clear();
                    session.opened(Ok(()), &mut heard.out);
                }
                Step::Discard => body.clear(),
                Step::Store(transaction) => {
                    assert_eq!(transaction.octets, body.len() as u64);
                    assert!(!transaction.envelope.recipients.is_empty());
                    heard.stored.push(std::mem::take(&mut body));
                    session.stored(&Reply::new(250, (2, 0, 0), "Queued"), &mut heard.out);
                }
                Step::StartTls => {
                    let info = mail::TlsInfo { version: "1".into(), cipher: "2".into() };
                    session.tls_started(info, None);
                    break;
                }
                Step::Delay(_) => (),
                Step::Close => {
                    heard.is_closed = true;
                    return heard;
                }
            }
        }
        assert!(body.len() <= 300, "a refused body is not kept");
    }
    heard
}

fn verdict(path: mail::Path) -> Verdict {
    match path {
        mail::Path::Mailbox(address) if address.local() == "anna" => {
            Verdict::Accept { address, copy_to: None }
        }
        mail::Path::Mailbox(_) => Verdict::Refuse(Reply::new(550, (5, 1, 1), "No")),
        mail::Path::Postmaster => {
            let address: Address = "postmaster@gw.example".parse().unwrap();
            Verdict::Accept { address, copy_to: None }
        }
    }
}

/// Replies by their final lines, each of which must be well formed.
fn replies(out: &[u8]) -> usize {
    let text = std::str::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with("\r\n"));
    let lines = text.split_terminator("\r\n").inspect(|line| {
        assert!(line.bytes().all(|it| (0x20..0x7f).contains(&it)), "{line:?}");
        assert!(line.len() <= 512 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit));
    });
    lines.filter(|line| line.as_bytes()[3] == b' ').count()
}

fn command() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("EHLO x".to_owned()),
        Just("MAIL FROM:<>".to_owned()),
        Just("RCPT TO:<anna@b>".to_owned()),
        "(HELO x|RCPT TO:<b@c>|RCPT TO:<postmaster>|RSET|NOOP|VRFY x|STARTTLS|XCLIENT ADDR=1)",
        "MAIL FROM:<a@b> (SIZE=[0-9]{1,25}|BODY=BINARYMIME|SMTPUTF8|RET=FULL|ENVID=[!-~]{1,5})",
        "[ -~]{0,40}",
        "[\\PC]{0,40}",
        "[A-Z]{4} [ -~]{0,200}",
    ]
    .prop_filter("data changes what a line is", |line| {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        !["DATA", "BDAT", "QUIT"].contains(&verb.as_str()) && !line.contains("HTTP/1.")
    })
}

/// A group that a client may pipeline: what must be last in it is last.
fn group() -> impl Strategy<Value = Vec<u8>> {
    let data = prop::collection::vec("[.a]{0,70}", 0..6);
    let head = "(MAIL FROM:<>\r\n)?(RCPT TO:<anna@b>\r\n|RCPT TO:<c@d>\r\n|NOOP\r\n|FOO\r\n){0,4}";
    let chunk = (0_u64..80, any::<bool>()).prop_map(|(n, last)| {
        let mut group = format!("BDAT {n}{}\r\n", if last { " LAST" } else { "" }).into_bytes();
        group.extend((0..n).map(|at| b"QUIT\r\n.\n\0"[at as usize % 9]));
        group
    });
    prop_oneof![
        Just(b"EHLO x\r\n".to_vec()),
        (head, prop::collection::vec(chunk, 0..4)).prop_map(|(head, chunks)| [
            head.into_bytes(),
            chunks.concat()
        ]
        .concat()),
        data.prop_map(|lines| (lines.join("\r\n") + "\r\n.\r\n").into_bytes()),
        Just(b"MAIL FROM:<>\r\nRCPT TO:<anna@b>\r\nDATA\r\n".to_vec()),
        Just(b"STARTTLS\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..60),
    ]
}

/// A header that is refused early must not let the rest of the body pile up.
#[test]
fn what_follows_a_refusal_is_not_kept() {
    let mut rules = Rules::new("gw.example".parse().unwrap());
    rules.header_bytes_max = 100;
    let peer = Peer { address: "192.0.2.1".parse().ok(), port: 25, name: None, may_xclient: false };
    let mut session = Session::new(Arc::new(rules), peer);
    let (mut out, mut body, mut discarded) = (Vec::new(), Vec::new(), false);
    let line = [&[b'x'; 78][..], b"\r\n"].concat();
    let start = b"EHLO x\r\n";
    let group = b"MAIL FROM:<>\r\nRCPT TO:<anna@b>\r\nDATA\r\n";
    let lines = std::iter::repeat_n(line.as_slice(), 1000);
    for mut input in [&start[..], group].into_iter().chain(lines) {
        loop {
            match session.step(&mut input, &mut out, &mut body) {
                Step::Read => break,
                Step::Sender { .. } => session.sender(Ok(()), &mut out),
                Step::Recipient(path) => session.recipient(verdict(path), &mut out),
                Step::Open => session.opened(Ok(()), &mut out),
                Step::Discard => {
                    discarded = true;
                    body = Vec::new();
                }
                step => panic!("{step:?}"),
            }
        }
    }
    assert!(discarded && body.is_empty());
}

/// The disk is full in the middle of a message, and its client sends it all the same.
#[test]
fn trouble_of_ours_is_never_a_permanent_refusal() {
    let mut rules = Rules::new("gw.example".parse().unwrap());
    rules.message_bytes_max = 1 << 16;
    let peer = Peer { address: "192.0.2.1".parse().ok(), port: 25, name: None, may_xclient: false };
    let line = [&[b'x'; 998][..], b"\r\n"].concat();
    for n_messages in [1, 10] {
        let mut session = Session::new(Arc::new(rules.clone()), peer.clone());
        let (mut out, mut body) = (Vec::new(), Vec::new());
        let mut feed = |session: &mut Session, mut input: &[u8]| {
            loop {
                match session.step(&mut input, &mut out, &mut body) {
                    Step::Sender { .. } => session.sender(Ok(()), &mut out),
                    Step::Recipient(path) => session.recipient(verdict(path), &mut out),
                    Step::Open => session.opened(Ok(()), &mut out),
                    Step::Discard => body.clear(),
                    Step::Read | Step::Close => break,
                    step => panic!("{step:?}"),
                }
            }
            String::from_utf8(std::mem::take(&mut out)).unwrap()
        };
        feed(&mut session, b"EHLO x\r\n");
        for _ in 0..n_messages {
            let said = feed(&mut session, b"MAIL FROM:<>\r\nRCPT TO:<anna@b>\r\nDATA\r\n");
            assert!(said.ends_with("354 End data with <CR><LF>.<CR><LF>\r\n"), "{said}");
            session.spoil(Reply::new(452, (4, 3, 1), "Insufficient system storage"));
            // As much as it may send, many times over: each message counts for itself.
            let said = feed(&mut session, &line.repeat(if n_messages == 1 { 2000 } else { 600 }));
            match n_messages {
                1 => assert_eq!(said, "452 4.3.1 Insufficient system storage\r\n"),
                _ => assert_eq!(said, ""),
            }
            let said = feed(&mut session, b".\r\n");
            assert!(
                n_messages == 1 || said == "452 4.3.1 Insufficient system storage\r\n",
                "{said}"
            );
        }
    }
}

/// What a filter is must not be taken for what its client is.
#[test]
fn nothing_of_the_filter_is_left_behind_xclient() {
    let peer = Peer { address: "192.0.2.1".parse().ok(), port: 25, name: None, may_xclient: true };
    let mut session = Session::new(rules(), peer.clone());
    let say = |session: &mut Session, text: &str| {
        let (mut out, mut body) = (Vec::new(), Vec::new());
        let step = session.step(&mut text.as_bytes(), &mut out, &mut body);
        (step, String::from_utf8(out).unwrap())
    };
    let info = || mail::TlsInfo { version: "1".into(), cipher: "2".into() };
    session.tls_started(info(), Some("filter.example".into()));
    assert_eq!(session.certificate(), Some("filter.example"));
    for (told, want) in [
        ("HELO=client.example", None),
        ("ADDR=198.51.100.7", "198.51.100.7".parse().ok()),
        ("NAME=mail.client.example", "198.51.100.7".parse().ok()),
        ("ADDR=[UNAVAILABLE]", None),
    ] {
        let (_, said) = say(&mut session, &format!("XCLIENT {told}\r\n"));
        assert!(said.starts_with("220 "), "{said}");
        assert_eq!(session.peer().address, want, "{told}");
        assert_eq!(session.certificate(), None);
        assert_eq!(session.origin("mx").peer, want);
    }

    let mut session = Session::new(rules(), peer.clone());
    say(&mut session, "XCLIENT ADDR=198.51.100.7 HELO=client.example\r\n");
    assert_eq!(say(&mut session, "STARTTLS\r\n").0, Step::StartTls);
    session.tls_started(info(), None);
    assert_eq!(session.peer(), &peer);
}

proptest! {
    /// Every command line is answered exactly once while the session is open.
    #[test]
    fn any_dialogue_is_answered(lines in prop::collection::vec(command(), 0..40)) {
        let lines: Vec<Vec<u8>> =
            lines.iter().map(|it| format!("{it}\r\n").into_bytes()).collect();
        let heard = hear(lines.iter().map(Vec::as_slice));
        match heard.is_closed {
            true => prop_assert!(replies(&heard.out) <= lines.len()),
            false => prop_assert_eq!(replies(&heard.out), lines.len()),
        }
    }

    /// Where the network cuts the stream changes nothing. Groups start with a wait, so that no
    /// cut hides who speaks too early; after garbage that looks early the comparison stops.
    #[test]
    fn any_split_gives_the_same(groups in prop::collection::vec(group(), 0..12), at_once in 1_usize..9) {
        let whole = hear(groups.iter().map(Vec::as_slice));
        let early = memchr::memmem::find(&whole.out, b"before the reply").is_some();
        let pieces = hear(groups.iter().flat_map(|it| it.chunks(at_once)));
        if !early {
            prop_assert_eq!(&whole, &pieces);
        }
        replies(&whole.out);
    }

    /// No octets make it panic or say what is no reply.
    #[test]
    fn garbage_is_survived(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10)) {
        let heard = hear(pieces.iter().map(Vec::as_slice));
        replies(&heard.out);
    }
}
