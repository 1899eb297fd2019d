//! One connection: waits, reads, writes, and does what [`smtp::server::Session`] asks for.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use mail::{Path, Reply, ReversePath};
use prometheus::IntGauge;
use router::Admission;
use smtp::server::{Peer, Phase, Rejection, Session, Step, Verdict};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::limits::Slot;
use crate::pace::Pace;
use crate::policy::Judged;
use crate::proxy;
use crate::receive::{Body, Relief};
use crate::settings::{Sender, Settings, contains};
use crate::shared::{ListenerState, Shared};
use crate::tls;
use crate::wire::Wire;

const SHUTTING_DOWN: Reply = Reply::new(421, (4, 3, 2), "Shutting down, try again");
const TOO_SLOW: Reply = Reply::new(421, (4, 4, 2), "Timed out, closing");

const TOO_MANY_OF_YOU: &[u8] = b"421 4.7.0 Too many connections from your address or network\r\n";

/// How long a peer may take to read our last words, and how many octets of its own we then read
/// so that they are not lost to a reset.
const LINGER_FOR: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 256 << 10;
/// Reply buffers up to this size are kept by a session that waits.
const OUT_BYTES_KEPT: usize = 512;

/// How a session ended; a label of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// QUIT, or we hung up for a reason that the client heard.
    Closed,
    /// The client went away.
    Gone,
    Timeout,
    Refused,
    Shutdown,
    Error,
}

impl End {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Gone => "gone",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
            Self::Error => "error",
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::Gone,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Error,
        }
    }
}

/// Talks to one client until it, or we, have had enough.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: Arc<ListenerState>,
    stream: TcpStream,
    from: SocketAddr,
    slot: Slot,
) {
    let _counted = Counted::new(&shared, &listener);
    let end = match Shell::open(&shared, &listener, stream, from, slot).await {
        Ok(shell) => shell.run().await,
        Err(end) => end,
    };
    shared.metrics.sessions.with_label_values(&[&*listener.name, end.label()]).inc();
    tracing::debug!(listener = &*listener.name, peer = %from, end = end.label(), "Session ended.");
}

/// A session in the gauges, until this is dropped, in whichever way the session ends.
struct Counted([IntGauge; 2]);

impl Counted {
    fn new(shared: &Shared, listener: &ListenerState) -> Self {
        let gauges = [shared.metrics.sessions_open.clone(), listener.metrics.connections.clone()];
        gauges.iter().for_each(IntGauge::inc);
        Self(gauges)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.iter().for_each(IntGauge::dec);
    }
}

struct Shell {
    shared: Arc<Shared>,
    listener: Arc<ListenerState>,
    settings: Arc<Settings>,
    session: Session,
    wire: Wire,
    /// Replies that were not sent yet.
    out: Vec<u8>,
    /// Input that was read and not used yet.
    rest: Vec<u8>,
    body: Option<Box<Body>>,
    /// Somebody was asked about the last recipient.
    asking: Option<Pin<Box<dyn Future<Output = Verdict> + Send>>>,
    pace: Pace,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    _slot: Slot,
}

impl Shell {
    /// Learns who the client is, behind a trusted proxy if there is one, and counts it.
    async fn open(
        shared: &Arc<Shared>,
        listener: &Arc<ListenerState>,
        stream: TcpStream,
        from: SocketAddr,
        mut slot: Slot,
    ) -> Result<Self, End> {
        let settings = listener.settings.load_full();
        let mut wire = Wire::Plain(stream);
        let (mut client, mut rest) = (from, Vec::new());
        if contains(&settings.proxy_from, from.ip()) {
            let header = proxy::read(&mut wire);
            let header = timeout(settings.times.greeting, header).await;
            let header = header.map_err(|_| End::Timeout)?.map_err(|error| {
                // Otherwise it went away, as those do who only look whether we are there.
                if error.kind() == io::ErrorKind::InvalidData {
                    listener.metrics.reject(Rejection::Proxy, 1);
                }
                End::Refused
            })?;
            client = header.source.unwrap_or(from);
            rest = header.rest;
        }
        if let Err(limit) = slot.name(client.ip().to_canonical(), settings.connections) {
            shared.metrics.turned_away.with_label_values(&[&*listener.name, limit.label()]).inc();
            // Whoever does not hear why will try again all the same.
            let _ = timeout(LINGER_FOR, wire.send(TOO_MANY_OF_YOU)).await;
            return Err(End::Refused);
        }
        let peer = Peer {
            address: Some(client.ip().to_canonical()),
            port: client.port(),
            name: None,
            may_xclient: contains(&settings.xclient_from, client.ip()),
        };
        Ok(Self {
            shared: Arc::clone(shared),
            listener: Arc::clone(listener),
            session: Session::new(Arc::clone(&settings.rules), peer),
            wire,
            out: Vec::new(),
            rest,
            body: None,
            asking: None,
            pace: Pace::start(),
            settings,
            stopped: Box::pin(shared.stop.clone().cancelled_owned()),
            _slot: slot,
        })
    }

