//! A whole session: commands, DATA, BDAT, STARTTLS, from a client that is not trusted.

use std::sync::Arc;

use mail::{Path, Reply, TlsInfo};
use smtp::server::{BareNewline, Peer, Rules, Session, Step, Verdict};

/// Most octets that a refused or small message may leave in memory.
const BODY_MAX: usize = 64 * 1024;

/// First byte: the listener and how the stream is cut; the rest is what the client sends.
pub fn session(bytes: &[u8]) {
    let Some((&choice, stream)) = bytes.split_first() else { return };
    let mut session = Session::new(Arc::new(rules(choice)), peer(choice));
    let mut out = Vec::new();
    let mut body = Vec::new();
    session.greet(&mut out);
    // Odd choices: octet by octet or nearly; even: all that a write can bring.
    let at_once = if choice & 1 == 1 { usize::from(choice >> 4) + 1 } else { 16 * 1024 };
    for piece in stream.chunks(at_once) {
        if !step(&mut session, piece, &mut out, &mut body) {
            break;
        }
        check_replies(&out);
        out.clear();
    }
    check_replies(&out);
}

fn rules(choice: u8) -> Rules {
    let mut rules = Rules::new("gw.example".parse().expect("a domain"));
    rules.from_strangers = choice & 2 == 0;
    rules.starttls = choice & 4 != 0;
    if choice & 8 != 0 {
        rules.bare_newline = BareNewline::Normalize;
    }
    rules.message_bytes_max = 8 * 1024;
    rules.errors_hard = 200;
    rules.junk_max = 500;
    rules
}

fn peer(choice: u8) -> Peer {
    let address = std::net::Ipv4Addr::new(192, 0, 2, 1).into();
    Peer { address: Some(address), port: 25, name: None, may_xclient: choice & 8 != 0 }
}

/// Feeds one piece; false once the session is closed.
fn step(session: &mut Session, piece: &[u8], out: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
    let mut input = piece;
    loop {
        match session.step(&mut input, out, body) {
            Step::Read => {
                assert!(input.is_empty(), "asks for more and has not read all");
                return true;
            }
            Step::Sender { .. } => session.sender(Ok(()), out),
            Step::Recipient(path) => session.recipient(verdict(path), out),
            Step::Open => {
                body.clear();
                session.opened(Ok(()), out);
            }
            Step::Discard => body.clear(),
            Step::Store(transaction) => {
                assert!(!transaction.envelope.recipients.is_empty(), "a message for nobody");
                body.clear();
                session.stored(&Reply::new(250, (2, 0, 0), "Queued"), out);
            }
            Step::StartTls => {
                let info = TlsInfo { version: "TLSv1.3".into(), cipher: "x".into() };
                session.tls_started(info, None);
                // What came with STARTTLS must not be read as if it came inside.
                return true;
            }
            Step::Delay(_) => (),
            Step::Close => return false,
        }
        assert!(body.len() <= BODY_MAX, "{} octets of a small message", body.len());
    }
}

fn verdict(path: Path) -> Verdict {
    match path {
        Path::Mailbox(address) if address.local().starts_with('n') => {
            Verdict::Refuse(Reply::new(550, (5, 1, 1), "No such mailbox"))
        }
        Path::Mailbox(address) => Verdict::Accept { address, copy_to: None },
        Path::Postmaster => {
            let address = "postmaster@gw.example".parse().expect("an address");
            Verdict::Accept { address, copy_to: None }
        }
    }
}

/// Whole lines, each a code and printable ASCII: nothing of the client's is echoed raw.
fn check_replies(out: &[u8]) {
    for line in out.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("whole lines");
        assert!(text.len() >= 4 && text[..3].iter().all(u8::is_ascii_digit), "{text:?}");
        assert!(text.iter().all(|byte| (0x20..0x7f).contains(byte)), "{text:?}");
    }
}
