//! One SMTP session as a value: bytes and answers go in, replies and steps come out.

mod abuse;
mod body;
mod commands;
mod intake;
mod state;
pub(super) mod texts;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::{Address, Origin, Path, Protocol, Reply, SiteName, TlsInfo};

use self::abuse::{Counters, Sentence};
pub use self::state::Transaction;
use self::state::{Hello, State};
use super::command::Command;
use super::lines::Lines;
use super::rejection::{Rejection, Rejections};
use super::rules::Rules;

/// What the shell does next. Whatever was appended to `out` is sent at the latest with
/// [`Step::Read`], [`Step::StartTls`] and [`Step::Close`], so that the replies to what a client
/// pipelined leave in one write.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The input is used up: send the replies, read more.
    Read,
    /// Is a message of this size welcome? Then [`Session::sender`].
    Sender { size: Option<u64> },
    /// Is this recipient? Then [`Session::recipient`].
    Recipient(Path),
    /// A body follows: prepare a place for it, put trace fields there, then [`Session::opened`].
    Open,
    /// The body will not be accepted: throw the place away.
    Discard,
    /// The body is complete and good: commit it, then [`Session::stored`].
    Store(Box<Transaction>),
    /// Send the replies, throw away unread input, shake hands, then [`Session::tls_started`].
    StartTls,
    /// Wait so long before sending or reading anything.
    Delay(Duration),
    /// Send the replies and close.
    Close,
}

/// Policy's answer to RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept {
        /// The recipient; for `<Postmaster>` the address that stands for it.
        address: Address,
        /// Another site that gets a copy while the mailbox is being moved.
        copy_to: Option<SiteName>,
    },
    Refuse(Reply),
}

/// Who is at the other end, as far as the network or a trusted proxy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// `None`: a filter speaks for it by XCLIENT and does not know.
    pub address: Option<IpAddr>,
    pub port: u16,
    pub name: Option<Box<str>>,
    /// The peer may tell us by XCLIENT whom it speaks for.
    pub may_xclient: bool,
}

/// Its address, for logs.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// What is being waited for; each has its own time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The first EHLO.
    Greeting,
    Command,
    Body,
}

/// The state machine. It never waits, and holds no more than the beginning of one line of input.
#[derive(Debug)]
pub struct Session {
    rules: Arc<Rules>,
    peer: Peer,
    /// Who is really at the other end, once it has spoken for another by XCLIENT.
    filter: Option<Box<Peer>>,
    tls: Option<Box<Secured>>,
    state: State,
    counters: Counters,
    lines: Lines,
    /// How long the reply is held back; small, as all of a session is.
    delay_ms: u32,
    /// Since they were last asked for.
    rejections: Option<Box<Rejections>>,
}

#[derive(Debug)]
struct Secured {
    info: TlsInfo,
    certificate: Option<Box<str>>,
}

impl Session {
    pub fn new(rules: Arc<Rules>, peer: Peer) -> Self {
        let lines = Lines::new(rules.command_line_max);
        Self {
            rules,
            peer,
            filter: None,
            tls: None,
            state: State::Start,
            counters: Counters::default(),
            lines,
            delay_ms: 0,
            rejections: None,
        }
    }

    /// Appends the banner.
    pub fn greet(&self, out: &mut Vec<u8>) {
        Reply::plain(220, format!("{} ESMTP", self.rules.hostname)).write_to(out);
    }

