//! A stand-in for a site: takes mail, or refuses recipients, on a port of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(super) struct FakeSite {
    pub(super) port: u16,
    pub(super) refuses: Arc<AtomicBool>,
    pub(super) taken: Arc<AtomicUsize>,
    /// What it says to RCPT when it refuses.
    pub(super) refusal: Arc<Mutex<&'static str>>,
}

impl FakeSite {
    pub(super) fn start(refuses: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refuses = Arc::new(AtomicBool::new(refuses));
        let taken = Arc::new(AtomicUsize::new(0));
        let refusal = Arc::new(Mutex::new("550 5.1.1 No such mailbox"));
        let shared = (Arc::clone(&refuses), Arc::clone(&taken), Arc::clone(&refusal));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (refuses, taken, refusal) = shared.clone();
                std::thread::spawn(move || talk(&stream, &refuses, &taken, &refusal));
            }
        });
        Self { port, refuses, taken, refusal }
    }
}

/// Until the other side goes away.
fn talk(
    stream: &TcpStream,
    refuses: &AtomicBool,
    taken: &AtomicUsize,
    refusal: &Mutex<&'static str>,
) -> Option<()> {
    let mut out = stream;
    let mut say = |line: &str| out.write_all(format!("{line}\r\n").as_bytes()).ok();
    let mut lines = BufReader::new(stream).lines();
    say("220 site.example ESMTP")?;
    loop {
        let line = lines.next()?.ok()?.to_ascii_uppercase();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_owned();
        match word.as_str() {
            "EHLO" => say("250 site.example")?,
            "RCPT" if refuses.load(Ordering::Relaxed) => {
                let text = *refusal.lock().unwrap();
                say(text)?;
            }
            "DATA" => {
                say("354 go on")?;
                while lines.next()?.ok()? != "." {}
                taken.fetch_add(1, Ordering::Relaxed);
                say("250 2.0.0 taken")?;
            }
            "QUIT" => {
                say("221 bye")?;
                return None;
            }
            _ => say("250 2.0.0 ok")?,
        }
    }
}