    async fn run(mut self) -> End {
        self.session.greet(&mut self.out);
        if !self.rest.is_empty() {
            // Whoever speaks before the banner is not waiting for it.
            self.listener.metrics.reject(Rejection::EarlyTalker, 1);
            self.session.shut(&Reply::new(554, (5, 5, 0), "Sent before the banner"), &mut self.out);
        }
        match self.turns().await {
            Ok(end) | Err(end) => self.part(end).await,
        }
    }

    /// Turn by turn: what has come, the steps that follow from it, the replies.
    async fn turns(&mut self) -> Result<End, End> {
        let mut step = self.advance_rest();
        loop {
            step = match step {
                Step::Read => self.read().await?,
                Step::Store(transaction) => {
                    let reply = match self.body.take() {
                        Some(body) => Box::pin(body.commit(*transaction, &self.session)).await,
                        None => crate::receive::LOST,
                    };
                    self.session.stored(&reply, &mut self.out);
                    self.advance_rest()
                }
                Step::StartTls => {
                    Box::pin(self.start_tls()).await?;
                    self.advance_rest()
                }
                Step::Delay(delay) => {
                    self.tarpit(delay).await;
                    self.advance_rest()
                }
                Step::Close => return Ok(End::Closed),
                Step::Recipient(_) => {
                    Box::pin(self.ask_on()).await;
                    self.advance_rest()
                }
                // Answered within `advance`.
                Step::Sender { .. } | Step::Open | Step::Discard => self.advance_rest(),
            };
        }
    }

    fn advance_rest(&mut self) -> Step {
        let rest = std::mem::take(&mut self.rest);
        self.advance(&rest)
    }

    /// Runs the session on `input` up to a step that must wait; keeps what it did not use.
    fn advance(&mut self, mut input: &[u8]) -> Step {
        let mut scratch = Vec::new();
        let before = input.len();
        let was_in_body = self.session.phase() == Phase::Body;
        loop {
            let place = self.body.as_mut().map_or(&mut scratch, |it| it.buffer());
            let step = match self.session.step(&mut input, &mut self.out, place) {
                Step::Sender { size } => self.judge_sender(size),
                Step::Recipient(path) => self.judge_recipient(path),
                Step::Open => self.open_body(),
                Step::Discard => {
                    self.body = None;
                    continue;
                }
                step => Some(step),
            };
            if let Some(step) = step {
                self.body.iter_mut().for_each(|it| it.grown());
                match (was_in_body, self.session.phase()) {
                    (true, Phase::Body) => self.pace.grown(before - input.len()),
                    (false, Phase::Body) => self.pace = Pace::start(),
                    (_, Phase::Greeting | Phase::Command) => (),
                }
                self.rest.extend_from_slice(input);
                self.count_rejections();
                return step;
            }
        }
    }

    fn count_rejections(&mut self) {
        if let Some(rejections) = self.session.take_rejections() {
            rejections.iter().for_each(|(it, n)| self.listener.metrics.reject(it, n));
        }
    }

    fn judge_sender(&mut self, size: Option<u64>) -> Option<Step> {
        let room = |()| crate::receive::admit(&self.shared, &self.listener, size.unwrap_or(0));
        let admitted = self.admit().inspect_err(|_| self.listener.metrics.not_admitted.inc());
        let answer = admitted.and_then(room);
        self.session.sender(answer, &mut self.out);
        None
    }

