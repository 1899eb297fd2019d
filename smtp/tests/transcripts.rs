//! Runs `tests/transcripts/*.smtp` against the session alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mail::{Address, Reply, SiteName, TlsInfo};
use smtp::server::transcript::{self, What};
use smtp::server::{BareNewline, Peer, Rules, Session, Step, Verdict};

/// A session with the world of the README around it.
struct World {
    session: Session,
    is_relay: bool,
    spool_full: bool,
    replies: VecDeque<String>,
    body: Vec<u8>,
    stored: VecDeque<u8>,
    delayed: Duration,
    is_closed: bool,
    in_handshake: bool,
}

#[derive(Default)]
struct Setup {
    is_relay: bool,
    tls: bool,
    xclient: bool,
    spool_full: bool,
    whole: bool,
    normalize: bool,
    limits: Vec<(String, u64)>,
}

impl Setup {
    /// `None` when the words are an event of the dialogue.
    fn read(&mut self, words: &[String]) -> Option<()> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["role", role] => self.is_relay = *role == "relay",
            ["limit", name, n] => self.limits.push(((*name).into(), n.parse().unwrap())),
            ["bare_newline", "normalize"] => self.normalize = true,
            ["tls"] => self.tls = true,
            ["xclient"] => self.xclient = true,
            ["spool", "full"] => self.spool_full = true,
            ["whole"] => self.whole = true,
            ["core"] => (),
            _ => return None,
        }
        Some(())
    }

    fn rules(&self) -> Rules {
        let mut rules = Rules::new("gw.example".parse().unwrap());
        rules.from_strangers = !self.is_relay;
        rules.starttls = self.tls;
        if self.normalize {
            rules.bare_newline = BareNewline::Normalize;
        }
        for (name, n) in &self.limits {
            let n = *n;
            match name.as_str() {
                "message_bytes_max" => rules.message_bytes_max = n,
                "recipients_max" => rules.recipients_max = n as usize,
                "header_bytes_max" => rules.header_bytes_max = n as usize,
                "header_lines_max" => rules.header_lines_max = n as usize,
                "hops_max" => rules.hops_max = n as usize,
                "command_line_max" => rules.command_line_max = n as usize,
                "data_line_max" => rules.data_line_max = n,
                "messages_per_session_max" => rules.messages_per_session_max = n as u32,
                "errors_soft" => rules.errors_soft = n as u32,
                "errors_hard" => rules.errors_hard = n as u32,
                "junk_max" => rules.junk_max = n as u32,
                "unknown_recipients_soft" => rules.unknown_recipients_soft = n as u32,
                "unknown_recipients_hard" => rules.unknown_recipients_hard = n as u32,
                _ => panic!("no limit {name}"),
            }
        }
        rules
    }

    fn world(&self) -> World {
        let peer = Peer {
            address: "192.0.2.1".parse().ok(),
            port: 4711,
            name: None,
            may_xclient: self.xclient,
        };
        let session = Session::new(Arc::new(self.rules()), peer);
        let mut out = Vec::new();
        session.greet(&mut out);
        let mut world = World {
            session,
            is_relay: self.is_relay,
            spool_full: self.spool_full,
            replies: VecDeque::new(),
            body: Vec::new(),
            stored: VecDeque::new(),
            delayed: Duration::ZERO,
            is_closed: false,
            in_handshake: false,
        };
        world.said(&out);
        world
    }
}

impl World {
    fn said(&mut self, out: &[u8]) {
        assert!(out.is_empty() || out.ends_with(b"\r\n"));
        let text = std::str::from_utf8(out).unwrap();
        self.replies.extend(text.split_terminator("\r\n").map(str::to_owned));
    }

    fn send(&mut self, mut input: &[u8]) {
        let mut out = Vec::new();
        loop {
            if self.is_closed {
                break;
            }
            match self.session.step(&mut input, &mut out, &mut self.body) {
                Step::Read => break,
                Step::Sender { .. } => {
                    let full = Reply::new(452, (4, 3, 1), "Insufficient system storage");
                    let answer = if self.spool_full { Err(full) } else { Ok(()) };
                    self.session.sender(answer, &mut out);
                }
                Step::Recipient(path) => self.session.recipient(self.verdict(path), &mut out),
                Step::Open => {
                    self.body = b"Received: trace\r\n".to_vec();
                    self.session.opened(Ok(()), &mut out);
                }
                Step::Discard => self.body = Vec::new(),
                Step::Store(_) => {
                    let body = std::mem::take(&mut self.body);
                    self.stored =
                        body.strip_prefix(b"Received: trace\r\n").unwrap().to_vec().into();
                    let reply = Reply::new(250, (2, 0, 0), "Queued as 0000000000001");
                    self.session.stored(&reply, &mut out);
                }
                Step::StartTls => {
                    self.in_handshake = true;
                    break;
                }
                Step::Delay(delay) => self.delayed += delay,
                Step::Close => self.is_closed = true,
            }
        }
        self.said(&out);
    }