    /// Goes on until something outside is needed. Takes what it uses from the front of `input`,
    /// appends replies to `out` and decoded octets of a message to `body`. The same `input`, cut
    /// in any way, gives the same replies, except that a cut can hide that a client spoke too early,
    /// and of several reasons to refuse one message another may be named.
    pub fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>, body: &mut Vec<u8>) -> Step {
        loop {
            if self.delay_ms > 0 {
                let delay_ms = std::mem::take(&mut self.delay_ms);
                return Step::Delay(Duration::from_millis(delay_ms.into()));
            }
            let step = match &self.state {
                State::Closed => Some(Step::Close),
                State::Body(_, receiving) if !receiving.is_between_chunks() => {
                    self.receive(input, out, body)
                }
                State::Swallow(..) => self.swallow(input, out),
                _ => self.line(input, out),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn line(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Option<Step> {
        if input.is_empty() {
            return Some(Step::Read);
        }
        let line = self.lines.next(input)?;
        let command = match &line {
            Ok(line) => Command::parse(line),
            Err(fault) => Err(*fault),
        };
        match command {
            Ok(command) => self.obey(command, input.is_empty(), out),
            Err(fault) if fault.is_fatal() => self.hangup(fault.reply(), out),
            Err(fault) => self.blame(fault.reply(), out),
        }
    }

    /// The answer to [`Step::Sender`].
    pub fn sender(&mut self, answer: Result<(), Reply>, out: &mut Vec<u8>) {
        let State::AskSender(hello, transaction) = self.take() else { return };
        match answer {
            Ok(()) => {
                self.counters.begin_message();
                self.state = State::Mail(hello, transaction);
                say(&texts::SENDER_OK, out);
            }
            Err(reply) => {
                self.state = State::Refused(hello);
                self.refuse(reply, out);
            }
        }
    }

    /// The answer to [`Step::Recipient`].
    pub fn recipient(&mut self, verdict: Verdict, out: &mut Vec<u8>) {
        let State::AskRecipient(hello, mut transaction, params) = self.take() else { return };
        let refusal = match verdict {
            Verdict::Accept { address, copy_to } => {
                transaction.add(address, params, copy_to);
                None
            }
            Verdict::Refuse(reply) => Some(reply),
        };
        self.state = State::Mail(hello, transaction);
        match refusal {
            None => say(&texts::RECIPIENT_OK, out),
            Some(reply) if reply.is_permanent() => {
                let sentence = self.counters.unknown_recipient(&self.rules);
                self.serve(sentence, &reply, out);
            }
            Some(reply) => say(&reply, out),
        }
    }

    /// The answer to [`Step::Store`]: what the spool made of the message.
    pub fn stored(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        let State::Storing(hello) = self.take() else { return };
        if reply.is_positive() {
            self.counters.accepted();
        }
        self.state = State::Ready(hello);
        say(reply, out);
    }

    /// The handshake succeeded. Everything learnt before it is forgotten, XCLIENT included: it may
    /// have been an attacker's. If it failed there is nothing to call: the connection is closed.
    ///
    /// Source: RFC 3207 §4.2.
    pub fn tls_started(&mut self, info: TlsInfo, certificate: Option<Box<str>>) {
        if let Some(filter) = self.filter.take() {
            self.peer = *filter;
        }
        self.state = State::Start;
        self.lines = Lines::new(self.rules.command_line_max);
        self.tls = Some(Box::new(Secured { info, certificate }));
    }

    /// What was refused since the last call, for those who count.
    pub fn take_rejections(&mut self) -> Option<Box<Rejections>> {
        self.rejections.take()
    }

    /// Says `reply` and is closed: for time-outs, shutdown and limits of the shell.
    pub fn shut(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        self.state = State::Closed;
        say(reply, out);
    }

    pub fn phase(&self) -> Phase {
        match self.state {
            State::Start | State::Handshake | State::Closed => Phase::Greeting,
            State::Opening(..) | State::Body(..) | State::Swallow(..) | State::Storing(_) => {
                Phase::Body
            }
            _ => Phase::Command,
        }
    }

    /// Nothing is lost if the session ends now: no transaction, no command half sent.
    pub fn is_idle(&self) -> bool {
        let between = matches!(self.state, State::Start | State::Ready(_) | State::Refused(_));
        between && !self.lines.is_open()
    }

    /// Whether the shell must leave the body's buffer as it is: the header block is in it.
    pub fn is_in_head(&self) -> bool {
        match &self.state {
            State::Body(_, it) => !it.intake.is_head_complete() && it.intake.refusal().is_none(),
            State::Opening(..) => true,
            _ => false,
        }
    }

    /// The transaction that [`Step::Open`] is about.
    pub fn transaction(&self) -> Option<&Transaction> {
        match &self.state {
            State::AskSender(_, it) | State::Mail(_, it) | State::AskRecipient(_, it, _) => {
                Some(it)
            }
            State::Opening(_, it) | State::Body(_, it) => Some(&it.transaction),
            _ => None,
        }
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Where a message received now comes from, on the listener of this name.
    pub fn origin(&self, listener: &str) -> Origin {
        let hello = self.hello();
        Origin {
            listener: listener.into(),
            peer: self.peer.address,
            helo: hello.map_or_else(Box::default, |it| it.name.clone()),
            protocol: hello.map_or(Protocol::Smtp, |it| it.protocol),
            tls: self.tls.as_ref().map(|it| it.info.clone()),
            client_certificate: self.certificate().map(Into::into),
        }
    }

    /// The EHLO or HELO argument, and which of them it was.
    pub fn greeting(&self) -> (&str, Protocol) {
        self.hello().map_or(("", Protocol::Smtp), |it| (&it.name, it.protocol))
    }

    /// The subject of the client's certificate, if one was given and checked.
    pub fn certificate(&self) -> Option<&str> {
        self.tls.as_ref()?.certificate.as_deref()
    }

    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref().map(|it| &it.info)
    }

    fn hello(&self) -> Option<&Hello> {
        match &self.state {
            State::Ready(hello)
            | State::Refused(hello)
            | State::AskSender(hello, _)
            | State::Mail(hello, _)
            | State::AskRecipient(hello, ..)
            | State::Opening(hello, _)
            | State::Body(hello, _)
            | State::Swallow(hello, ..)
            | State::Storing(hello) => Some(hello),
            State::Start | State::Handshake | State::Closed => None,
        }
    }

    fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Closed)
    }

    /// Says `reply` and closes.
    fn hangup(&mut self, reply: Reply, out: &mut Vec<u8>) -> Option<Step> {
        self.count(&reply);
        self.shut(&reply, out);
        Some(Step::Close)
    }

    /// Says `reply` to a mistake of the client.
    fn blame(&mut self, reply: Reply, out: &mut Vec<u8>) -> Option<Step> {
        self.count(&reply);
        let sentence = self.counters.error(&self.rules);
        self.serve(sentence, &reply, out);
        None
    }

    /// Says `reply`, which is the client's mistake only if it is permanent.
    fn refuse(&mut self, reply: Reply, out: &mut Vec<u8>) {
        if reply.is_permanent() {
            self.blame(reply, out);
        } else {
            say(&reply, out);
        }
    }

    fn serve(&mut self, sentence: Sentence, reply: &Reply, out: &mut Vec<u8>) {
        match sentence {
            Sentence::None => say(reply, out),
            Sentence::Delay(delay) => {
                self.delay_ms = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
                say(reply, out);
            }
            Sentence::Hangup(last) => {
                self.count(&last);
                self.shut(&last, out);
            }
        }
    }

    fn count(&mut self, reply: &Reply) {
        if let Some(rejection) = Rejection::of(reply) {
            self.rejections.get_or_insert_default().add(rejection);
        }
    }
}

fn say(reply: &Reply, out: &mut Vec<u8>) {
    reply.write_to(out);
}
