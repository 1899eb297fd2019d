//! A site that records what it takes, and fails on demand.
//!
//! It answers 250 only after the record is made, so whatever it acknowledged
//! is in [`Sink::deliveries`]. A thread a connection: tests have few.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::message;

/// Each is a probability between 0 and 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// 421 instead of a greeting.
    pub refuse: f64,
    /// 450 to a recipient.
    pub defer_recipient: f64,
    /// 550 to a recipient.
    pub reject_recipient: f64,
    /// 550 5.7.64 to a recipient: what a site says that does not know its gateway.
    pub refuse_us: f64,
    /// 451 after the final dot.
    pub defer_data: f64,
    /// Hang up after the message was read, before it is taken.
    pub drop_before: f64,
    /// Take the message and hang up before the 250.
    pub drop_after: f64,
    /// Wait [`Faults::delay_for`] before the last reply.
    pub delay: f64,
    pub delay_for: Duration,
}

/// One transaction that the sink took.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Name of the sink.
    pub side: String,
    pub sender: String,
    pub recipients: Vec<String>,
    /// The MAIL line and the RCPT lines as they came, for parameters.
    pub lines: Vec<String>,
    pub content: Vec<u8>,
    pub token: Option<String>,
    pub digest: u64,
    /// False when the sink hung up instead of answering: a second copy is then right.
    pub answered: bool,
    pub at: Instant,
    /// When its connection was accepted: after a client died, if the sink was slow.
    pub connected_at: Instant,
    /// Its connection ended with QUIT, so the client lived to hear the answer.
    pub quit: Arc<AtomicBool>,
}

struct Shared {
    side: String,
    faults: Mutex<Faults>,
    deliveries: Mutex<Vec<Delivery>>,
    /// Connections by a number of ours, to be cut when the site goes down.
    open: Mutex<HashMap<u64, TcpStream>>,
    stop: AtomicBool,
    random: AtomicU64,
}

/// One listening port.
pub struct Sink {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl Sink {
    /// Listens on a port of its choice.
    pub fn start(side: &str) -> Result<Self> {
        let shared = Shared {
            side: side.into(),
            faults: Mutex::default(),
            deliveries: Mutex::default(),
            open: Mutex::default(),
            stop: AtomicBool::new(false),
            random: AtomicU64::new(0x9e37_79b9_7f4a_7c15),
        };
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mut sink = Self { shared: Arc::new(shared), address, acceptor: None };
        sink.accept_on(listener);
        Ok(sink)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// All that was taken so far, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.shared.deliveries).clone()
    }

    /// Recipients of all acknowledged transactions so far.
    pub fn n_recipients(&self) -> usize {
        let deliveries = lock(&self.shared.deliveries);
        deliveries.iter().filter(|one| one.answered).map(|one| one.recipients.len()).sum()
    }

    /// Closes the port and every connection: the site is down.
    pub fn go_down(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for (_, connection) in lock(&self.shared.open).drain() {
            connection.shutdown(std::net::Shutdown::Both).ok();
        }
        if let Some(acceptor) = self.acceptor.take() {
            // Wakes accept(); the connection itself is of no use.
            TcpStream::connect(self.address).ok();
            acceptor.join().ok();
        }
    }

    /// Listens again on the same port.
    pub fn come_up(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address)?;
        self.accept_on(listener);
        Ok(())
    }

    fn accept_on(&mut self, listener: TcpListener) {
        self.shared.stop.store(false, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        self.acceptor = Some(std::thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(connection));
            }
        }));
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.go_down();
    }
}

/// What is known of the transaction under way.
#[derive(Default)]
struct Transaction {
    sender: Option<String>,
    recipients: Vec<String>,
    lines: Vec<String>,
    content: Vec<u8>,
}

/// Ends the session.
struct HangUp;

struct Session<'a> {
    shared: &'a Shared,
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    out: Vec<u8>,
    transaction: Transaction,
    connected_at: Instant,
    quit: Arc<AtomicBool>,
}

impl Shared {
    fn serve(&self, connection: TcpStream) {
        connection.set_nodelay(true).ok();
        let (Ok(writer), Ok(handle)) = (connection.try_clone(), connection.try_clone()) else {
            return;
        };
        let number = self.random.fetch_add(1, Ordering::Relaxed);
        lock(&self.open).insert(number, handle);
        let reader = BufReader::with_capacity(64 * 1024, connection);
        let (out, transaction) = (Vec::new(), Transaction::default());
        let mut session = Session {
            shared: self,
            reader,
            writer,
            out,
            transaction,
            connected_at: Instant::now(),
            quit: Arc::default(),
        };
        // A session ends in an error whenever the other side or a fault says so.
        session.talk().ok();
        session.writer.shutdown(std::net::Shutdown::Both).ok();
        lock(&self.open).remove(&number);
    }

    fn hits(&self, probability: impl Fn(&Faults) -> f64) -> bool {
        let probability = probability(&lock(&self.faults));
        if probability <= 0.0 {
            return false;
        }
        // splitmix64
        let seed = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64 <= probability
    }
}