    fn verdict(&self, path: mail::Path) -> Verdict {
        let address: Address = match path {
            mail::Path::Postmaster => "postmaster@gw.example".parse().unwrap(),
            mail::Path::Mailbox(address) => address,
        };
        let local = address.local_unquoted();
        let name = local.split('+').next().unwrap_or_default();
        // As in `router`: a tag vouches for nothing.
        let hides_a_route = local.contains(['%', '!', '@']);
        let is_known = ["anna", "ben", "carol", "dave"].contains(&name) && !hides_a_route;
        let is_ours = address.domain().as_str() == "known.example";
        let refuse = |code, text: &'static str| Verdict::Refuse(Reply::new(550, code, text));
        if address.domain().is_literal() {
            return refuse((5, 1, 2), "Mail to address literals is not relayed");
        }
        match (is_ours, is_known || address.is_postmaster()) {
            (true, false) if hides_a_route => refuse((5, 7, 1), "Relaying denied"),
            (true, false) => refuse((5, 1, 1), "No such mailbox"),
            (false, _) if !self.is_relay && !address.is_postmaster() => {
                refuse((5, 7, 1), "Relaying denied")
            }
            _ => {
                let copy_to = (name == "dave").then(|| SiteName::new("cloud"));
                Verdict::Accept { address, copy_to }
            }
        }
    }

    fn event(&mut self, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["closed"] if self.is_closed => Ok(()),
            ["closed"] => Err("the connection is open".into()),
            ["TLS"] if self.in_handshake => {
                self.in_handshake = false;
                let info = TlsInfo { version: "TLSv1.3".into(), cipher: "C".into() };
                self.session.tls_started(info, None);
                Ok(())
            }
            ["TLS"] => Err("no handshake is due".into()),
            ["delay", n] => {
                let want = Duration::from_secs(n.parse().map_err(|_| "delay of what?")?);
                let got = std::mem::take(&mut self.delayed);
                if got == want { Ok(()) } else { Err(format!("delayed by {got:?}")) }
            }
            _ => Err(format!("no event {words:?}")),
        }
    }
}

/// Runs one file; `at_once` is how many octets the client's writes are cut into.
fn run(lines: &[transcript::Line], at_once: usize) -> Result<(), String> {
    let mut setup = Setup::default();
    let (settings, dialogue): (Vec<_>, Vec<_>) = lines
        .iter()
        .partition(|it| matches!(&it.what, What::Event(words) if setup.read(words).is_some()));
    drop(settings);
    if setup.whole && at_once != usize::MAX {
        return Ok(());
    }
    let mut world = setup.world();
    let mut pending = Vec::new();
    for line in dialogue {
        let fail = |text: String| format!("line {}: {text}", line.number);
        if let What::Client(octets) = &line.what {
            pending.extend_from_slice(octets);
            continue;
        }
        if !pending.is_empty() {
            if let Some(left) = world.replies.front() {
                return Err(fail(format!("nobody expected {left:?} before it")));
            }
            for piece in pending.chunks(at_once.min(pending.len())) {
                world.send(piece);
            }
            pending.clear();
        }
        match &line.what {
            What::Client(_) => (),
            What::Server(expect) => expect.take(&mut world.replies).map_err(fail)?,
            What::Message(want) => {
                let got: Vec<u8> =
                    world.stored.drain(..want.len().min(world.stored.len())).collect();
                if got != *want {
                    return Err(fail(format!("stored: {:?}", String::from_utf8_lossy(&got))));
                }
            }
            What::Event(words) => world.event(words).map_err(fail)?,
        }
    }
    match (world.replies.front(), pending.is_empty(), world.delayed.is_zero()) {
        (Some(left), ..) => Err(format!("at the end: nobody expected {left:?}")),
        (_, false, _) => Err("at the end: the client speaks and nothing is expected".into()),
        (.., false) => Err(format!("at the end: unexpected delay of {:?}", world.delayed)),
        _ => Ok(()),
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/transcripts");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "smtp"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_transcript_holds_in_any_pieces() {
    let mut problems = Vec::new();
    let files = files();
    assert!(files.len() > 20, "only {} transcripts found", files.len());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let lines = transcript::parse(&std::fs::read_to_string(&file).unwrap());
        let lines = lines.unwrap_or_else(|problem| panic!("{name}: {problem}"));
        for at_once in [usize::MAX, 1, 7] {
            if let Err(problem) = run(&lines, at_once) {
                problems.push(format!("{name} (at most {at_once} octets at once): {problem}"));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
