//! Conversations over real sockets with servers that do as they are told.

mod batch;
mod hostile;
mod opening;
mod stored;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::{BodyType, Envelope, Notify, Origin, ReversePath, SpoolId, Timestamp};
use spool::{Body, Message};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::tls::ClientTls;

/// What Exchange Online offers.
const FULL: &str = "250-mx\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-DSN\r\n\
                    250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n\
                    250 SMTPUTF8\r\n";
const PIPELINING: &str = "250-mx\r\n250 PIPELINING\r\n";

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The server's end of one connection.
struct Peer {
    io: Box<dyn Io>,
    read: Vec<u8>,
}

impl Peer {
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    fn over(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), read: Vec::new() }
    }

    /// Accepts, greets and answers EHLO.
    async fn greet(listener: &TcpListener, ehlo: &str) -> Self {
        let mut peer = Self::accept(listener).await;
        peer.say("220 mx ESMTP\r\n").await;
        assert_eq!(peer.line().await, "EHLO gw.example");
        peer.say(ehlo).await;
        peer
    }

    async fn say(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// The next line; empty when the client has closed.
    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(2).position(|it| it == b"\r\n") {
                let line = self.read.drain(..end + 2).collect::<Vec<_>>();
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            if self.io.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return String::new();
            }
        }
    }

    /// Lines whose first words are these.
    #[track_caller]
    fn expect<'a>(&'a mut self, verbs: &'a str) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            for verb in verbs.split(' ') {
                let line = self.line().await;
                let first = line.split([' ', ':']).next().unwrap_or_default();
                assert_eq!(first, verb, "{line:?} at {place}");
            }
        }
    }

    async fn octets(&mut self, n_octets: usize) -> Vec<u8> {
        while self.read.len() < n_octets {
            let n_read = self.io.read_buf(&mut self.read).await.unwrap();
            assert_ne!(n_read, 0, "closed after {} octets of {n_octets}", self.read.len());
        }
        self.read.drain(..n_octets).collect()
    }

    /// What comes until the lone dot, dots still doubled.
    async fn data(&mut self) -> String {
        let mut text = String::new();
        loop {
            let line = self.line().await;
            if line == "." {
                return text;
            }
            text.push_str(&line);
            text.push_str("\r\n");
        }
    }
}

fn short() -> Timeouts {
    let limit = Duration::from_millis(300);
    Timeouts {
        connect: limit,
        tls: limit,
        greeting: limit,
        ehlo: limit,
        mail: limit,
        rcpt: limit,
        data: limit,
        data_block: limit,
        data_done: limit,
        quit: limit,
    }
}

async fn listen() -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        host: "localhost".into(),
        addr: listener.local_addr().unwrap(),
        tls: ClientTls::none(),
        ehlo_name: "gw.example".into(),
        timeouts: short(),
        chunking: true,
    };
    (listener, target)
}

fn envelope() -> Envelope {
    Envelope {
        reverse_path: ReversePath::Mailbox("s@x.example".parse().unwrap()),
        recipients: vec![],
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    }
}

fn transaction_of(envelope: Envelope, body: Body, recipients: &[&str]) -> Transaction {
    let message = Message {
        id: SpoolId::from_u64(1),
        envelope,
        origin: Origin::internal(),
        accepted_at: Timestamp::default(),
        body,
    };
    let recipient = |(index, address): (usize, &&str)| TxRecipient {
        index: index as u16 + 10,
        address: address.parse().unwrap(),
        notify: Notify::DEFAULT,
        orcpt: None,
    };
    Transaction {
        message: Arc::new(message),
        recipients: recipients.iter().enumerate().map(recipient).collect(),
    }
}

fn transaction(body: &str, recipients: &[&str]) -> Transaction {
    let body = Body::Memory(Bytes::copy_from_slice(body.as_bytes()));
    transaction_of(envelope(), body, recipients)
}

/// `10 delivered, 11 550 at RCPT`
fn show(results: &[TransactionResult]) -> Vec<String> {
    let word = |(index, result): &(u16, RecipientResult)| match result {
        RecipientResult::Delivered(_) => format!("{index} delivered"),
        RecipientResult::Refused { reply, stage } => format!("{index} {} at {stage}", reply.code),
        RecipientResult::Failed(error) => format!("{index} failed: {error}"),
        RecipientResult::Unknown(error) => format!("{index} unknown: {error}"),
    };
    let line = |it: &TransactionResult| it.recipients.iter().map(word).collect::<Vec<_>>();
    results.iter().map(|it| line(it).join(", ")).collect()
}

/// Runs server and client together; the client's part ends the test.
async fn play<T>(server: impl Future<Output = ()>, client: impl Future<Output = T>) -> T {
    let both = async { tokio::join!(server, client).1 };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("it hangs")
}
