//! From nothing to a connection that has said EHLO and, by its policy, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use config::{DeliveryTimeouts, TlsPolicy};
use mail::{Reply, TlsInfo};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use smtp::client::{Capabilities, Stage};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::stream::Stream;
use super::wire::Wire;
use super::{AttemptError, Connection};
use crate::tls::ClientTls;

/// One address of a host, and how it is to be spoken to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The host's name, or its address when it has none: for TLS and for the ledger.
    pub host: String,
    pub addr: SocketAddr,
    pub tls: ClientTls,
    pub ehlo_name: String,
    pub timeouts: DeliveryTimeouts,
    /// BDAT may be used where it is offered.
    pub chunking: bool,
}

/// Refusals of EHLO that mean "never heard of it". RFC 5321 §3.2.
const NO_EHLO: [u16; 3] = [500, 502, 504];

/// Connects by the policy of `target`. An opportunistic handshake that fails is followed by a
/// second connection in plain text: what is left of the first one belongs to nobody.
pub(super) async fn open(target: &Target) -> Result<Connection, AttemptError> {
    let is_opportunistic = target.tls.policy() == TlsPolicy::Opportunistic;
    match open_once(target, target.tls.snapshot()).await {
        Err(error) if is_opportunistic && is_about_tls(&error) => open_once(target, None).await,
        result => result,
    }
}

fn is_about_tls(error: &AttemptError) -> bool {
    match error {
        AttemptError::Tls(_) => true,
        AttemptError::Timeout { during }
        | AttemptError::Unasked { during }
        | AttemptError::Lost { during, .. }
        | AttemptError::Refused { during, .. } => *during == Stage::StartTls,
        AttemptError::Connect(_)
        | AttemptError::Stale
        | AttemptError::NoTls
        | AttemptError::Violation(_)
        | AttemptError::Garbage(_)
        | AttemptError::Body(_)
        | AttemptError::Cut { .. }
        | AttemptError::NotReached => false,
    }
}

