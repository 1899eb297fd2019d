//! A small SMTP client that blocks, for tests that drive a dialogue.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::message::{Outgoing, dot_stuff};

/// Longest wait for bytes of a reply.
const READ_BOUND: Duration = Duration::from_secs(30);

/// A reply with its lines joined by a line feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: String,
}

impl Reply {
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }
}

/// Plain or TLS.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One session.
pub struct Client {
    stream: BufReader<Box<dyn Stream>>,
    socket: TcpStream,
    /// The reply to EHLO, a capability a line.
    offers: String,
}

impl Client {
    /// Connects and returns the greeting too, whatever it is.
    pub fn connect(to: SocketAddr) -> Result<(Self, Reply)> {
        Self::connect_for(to, READ_BOUND)
    }

    /// As [`Client::connect`], with the longest wait for any reply.
    pub fn connect_for(to: SocketAddr, bound: Duration) -> Result<(Self, Reply)> {
        let mut client = Self::dial_for(to, bound)?;
        let greeting = client.reply()?;
        Ok((client, greeting))
    }

    /// Connects and leaves the greeting to be read.
    pub fn dial(to: SocketAddr) -> Result<Self> {
        Self::dial_for(to, READ_BOUND)
    }

    fn dial_for(to: SocketAddr, bound: Duration) -> Result<Self> {
        let socket = TcpStream::connect_timeout(&to, bound)?;
        socket.set_read_timeout(Some(bound))?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = Box::new(socket.try_clone()?);
        Ok(Self { stream: BufReader::new(stream), socket, offers: String::new() })
    }

    /// Connects and says EHLO; an error unless both are welcome.
    pub fn open(to: SocketAddr) -> Result<Self> {
        let (mut client, greeting) = Self::connect(to)?;
        ensure!(greeting.code == 220, "greeting {greeting:?}");
        client.hello()?;
        Ok(client)
    }

    /// Says EHLO and keeps what is offered.
    pub fn hello(&mut self) -> Result<()> {
        self.offers = self.expect("EHLO client.e2e.example", 250)?.text;
        Ok(())
    }

    /// Whether the last EHLO offered this.
    pub fn offers(&self, capability: &str) -> bool {
        self.offers.lines().skip(1).any(|line| {
            line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(capability))
        })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Sends a line and reads its reply.
    pub fn command(&mut self, line: &str) -> Result<Reply> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply().with_context(|| format!("after {line}"))
    }

    /// As [`Client::command`]; an error unless the reply has this code.
    pub fn expect(&mut self, line: &str, code: u16) -> Result<Reply> {
        let reply = self.command(line)?;
        ensure!(reply.code == code, "{line} was answered {} {}", reply.code, reply.text);
        Ok(reply)
    }

    /// Reads one reply.
    pub fn reply(&mut self) -> Result<Reply> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("connection closed");
            }
            let line = line.trim_end();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.with_context(|| format!("not a reply: {line:?}"))?;
            text.push_str(line.get(4..).unwrap_or(""));
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, text });
            }
            text.push('\n');
        }
    }

    /// STARTTLS and EHLO again. `name` must be in the certificate.
    pub fn start_tls(&mut self, config: Arc<ClientConfig>, name: &str) -> Result<()> {
        self.expect("STARTTLS", 220)?;
        self.shake_hands(config, name)?;
        self.hello()
    }

    /// The handshake alone, after the reply to STARTTLS.
    pub fn shake_hands(&mut self, config: Arc<ClientConfig>, name: &str) -> Result<()> {
        let name = ServerName::try_from(name.to_string())?;
        let connection = ClientConnection::new(config, name)?;
        let stream = StreamOwned::new(connection, self.socket.try_clone()?);
        self.stream = BufReader::new(Box::new(stream));
        Ok(())
    }

    /// Sends a message as a good client would: with its envelope in one write
    /// where that is offered. The reply to each recipient and the last one; with
    /// no good recipient the last one is the refusal.
    pub fn deliver(&mut self, message: &Outgoing) -> Result<(Vec<Reply>, Reply)> {
        let mut lines = vec![format!("MAIL FROM:<{}>{}", message.sender, message.mail_parameters)];
        lines.extend(
            message
                .recipients
                .iter()
                .map(|recipient| format!("RCPT TO:<{recipient}>{}", message.rcpt_parameters)),
        );
        lines.push("DATA".into());
        let mut replies = self.envelope(&lines)?.into_iter();
        let mail = replies.next().context("no reply to MAIL")?;
        let data = replies.next_back().context("no reply to DATA")?;
        let recipients: Vec<Reply> = replies.collect();
        if data.code != 354 {
            // After a 421 there is nobody left to hear it.
            self.command("RSET").ok();
            return Ok((recipients, if mail.is_positive() { data } else { mail }));
        }
        self.send(&dot_stuff(&message.content))?;
        Ok((recipients, self.reply()?))
    }

    /// The reply to each line.
    fn envelope(&mut self, lines: &[String]) -> Result<Vec<Reply>> {
        if !self.offers("PIPELINING") {
            return lines.iter().map(|line| self.command(line)).collect();
        }
        self.send(format!("{}\r\n", lines.join("\r\n")).as_bytes())?;
        lines.iter().map(|_| self.reply()).collect()
    }
}