impl Session<'_> {
    fn talk(&mut self) -> io::Result<()> {
        if self.shared.hits(|faults| faults.refuse) {
            self.reply("421 4.3.2 Not now");
            return self.flush();
        }
        self.reply("220 sink.e2e.example ESMTP");
        loop {
            let Some(line) = self.line()? else { return Ok(()) };
            let line = String::from_utf8_lossy(&line).trim_end().to_string();
            if self.obey(&line)?.is_err() {
                // The answers to what came before in the same write are not lost.
                return self.flush();
            }
        }
    }

    fn obey(&mut self, line: &str) -> io::Result<Result<(), HangUp>> {
        let verb = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => self.reply(
                "250-sink.e2e.example\r\n250-PIPELINING\r\n250-SIZE 157286400\r\n250-8BITMIME\r\n\
                 250-SMTPUTF8\r\n250-DSN\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 ENHANCEDSTATUSCODES",
            ),
            "HELO" => self.reply("250 sink.e2e.example"),
            "MAIL" => {
                self.transaction = Transaction { sender: Some(path(line)), ..Default::default() };
                self.transaction.lines.push(line.into());
                self.reply("250 2.1.0 Ok");
            }
            "RCPT" => self.recipient(line),
            "DATA" if self.transaction.recipients.is_empty() => self.reply("503 5.5.1 Whom for?"),
            "DATA" => {
                self.reply("354 Go on");
                self.read_data()?;
                return self.take();
            }
            "BDAT" => return self.chunk(line),
            "RSET" => {
                self.transaction = Transaction::default();
                self.reply("250 2.0.0 Ok");
            }
            "NOOP" => self.reply("250 2.0.0 Ok"),
            "QUIT" => {
                self.quit.store(true, Ordering::Relaxed);
                self.reply("221 2.0.0 Bye");
                return Ok(Err(HangUp));
            }
            _ => self.reply("502 5.5.1 No"),
        }
        Ok(Ok(()))
    }

    fn recipient(&mut self, line: &str) {
        if self.shared.hits(|faults| faults.defer_recipient) {
            self.reply("450 4.2.1 Try later");
        } else if self.shared.hits(|faults| faults.reject_recipient) {
            self.reply("550 5.1.1 Nobody here by that name");
        } else if self.shared.hits(|faults| faults.refuse_us) {
            self.reply("550 5.7.64 TenantAttribution; Relay Access Denied");
        } else {
            self.transaction.recipients.push(path(line));
            self.transaction.lines.push(line.into());
            self.reply("250 2.1.5 Ok");
        }
    }

    fn read_data(&mut self) -> io::Result<()> {
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line == b".\r\n" {
                return Ok(());
            }
            let unstuffed = line.strip_prefix(b".").unwrap_or(&line);
            self.transaction.content.extend_from_slice(unstuffed);
        }
    }

    /// RFC 3030: the octets follow at once, whatever the answer.
    fn chunk(&mut self, line: &str) -> io::Result<Result<(), HangUp>> {
        let mut words = line.split(' ').skip(1);
        let bytes: usize = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
        let is_last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
        let mut chunk = vec![0; bytes];
        if self.reader.buffer().len() < bytes {
            self.flush()?;
        }
        self.reader.read_exact(&mut chunk)?;
        if self.transaction.recipients.is_empty() {
            self.reply("503 5.5.1 Whom for?");
            return Ok(Ok(()));
        }
        self.transaction.content.extend_from_slice(&chunk);
        if is_last {
            return self.take();
        }
        self.reply("250 2.0.0 Go on");
        Ok(Ok(()))
    }

    fn take(&mut self) -> io::Result<Result<(), HangUp>> {
        let transaction = std::mem::take(&mut self.transaction);
        if self.shared.hits(|faults| faults.delay) {
            let delay_for = lock(&self.shared.faults).delay_for;
            std::thread::sleep(delay_for);
        }
        if self.shared.hits(|faults| faults.drop_before) {
            return Ok(Err(HangUp));
        }
        if self.shared.hits(|faults| faults.defer_data) {
            self.reply("451 4.3.0 Try later");
            return Ok(Ok(()));
        }
        let answered = !self.shared.hits(|faults| faults.drop_after);
        lock(&self.shared.deliveries).push(Delivery {
            side: self.shared.side.clone(),
            sender: transaction.sender.unwrap_or_default(),
            recipients: transaction.recipients,
            lines: transaction.lines,
            token: message::token(&transaction.content),
            digest: message::digest(&transaction.content),
            content: transaction.content,
            answered,
            at: Instant::now(),
            connected_at: self.connected_at,
            quit: Arc::clone(&self.quit),
        });
        if !answered {
            return Ok(Err(HangUp));
        }
        self.reply("250 2.0.0 Taken");
        Ok(Ok(()))
    }

    fn reply(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        self.writer.write_all(&out)
    }

    /// The next line with its end; replies go out before it blocks.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.reader.buffer().contains(&b'\n') {
            self.flush()?;
        }
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        Ok((!line.is_empty()).then_some(line))
    }
}

/// What stands between `<` and `>`.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
    inner.map_or_else(String::new, |(path, _)| path.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
