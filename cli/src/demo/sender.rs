//! A stranger who sends mail: one connection, pipelined, tries again when the gateway goes away.
//! Whether a message was taken is known only from its reply, as for every sender.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::mailbox::{address, text};

/// For one message, once connected.
const MESSAGE_FOR: Duration = Duration::from_secs(5);
/// Between attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// Attempts of a message: 20 s and a little.
const ATTEMPTS_MAX: usize = 200;
/// Bytes of a reply's line. RFC 5321 §4.5.3.1.5, with room.
const REPLY_BYTES_MAX: u64 = 2048;

/// What came of one message.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) number: usize,
    /// Mailboxes whose RCPT was accepted, and that the final 250 is for.
    pub(crate) accepted: Vec<String>,
    /// Mailboxes refused at RCPT, with the reply.
    pub(crate) refused: Vec<(String, String)>,
    /// When the 250 came.
    pub(crate) acknowledged_at: Instant,
    /// Times that the connection ended when the reply to the body was still to come: the gateway
    /// may have taken the message, and then there are two of it.
    pub(crate) unanswered: u32,
}

/// Sends from one connection to wherever the gateway is now.
pub(crate) struct Sender {
    gateway: watch::Receiver<SocketAddr>,
    connection: Option<BufReader<TcpStream>>,
}

/// How one attempt failed.
enum Failed {
    /// Nothing was handed over.
    Before,
    /// The body was on its way.
    Unanswered,
}

impl Sender {
    pub(crate) const fn new(gateway: watch::Receiver<SocketAddr>) -> Self {
        Self { gateway, connection: None }
    }

    /// Tries until there is an answer that is not "try again".
    pub(crate) async fn send(&mut self, number: usize, mailboxes: &[&str]) -> anyhow::Result<Sent> {
        let mut unanswered = 0;
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(number, mailboxes).await {
                Ok((accepted, refused)) => {
                    let acknowledged_at = Instant::now();
                    return Ok(Sent { number, accepted, refused, acknowledged_at, unanswered });
                }
                Err(failed) => {
                    self.connection = None;
                    unanswered += u32::from(matches!(failed, Failed::Unanswered));
                    sleep(PAUSE).await;
                }
            }
        }
        anyhow::bail!("message {number} was not taken in {ATTEMPTS_MAX} attempts")
    }

    async fn attempt(&mut self, number: usize, mailboxes: &[&str]) -> Result<Outcome, Failed> {
        if self.connection.is_none() {
            let address = *self.gateway.borrow();
            let opened = timeout(MESSAGE_FOR, connect(address)).await;
            self.connection =
                Some(opened.map_err(io::Error::from).flatten().map_err(|_| Failed::Before)?);
        }
        let Some(connection) = &mut self.connection else { return Err(Failed::Before) };
        let envelope = timeout(MESSAGE_FOR, envelope(connection, mailboxes)).await;
        let envelope = envelope.map_err(io::Error::from).flatten().map_err(|_| Failed::Before)?;
        let (accepted, refused) = envelope;
        if accepted.is_empty() {
            return Ok((accepted, refused));
        }
        let body = timeout(MESSAGE_FOR, body(connection, &text(number, mailboxes))).await;
        match body.map_err(io::Error::from).flatten() {
            Ok(reply) if reply.starts_with('2') => Ok((accepted, refused)),
            // An answer that says no is an answer.
            Ok(_) => Err(Failed::Before),
            Err(_) => Err(Failed::Unanswered),
        }
    }
}

type Outcome = (Vec<String>, Vec<(String, String)>);

async fn connect(gateway: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(gateway).await?;
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    expect(&mut connection, '2').await?;
    connection.write_all(b"EHLO sender.example\r\n").await?;
    expect(&mut connection, '2').await?;
    Ok(connection)
}

/// MAIL, RCPTs and DATA in one write. RFC 2920.
async fn envelope(
    connection: &mut BufReader<TcpStream>,
    mailboxes: &[&str],
) -> io::Result<Outcome> {
    let rcpts: String =
        mailboxes.iter().map(|it| format!("RCPT TO:<{}>\r\n", address(it))).collect();
    let commands = format!("MAIL FROM:<eve@sender.example>\r\n{rcpts}DATA\r\n");
    connection.write_all(commands.as_bytes()).await?;
    expect(connection, '2').await?;
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for mailbox in mailboxes {
        let reply = reply(connection).await?;
        match reply.as_bytes().first() {
            Some(b'2') => accepted.push((*mailbox).to_owned()),
            Some(b'5') => refused.push(((*mailbox).to_owned(), reply)),
            _ => return Err(io::Error::other(reply)),
        }
    }
    let data = reply(connection).await?;
    match (accepted.is_empty(), data.starts_with('3')) {
        (false, true) | (true, false) => Ok((accepted, refused)),
        // 354 for nobody: an empty message ends it. RFC 2920 §3.1.
        (true, true) => {
            connection.write_all(b".\r\n").await?;
            reply(connection).await?;
            Ok((accepted, refused))
        }
        (false, false) => Err(io::Error::other(data)),
    }
}

async fn body(connection: &mut BufReader<TcpStream>, text: &str) -> io::Result<String> {
    let stuffed = text.replace("\r\n.", "\r\n..");
    connection.write_all(format!("{stuffed}.\r\n").as_bytes()).await?;
    reply(connection).await
}

async fn expect(connection: &mut BufReader<TcpStream>, class: char) -> io::Result<()> {
    let reply = reply(connection).await?;
    if reply.starts_with(class) { Ok(()) } else { Err(io::Error::other(reply)) }
}

/// The last line of a reply. RFC 5321 §4.2.1.
async fn reply(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    loop {
        let mut line = String::new();
        connection.take(REPLY_BYTES_MAX).read_line(&mut line).await?;
        if !line.ends_with("\r\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line.trim_end().to_owned());
        }
    }
}