    fn admit(&self) -> Result<(), Reply> {
        let reverse_path = self.session.transaction().map(|it| &it.envelope.reverse_path);
        self.settings.admit(Sender {
            address: self.session.peer().address,
            certificate: self.session.certificate(),
            reverse_path: reverse_path.unwrap_or(&ReversePath::Null),
        })
    }

    fn judge_recipient(&mut self, path: Path) -> Option<Step> {
        let admission = match self.settings.role {
            config::Role::Relay => Admission::Any,
            config::Role::Mx | config::Role::Submission => Admission::RelayDomainsOnly,
        };
        match self.shared.policy.recipient(path.clone(), admission) {
            Judged::Now(verdict) => {
                self.answer_recipient(verdict);
                None
            }
            Judged::Later(verdict) => {
                self.asking = Some(verdict);
                Some(Step::Recipient(path))
            }
        }
    }

    /// Waits for whoever was asked about a recipient; the client may give up meanwhile.
    async fn ask_on(&mut self) {
        let Some(verdict) = self.asking.take() else { return };
        let verdict = verdict.await;
        self.answer_recipient(verdict);
        self.pace.renew();
    }

    fn answer_recipient(&mut self, verdict: Verdict) {
        let counter = match &verdict {
            Verdict::Accept { .. } => &self.listener.metrics.recipients_accepted,
            Verdict::Refuse(_) => &self.listener.metrics.recipients_refused,
        };
        counter.inc();
        self.session.recipient(verdict, &mut self.out);
    }

    fn open_body(&mut self) -> Option<Step> {
        let answer = crate::receive::admit(&self.shared, &self.listener, 0).map(|()| {
            let hostname = self.settings.rules.hostname.as_str();
            let body = Body::open(&self.shared, &self.listener, &self.session, hostname);
            self.body = Some(Box::new(body));
            self.pace = Pace::start();
        });
        self.session.opened(answer, &mut self.out);
        None
    }

    /// Sends what is to be sent, then waits for input and runs the session on it.
    async fn read(&mut self) -> Result<Step, End> {
        self.make_room().await;
        if !self.out.is_empty() {
            self.flush().await?;
            self.pace.renew();
        }
        loop {
            let until = self.look_up_at();
            match timeout_at(until, self.input()).await {
                Ok(step) => return step,
                Err(_) if self.is_late() => return self.give_up(),
                // Others may have filled the memory meanwhile.
                Err(_) => self.make_room().await,
            }
        }
    }

    /// Does for the memory of all what is due: a large body goes to the disk as it comes, and
    /// others when there is little left.
    async fn make_room(&mut self) {
        let Some(body) = &mut self.body else { return };
        match body.relief(self.session.is_in_head()) {
            Relief::None => (),
            Relief::Drain => Box::pin(self.drain()).await,
            Relief::GiveUp => {
                let reply = body.crowded_out();
                self.give_up_body(reply);
            }
        }
    }

    async fn drain(&mut self) {
        if let Some(body) = &mut self.body
            && let Err(reply) = body.drain().await
        {
            self.give_up_body(reply);
        }
    }

    fn give_up_body(&mut self, reply: Reply) {
        self.body = None;
        self.session.spoil(reply);
    }

    /// Waits for input, or for the end of the process where nothing is lost by it.
    async fn input(&mut self) -> Result<Step, End> {
        std::future::poll_fn(|context| {
            let mut wire = std::mem::replace(&mut self.wire, Wire::Gone);
            let polled = wire.poll_read_with(context, |input| self.advance(input));
            self.wire = wire;
            if polled.is_pending() && self.session.is_idle() && self.is_stopped(context) {
                self.session.shut(&SHUTTING_DOWN, &mut self.out);
                return std::task::Poll::Ready(Err(End::Shutdown));
            }
            polled.map_err(End::from)
        })
        .await
    }

    fn is_stopped(&mut self, context: &mut Context<'_>) -> bool {
        self.stopped.as_mut().poll(context).is_ready()
    }