async fn open_once(
    target: &Target,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Connection, AttemptError> {
    let timeouts = &target.timeouts;
    let stream = connect(target.addr, timeouts.connect).await?;
    let mut wire = Wire::new(Stream::Plain(stream));
    let greeting = wire.reply(Stage::Greeting, timeouts.greeting).await?;
    positive(greeting, Stage::Greeting)?;
    let mut capabilities = hello(&mut wire, target).await?;
    let mut info = None;
    if let Some(config) = tls {
        if capabilities.starttls {
            info = Some(start_tls(&mut wire, target, config).await?);
            // What was said in plain text is forgotten. RFC 3207 §4.2.
            capabilities = hello(&mut wire, target).await?;
        } else if target.tls.policy() != TlsPolicy::Opportunistic {
            let _ = wire.write(b"QUIT\r\n", Stage::StartTls, timeouts.quit).await;
            return Err(AttemptError::NoTls);
        }
    }
    capabilities.chunking &= target.chunking;
    Ok(Connection {
        wire,
        capabilities,
        host: target.host.clone(),
        addr: target.addr,
        tls: info,
        timeouts: timeouts.clone(),
        is_usable: true,
        is_dirty: false,
        n_sent: 0,
        n_wasted: 0,
        last_used: Instant::now(),
    })
}

async fn connect(addr: SocketAddr, limit: Duration) -> Result<TcpStream, AttemptError> {
    let failed = |source| AttemptError::Connect(Arc::new(source));
    let stream = timeout(limit, TcpStream::connect(addr))
        .await
        .map_err(|_| AttemptError::Timeout { during: Stage::Connect })?
        .map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

async fn hello(wire: &mut Wire, target: &Target) -> Result<Capabilities, AttemptError> {
    let limit = target.timeouts.ehlo;
    let line = format!("EHLO {}\r\n", target.ehlo_name);
    let reply = wire.command(line.as_bytes(), Stage::Hello, limit).await?;
    if !NO_EHLO.contains(&reply.code) {
        return positive(reply, Stage::Hello).map(|it| Capabilities::from_ehlo(&it));
    }
    let line = format!("HELO {}\r\n", target.ehlo_name);
    let reply = wire.command(line.as_bytes(), Stage::Hello, limit).await?;
    positive(reply, Stage::Hello).map(|_| Capabilities::default())
}

async fn start_tls(
    wire: &mut Wire,
    target: &Target,
    config: Arc<ClientConfig>,
) -> Result<TlsInfo, AttemptError> {
    let limit = target.timeouts.tls;
    let reply = wire.command(b"STARTTLS\r\n", Stage::StartTls, limit).await?;
    positive(reply, Stage::StartTls)?;
    // Whatever lies in the buffer now came in plain text and would be taken for an answer to
    // what we say under TLS (CVE-2021-38371 and its kin).
    if wire.has_leftover() {
        return Err(AttemptError::Unasked { during: Stage::StartTls });
    }
    let Stream::Plain(socket) = std::mem::replace(&mut wire.stream, Stream::Gone) else {
        return Err(AttemptError::Tls(Arc::new(io::ErrorKind::AlreadyExists.into())));
    };
    let name = server_name(target);
    let handshake = tokio_rustls::TlsConnector::from(config).connect(name, socket);
    let stream = timeout(limit, handshake)
        .await
        .map_err(|_| AttemptError::Timeout { during: Stage::StartTls })?
        .map_err(|it| AttemptError::Tls(Arc::new(it)))?;
    let info = info(stream.get_ref().1);
    wire.stream = Stream::Tls(Box::new(stream));
    Ok(info)
}

/// The host's name for SNI and for `verify`; a host without a usable name is known by address.
fn server_name(target: &Target) -> ServerName<'static> {
    ServerName::try_from(target.host.clone())
        .unwrap_or_else(|_| ServerName::IpAddress(target.addr.ip().into()))
}

fn info(session: &rustls::ClientConnection) -> TlsInfo {
    let version = session.protocol_version().and_then(|it| it.as_str()).unwrap_or("TLS");
    let cipher = session.negotiated_cipher_suite().and_then(|it| it.suite().as_str());
    TlsInfo {
        version: version.replace('_', ".").into(),
        cipher: cipher.unwrap_or("unknown").replace("TLS13_", "TLS_").into(),
    }
}

fn positive(reply: Reply, during: Stage) -> Result<Reply, AttemptError> {
    if reply.code / 100 == 2 { Ok(reply) } else { Err(AttemptError::Refused { reply, during }) }
}

impl Connection {
    /// NOOP: the host still answers.
    pub async fn noop(&mut self) -> Result<(), AttemptError> {
        self.ask(b"NOOP\r\n", Stage::Hello).await.map(|_| ())
    }

    /// Would it take mail? MAIL with a null reverse-path, then RSET: hosts that are short of
    /// memory or disk refuse MAIL while they still greet.
    pub async fn probe(&mut self) -> Result<(), AttemptError> {
        let result = self.ask(b"MAIL FROM:<>\r\n", Stage::Mail).await;
        if self.is_usable {
            self.ask(b"RSET\r\n", Stage::Mail).await?;
        }
        result.map(|_| ())
    }

    /// Says QUIT and closes; does not wait for the answer, which changes nothing.
    pub async fn quit(mut self) {
        if self.is_usable {
            let limit = self.timeouts.quit.min(QUIT_MAX);
            // The host may be gone: then there is nobody to say it to.
            let _ = self.wire.write(b"QUIT\r\n", Stage::Hello, limit).await;
        }
    }

    pub(super) async fn ask(&mut self, line: &[u8], during: Stage) -> Result<Reply, AttemptError> {
        let was_usable = std::mem::replace(&mut self.is_usable, false);
        if !was_usable {
            return Err(AttemptError::Stale);
        }
        let reply = self.wire.command(line, during, self.timeouts.mail).await?;
        self.is_usable = reply.code != 421;
        positive(reply, during)
    }
}

/// QUIT fits into any socket buffer that is not stuck.
const QUIT_MAX: Duration = Duration::from_secs(1);

/// Connects to the host, asks whether it takes mail, and leaves.
pub async fn probe(target: &Target) -> Result<(), AttemptError> {
    let mut connection = open(target).await?;
    let result = connection.probe().await;
    connection.quit().await;
    result
}
