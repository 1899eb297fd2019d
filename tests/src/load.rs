//! Clients that send tokened mail and note what became of each message.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::message::Outgoing;
use crate::smtp::Client;

/// What the client knows at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 250 after the content: the server is answerable for it from now on.
    Accepted(String),
    Refused(String),
    /// The connection broke after the content was on its way.
    Unknown,
    /// The connection broke before.
    Unsent,
}

impl Outcome {
    /// 421: the server closes the session and says nothing about the message.
    fn is_goodbye(&self) -> bool {
        matches!(self, Self::Refused(reply) if reply.starts_with("421"))
    }
}

/// One line of the client's ledger.
#[derive(Clone, Debug)]
pub struct Sent {
    pub token: String,
    /// Those that were answered 250.
    pub recipients: Vec<String>,
    pub digest: u64,
    pub outcome: Outcome,
    pub at: Instant,
    pub took: Duration,
}

/// What to send.
#[derive(Clone)]
pub struct Plan {
    pub to: SocketAddr,
    /// Begins every token, so that runs are told apart.
    pub run: String,
    pub clients: usize,
    pub messages_max: usize,
    /// Size of the content of message `n`.
    pub bytes: fn(usize) -> usize,
    /// Recipients of message `n`.
    pub recipients: fn(usize) -> Vec<String>,
    /// Give up on a connection that stays silent this long.
    pub patience: Duration,
}

impl Plan {
    pub fn new(to: SocketAddr, run: impl Into<String>) -> Self {
        Self {
            to,
            run: run.into(),
            clients: 4,
            messages_max: usize::MAX,
            bytes: |n| 400 + (n * 7919) % 4000,
            recipients: |n| vec![format!("user{}@example.test", n % 100)],
            patience: Duration::from_secs(20),
        }
    }
}

/// Clients at work.
pub struct Load {
    ledger: Arc<Mutex<Vec<Sent>>>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts sending; clients connect again whenever a connection breaks.
    pub fn start(plan: &Plan) -> Self {
        let ledger = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicUsize::new(0));
        let client = |_| {
            let (plan, ledger) = (plan.clone(), Arc::clone(&ledger));
            let (stop, next) = (Arc::clone(&stop), Arc::clone(&next));
            std::thread::spawn(move || run_client(&plan, &next, &stop, &ledger))
        };
        let clients = (0..plan.clients).map(client).collect();
        Self { ledger, stop, clients }
    }

    /// The ledger so far.
    pub fn ledger(&self) -> Vec<Sent> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many messages were accepted so far.
    pub fn n_accepted(&self) -> usize {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.iter().filter(|sent| matches!(sent.outcome, Outcome::Accepted(_))).count()
    }

    /// Waits until all messages of the plan are sent.
    pub fn finish(self) -> Vec<Sent> {
        self.join()
    }

    /// Lets the messages under way end, then returns the ledger.
    pub fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::SeqCst);
        self.join()
    }

    fn join(mut self) -> Vec<Sent> {
        for client in self.clients.drain(..) {
            client.join().expect("a client does not panic");
        }
        self.ledger()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn run_client(plan: &Plan, next: &AtomicUsize, stop: &AtomicBool, ledger: &Mutex<Vec<Sent>>) {
    let mut client: Option<Client> = None;
    while !stop.load(Ordering::SeqCst) {
        if client.is_none() {
            client = open(plan);
            if client.is_none() {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
        }
        let n = next.fetch_add(1, Ordering::SeqCst);
        if n >= plan.messages_max {
            return;
        }
        let token = format!("{}-{n}", plan.run);
        let message = Outgoing::new(token, (plan.recipients)(n), (plan.bytes)(n));
        let start = Instant::now();
        let (mut recipients, mut outcome) = attempt(client.as_mut(), &message);
        if outcome.is_goodbye() {
            // Enough messages in one session, say: go on with the next one.
            client = open(plan);
            (recipients, outcome) = attempt(client.as_mut(), &message);
        }
        if matches!(outcome, Outcome::Unknown | Outcome::Unsent) {
            client = None;
        }
        let sent = Sent {
            digest: message.digest(),
            token: message.token,
            recipients,
            outcome,
            at: Instant::now(),
            took: start.elapsed(),
        };
        ledger.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    }
}

fn open(plan: &Plan) -> Option<Client> {
    let (mut client, greeting) = Client::connect_for(plan.to, plan.patience).ok()?;
    let welcome = greeting.is_positive();
    (welcome && client.hello().is_ok()).then_some(client)
}

/// Sends one message; the recipients that were taken and what became of it.
///
/// A break is always [`Outcome::Unknown`]: the envelope and the content go out
/// without waiting, so the final dot may have arrived.
fn attempt(client: Option<&mut Client>, message: &Outgoing) -> (Vec<String>, Outcome) {
    let Some(client) = client else { return (Vec::new(), Outcome::Unsent) };
    match client.deliver(message) {
        Ok((replies, last)) => {
            let good = message.recipients.iter().zip(&replies).filter(|(_, r)| r.is_positive());
            let recipients = good.map(|(recipient, _)| recipient.clone()).collect();
            let text = format!("{} {}", last.code, last.text);
            let outcome =
                if last.code == 250 { Outcome::Accepted(text) } else { Outcome::Refused(text) };
            (recipients, outcome)
        }
        Err(_) => (message.recipients.clone(), Outcome::Unknown),
    }
}
