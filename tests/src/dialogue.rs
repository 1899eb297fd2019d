//! Runs a transcript over TCP. The format is described in `transcripts/README.md`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustls::ClientConfig;
use smtp::server::transcript::{Line, What};

use crate::certs::NAME;
use crate::sink::Sink;
use crate::smtp::Client;
use crate::wait;

/// How long a message may take from its 250 to its site.
const DELIVERY_BOUND: Duration = Duration::from_secs(10);

/// What a transcript asks of the gateway before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setup {
    pub is_relay: bool,
    pub tls: bool,
    pub xclient: bool,
    pub normalize: bool,
    /// Lines of `[limits]`.
    pub limits: Vec<String>,
    /// Needs something that only the core's own runner can stage.
    pub core_only: bool,
}

impl Setup {
    /// The settings at the head of a transcript.
    pub fn read(lines: &[Line]) -> Self {
        let mut setup = Self::default();
        for line in lines {
            if let What::Event(words) = &line.what {
                setup.take(&words.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
        setup
    }

    /// Whether the words are a setting.
    fn take(&mut self, words: &[&str]) -> bool {
        match words {
            ["role", role] => self.is_relay = *role == "relay",
            ["limit", name, number] => self.limits.push(format!("{name} = {number}")),
            ["bare_newline", "normalize"] => self.normalize = true,
            ["tls"] => self.tls = true,
            ["xclient"] => self.xclient = true,
            ["core"] => self.core_only = true,
            ["spool", "full"] | ["whole"] => (),
            _ => return false,
        }
        true
    }
}

/// One connection that plays the client's part.
pub struct Dialogue<'a> {
    client: Client,
    sinks: &'a [&'a Sink],
    /// Deliveries that were there before.
    n_before: usize,
    tls: Option<Arc<ClientConfig>>,
    replies: VecDeque<String>,
    sent_at: Instant,
    /// How long the last reply took.
    took: Duration,
}

impl<'a> Dialogue<'a> {
    pub fn new(
        client: Client,
        sinks: &'a [&'a Sink],
        tls: Option<Arc<ClientConfig>>,
    ) -> Dialogue<'a> {
        let n_before = contents(sinks).len();
        let (replies, sent_at, took) = (VecDeque::new(), Instant::now(), Duration::ZERO);
        Dialogue { client, sinks, n_before, tls, replies, sent_at, took }
    }

    /// Plays all lines; an error that names the line.
    pub fn run(&mut self, lines: &[Line]) -> Result<()> {
        let mut pending = Vec::new();
        let mut message = Vec::new();
        for line in lines {
            let at = || format!("line {}", line.number);
            if !matches!(line.what, What::Message(_)) {
                self.arrived(&std::mem::take(&mut message)).with_context(at)?;
            }
            if let What::Client(octets) = &line.what {
                pending.extend_from_slice(octets);
                continue;
            }
            if matches!(&line.what, What::Event(words) if is_setting(words)) {
                continue;
            }
            self.send(&std::mem::take(&mut pending)).with_context(at)?;
            match &line.what {
                What::Client(_) => (),
                What::Server(expect) => {
                    self.read().with_context(at)?;
                    expect.take(&mut self.replies).map_err(anyhow::Error::msg).with_context(at)?;
                }
                What::Message(octets) => message.extend_from_slice(octets),
                What::Event(words) => self.event(words).with_context(at)?,
            }
        }
        self.arrived(&message)?;
        ensure!(self.replies.is_empty(), "nobody expected {:?}", self.replies);
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) -> Result<()> {
        if octets.is_empty() {
            return Ok(());
        }
        ensure!(self.replies.is_empty(), "nobody expected {:?} before it", self.replies);
        self.sent_at = Instant::now();
        // The gateway may have closed in the middle; the replies say so.
        self.client.send(octets).ok();
        Ok(())
    }

    /// Makes sure that one whole reply is there.
    fn read(&mut self) -> Result<()> {
        if !self.replies.is_empty() {
            return Ok(());
        }
        let reply = self.client.reply()?;
        self.took = self.sent_at.elapsed();
        let mut lines = reply.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let mark = if lines.peek().is_some() { '-' } else { ' ' };
            self.replies.push_back(format!("{}{mark}{line}", reply.code));
        }
        Ok(())
    }

    fn event(&mut self, words: &[String]) -> Result<()> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["closed"] => match self.client.reply() {
                Ok(reply) => bail!("not closed: {reply:?}"),
                Err(_) => Ok(()),
            },
            ["TLS"] => {
                let config = self.tls.clone().context("no certificate for this transcript")?;
                self.client.shake_hands(config, NAME)
            }
            ["delay", seconds] => {
                let delay = Duration::from_secs(seconds.parse()?);
                ensure!(self.took > delay.mul_f64(0.8), "after {:?}, not {delay:?}", self.took);
                Ok(())
            }
            _ => bail!("no event {words:?}"),
        }
    }

    /// Waits for a delivery whose content, behind our trace fields, begins with `message`.
    fn arrived(&mut self, message: &[u8]) -> Result<()> {
        if message.is_empty() {
            return Ok(());
        }
        let (sinks, n_before) = (self.sinks, self.n_before);
        wait::until("the message of the M lines", DELIVERY_BOUND, || {
            contents(sinks).iter().skip(n_before).any(|content| begins(content, message))
        })
        .with_context(|| {
            let all: Vec<_> = contents(sinks).split_off(n_before);
            let texts = all.iter().map(|content| String::from_utf8_lossy(content).into_owned());
            format!("arrived: {:?}", texts.collect::<Vec<_>>())
        })
    }
}

fn is_setting(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Setup::default().take(&words)
}

/// All that arrived, whichever site it was for, in the order of arrival at each.
fn contents(sinks: &[&Sink]) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = sinks.iter().flat_map(|sink| sink.deliveries()).collect();
    all.sort_by_key(|delivery| delivery.at);
    all.into_iter().map(|delivery| delivery.content).collect()
}

/// Whether `message` stands at the start or behind whole header fields that begin with our mark.
fn begins(content: &[u8], message: &[u8]) -> bool {
    let at = content.windows(message.len()).position(|window| window == message);
    at.is_some_and(|at| {
        content.starts_with(b"X-Causeway-Loop:") && content[..at].ends_with(b"\r\n")
    })
}