    /// Until when the client may be silent.
    fn deadline(&self) -> Instant {
        let times = &self.settings.times;
        let phase = self.session.phase();
        let patience = self.hurried(match phase {
            Phase::Greeting => times.greeting,
            Phase::Command => times.command,
            Phase::Body => times.data_block,
        });
        match phase {
            Phase::Body => self.pace.body_deadline(times, patience),
            Phase::Greeting | Phase::Command => self.pace.command_deadline(patience),
        }
    }

    /// Stress begins while sessions sleep, so none sleeps longer than the time it leaves them.
    fn look_up_at(&self) -> Instant {
        self.deadline().min(Instant::now() + self.settings.times.stress)
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline()
    }

    /// `patience`, or what stress leaves of it.
    fn hurried(&self, patience: Duration) -> Duration {
        let is_stressed = self.shared.stress.is_on();
        if is_stressed { patience.min(self.settings.times.stress) } else { patience }
    }

    fn give_up(&mut self) -> Result<Step, End> {
        self.session.shut(&TOO_SLOW, &mut self.out);
        Err(End::Timeout)
    }

    /// Sends the replies. A client that does not read them is as silent as one that says nothing.
    async fn flush(&mut self) -> Result<(), End> {
        let limit = self.hurried(self.settings.times.command);
        let sent = timeout(limit, self.wire.send(&self.out)).await;
        self.out.clear();
        if self.out.capacity() > OUT_BYTES_KEPT {
            self.out = Vec::new();
        }
        sent.map_err(|_| End::Timeout)?.map_err(End::from)
    }

    async fn tarpit(&mut self, delay: Duration) {
        tokio::select! {
            () = sleep(delay) => (),
            () = &mut self.stopped => (),
        }
    }

    /// Sends the 220, forgets what was read, and shakes hands.
    async fn start_tls(&mut self) -> Result<(), End> {
        self.flush().await?;
        self.rest = Vec::new();
        let (Some(plain), Some(tls)) = (self.wire.take_plain(), &self.listener.tls) else {
            return Err(End::Error);
        };
        let limit = self.hurried(self.settings.times.handshake);
        let handshakes = &self.shared.metrics.handshakes;
        let count = |result| handshakes.with_label_values(&[&*self.listener.name, result]).inc();
        let shaken = timeout(limit, tls.acceptor().accept(plain)).await;
        match shaken {
            Ok(Ok(stream)) => {
                let connection = stream.get_ref().1;
                let info = tls::info(connection);
                let name = self.settings.pick_name(tls::client_names(connection));
                self.session.tls_started(info, name);
                self.wire = Wire::Tls(Box::new(stream));
                self.pace.renew();
                count("ok");
                Ok(())
            }
            Ok(Err(error)) => {
                count("failed");
                let peer = self.session.peer();
                tracing::debug!(listener = &*self.listener.name, %peer, %error, "TLS failed.");
                Err(End::Refused)
            }
            Err(_) => {
                count("failed");
                Err(End::Timeout)
            }
        }
    }

    /// Last words, and a close that does not lose them.
    async fn part(mut self, end: End) -> End {
        self.body = None;
        if matches!(end, End::Gone | End::Error) || matches!(self.wire, Wire::Gone) {
            return end;
        }
        let is_owed = !self.rest.is_empty() || end != End::Closed;
        let farewell = async {
            self.wire.send(&self.out).await?;
            self.wire.finish().await?;
            let mut read = 0;
            while is_owed && read < LINGER_BYTES_MAX {
                read +=
                    std::future::poll_fn(|it| self.wire.poll_read_with(it, <[u8]>::len)).await?;
            }
            Ok::<(), io::Error>(())
        };
        // The client has heard what it was ready to hear.
        let _ = timeout(LINGER_FOR, farewell).await;
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that waits is its future and little else; ten thousand of them are to stay below
    /// 70 MiB with the kernel's share.
    #[test]
    fn a_session_is_small() {
        fn size<F: Future>(
            _: &impl Fn(Arc<Shared>, Arc<ListenerState>, TcpStream, SocketAddr, Slot) -> F,
        ) -> usize {
            size_of::<F>()
        }
        let octets = size(&serve);
        assert!(octets <= 2600, "{octets}");
    }
}
