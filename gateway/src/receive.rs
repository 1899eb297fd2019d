//! A body on its way into the spool, and the 250 that follows.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use api::{FlowEvent, FlowKind};
use events::Events;
use mail::{Reply, SpoolId};
use smtp::server::{Received, Session, Transaction};
use spool::{Accepted, Event, Incoming, Message, Receipt, Spool, SpoolError, What};
use tokio::time::timeout;

use crate::limits::MemoryLimits;
use crate::shared::{ListenerState, Shared, now};

const FULL: Reply = Reply::new(452, (4, 3, 1), "Insufficient system storage, try again later");
const BUSY: Reply = Reply::new(452, (4, 3, 1), "Insufficient memory, try again later");
const FAILED: Reply = Reply::new(451, (4, 3, 0), "Cannot store the message now, try again later");
const LOOP: Reply = Reply::new(554, (5, 4, 6), "The message has passed here too often: a loop");
/// The body was given up before its end; see [`Session::spoil`].
pub(crate) const LOST: Reply = FAILED;

/// How long a client waits for the disk. It gives up after ten minutes itself, and then does not
/// know whether to come again. Source: RFC 5321 §4.5.3.2.6.
const COMMIT_PATIENCE: Duration = Duration::from_secs(300);

/// Whether a message of `size` octets may begin; 0 when its size is not known.
pub(crate) fn admit(shared: &Shared, listener: &ListenerState, size: u64) -> Result<(), Reply> {
    if shared.spool.admit(size).is_err() {
        listener.metrics.no_room.inc();
        return Err(FULL);
    }
    if shared.stress.body_bytes() > shared.memory.refuse {
        listener.metrics.no_memory.inc();
        return Err(BUSY);
    }
    Ok(())
}

/// What has come of a message, behind our trace fields.
pub(crate) struct Body {
    listener: Arc<ListenerState>,
    incoming: Incoming,
    held: Held,
}

impl Body {
    /// Begins a message with our mark and its one `Received` field.
    pub(crate) fn open(
        shared: &Arc<Shared>,
        listener: &Arc<ListenerState>,
        session: &Session,
        hostname: &str,
    ) -> Self {
        let mut incoming = shared.spool.receive();
        let id = incoming.id();
        let out = incoming.body_mut();
        out.reserve(room(session));
        // What a client sends may begin with a blank, and then it continues the field before it.
        // Where `Received` ends is for nobody to rely on; the mark must stay as it is.
        shared.loop_mark.write_to(id, out);
        trace(session, hostname, id, out);
        Self {
            listener: Arc::clone(listener),
            incoming,
            held: Held { shared: Arc::clone(shared), octets: 0 },
        }
    }

    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.incoming.body_mut()
    }

    /// Takes note of what is in the buffer now.
    pub(crate) fn grown(&mut self) {
        self.held.set(self.incoming.body_mut().len() as u64);
    }

    /// What is to be done about the memory that bodies take up. `is_in_head`: the octets must
    /// stay where they are.
    pub(crate) fn relief(&mut self, is_in_head: bool) -> Relief {
        let wants_drain = self.incoming.wants_drain();
        let buffered = self.incoming.body_mut().len();
        let shared = &self.held.shared;
        let used = shared.stress.body_bytes();
        match relief(shared.memory, used, buffered, is_in_head) {
            Relief::None if wants_drain && !is_in_head => Relief::Drain,
            relief => relief,
        }
    }

    /// Moves what has come of a body to the disk, as that of a large one.
    pub(crate) async fn drain(&mut self) -> Result<(), Reply> {
        let drained = match self.incoming.wants_drain() {
            true => self.incoming.drain().await,
            false => self.incoming.spill().await,
        };
        self.grown();
        drained.map_err(|error| failed(&error, &self.listener))
    }

    /// The message is given up for want of memory.
    pub(crate) fn crowded_out(&self) -> Reply {
        self.listener.metrics.full.inc();
        BUSY
    }

    /// Makes the message durable and hands it on; gives the reply to the client. Whether the
    /// client is still there makes no difference.
    pub(crate) async fn commit(
        self: Box<Self>,
        transaction: Transaction,
        session: &Session,
    ) -> Reply {
        let Self { listener, incoming, held, .. } = *self;
        let peer = session.peer();
        if held.shared.loop_mark.is_loop(&transaction.head.loop_tokens) {
            listener.metrics.looped.inc();
            tracing::warn!(%peer, "Refused a message that has passed here too often.");
            return LOOP;
        }
        let Transaction { envelope, head, octets, .. } = transaction;
        let origin = session.origin(&listener.name);
        let mut commit = Box::pin(incoming.commit(envelope, origin));
        let Ok(committed) = timeout(COMMIT_PATIENCE, &mut commit).await else {
            tracing::error!(%peer, "The disk does not answer; a client was told to come again.");
            listener.metrics.failed.inc();
            let (spool, late) = (held.shared.spool.clone(), listener.metrics.late.clone());
            held.shared.tracker.spawn(async move {
                late.inc_by(u64::from(discard_late(spool, commit).await));
            });
            return FAILED;
        };
        let Accepted { receipt, message } = match committed {
            Ok(accepted) => accepted,
            Err(error) => return failed(&error, &listener),
        };
        listener.metrics.accepted.inc();
        listener.metrics.bytes.inc_by(octets);
        tracing::info!(
            id = %receipt.id(),
            listener = &*listener.name,
            %peer,
            from = %message.envelope.reverse_path,
            recipients = message.envelope.recipients.len(),
            size = octets,
            message_id = head.message_id.as_deref().unwrap_or("-"),
            "Accepted."
        );
        tell(&held.shared.events, &message, octets);
        held.shared.handoff.submit(message);
        accepted_reply(&receipt)
    }
}

/// Whoever looks on hears of each recipient.
fn tell(events: &Events, message: &Message, octets: u64) {
    events.flow(|| {
        let at = message.accepted_at.to_string();
        let one = move |recipient: &mail::Recipient| FlowEvent {
            at: at.clone(),
            kind: FlowKind::Accepted,
            id: message.id.to_string(),
            reverse_path: message.envelope.reverse_path.to_string(),
            recipient: recipient.address.to_string(),
            site: None,
            size_bytes: Some(octets),
            reply: None,
            seconds: None,
        };
        message.envelope.recipients.iter().map(one).collect::<Vec<_>>()
    });
}

const LATE: &str = "answered 451 before it was durable";

/// The client was told to come again, and it will: what the disk has of the message all the same
/// is not delivered, and the ledger says why.
async fn discard_late(
    spool: Spool,
    commit: impl Future<Output = Result<Accepted, SpoolError>> + Send,
) -> bool {
    let Ok(Accepted { receipt, message }) = commit.await else { return false };
    let id = receipt.id();
    let n = u16::try_from(message.envelope.recipients.len()).unwrap_or(u16::MAX);
    let what = What::Discarded { by: "causeway".to_owned(), why: LATE.to_owned() };
    let event = Event { id, recipients: (0..n).collect(), at: now(), what };
    match spool.post_durable(event).await {
        Ok(()) => tracing::warn!(%id, "Discarded: its client was told to send it again."),
        // It is found at the next start and delivered: better twice than never.
        Err(error) => tracing::error!(%id, error = %chain(&error), "Cannot discard it."),
    }
    true
}

/// A body of at least this size is worth a file of its own when memory is short.
const SPILL_BYTES: usize = 64 << 10;

/// What a session does for the memory of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relief {
    None,
    /// Its body goes to the disk.
    Drain,
    /// Its body is given up, and its client told to come again.
    GiveUp,
}

fn relief(limits: MemoryLimits, used: u64, buffered: usize, is_in_head: bool) -> Relief {
    match () {
        () if used <= limits.drain || buffered == 0 => Relief::None,
        () if buffered >= SPILL_BYTES && !is_in_head => Relief::Drain,
        () if used > limits.give_up => Relief::GiveUp,
        () => Relief::None,
    }
}

/// Octets of a body that count as being in memory, until this is dropped.
struct Held {
    shared: Arc<Shared>,
    octets: u64,
}

impl Held {
    fn set(&mut self, octets: u64) {
        self.shared.stress.hold(octets);
        self.shared.stress.let_go(std::mem::replace(&mut self.octets, octets));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.stress.let_go(self.octets);
    }
}

fn failed(error: &SpoolError, listener: &ListenerState) -> Reply {
    if let SpoolError::Full(_) = error {
        listener.metrics.full.inc();
        return FULL;
    }
    listener.metrics.failed.inc();
    tracing::error!(error = %chain(error), "Cannot store a message.");
    FAILED
}

/// The only place that says 250 to a message.
fn accepted_reply(receipt: &Receipt) -> Reply {
    Reply::with_text(250, (2, 0, 0), format!("Queued as {}", receipt.id()))
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// Octets to set aside at first: what the client announced, within reason, and our fields.
fn room(session: &Session) -> usize {
    const FIELDS: usize = 512;
    const ANNOUNCED_MAX: u64 = 64 << 10;
    let announced = session.transaction().and_then(|it| it.size).unwrap_or(2 << 10);
    usize::try_from(announced.min(ANNOUNCED_MAX)).unwrap_or_default() + FIELDS
}

fn trace(session: &Session, hostname: &str, id: SpoolId, out: &mut Vec<u8>) {
    let Some(transaction) = session.transaction() else { return };
    let envelope = &transaction.envelope;
    let only_recipient = match envelope.recipients.as_slice() {
        [only] => Some(&only.address),
        _ => None,
    };
    let peer = session.peer();
    let (helo, protocol) = session.greeting();
    with_date(|date| {
        Received {
            helo,
            peer: peer.address,
            peer_name: peer.name.as_deref(),
            by: hostname,
            id,
            protocol,
            tls: session.tls(),
            smtputf8: envelope.smtputf8,
            only_recipient,
            date,
        }
        .write_to(out);
    });
}

/// Formats the date once a second, not once a message.
fn with_date(then: impl FnOnce(&str)) {
    thread_local! {
        static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = now();
    DATE.with_borrow_mut(|(second, text)| {
        if *second != now.as_secs() || text.is_empty() {
            *second = now.as_secs();
            *text = now.rfc5322();
        }
        then(text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_runs_short_is_freed_and_never_passed() {
        let asked =
            |used, buffered, is_in_head| relief(MemoryLimits::of(100), used, buffered, is_in_head);
        assert_eq!(asked(90, 1 << 20, false), Relief::None);
        assert_eq!(asked(91, 1 << 20, false), Relief::Drain);
        assert_eq!(asked(91, 1 << 10, false), Relief::None);
        assert_eq!(asked(101, 1 << 20, false), Relief::Drain);
        assert_eq!(asked(101, 1 << 10, false), Relief::GiveUp);
        assert_eq!(asked(101, 1 << 20, true), Relief::GiveUp);
        assert_eq!(asked(101, 0, false), Relief::None);
    }

    fn spool(dir: &std::path::Path) -> (Spool, Vec<SpoolId>) {
        let disk = spool::RealDisk::new(dir).unwrap();
        let options =
            spool::Options { free_bytes_min: 0, free_inodes_min: 0, ..spool::Options::default() };
        let clock = Arc::new(spool::SystemClock);
        let metrics = spool::SpoolMetrics::new();
        let (spool, recovery) = Spool::open(Arc::new(disk), options, metrics, clock).unwrap();
        (spool, recovery.map(|it| it.id).collect())
    }

    #[test]
    fn what_was_answered_451_is_not_delivered_when_the_disk_has_it_after_all() {
        let dir = tempfile::tempdir().unwrap();
        let (first, _) = spool(dir.path());
        let mut incoming = first.receive();
        incoming.body_mut().extend_from_slice(b"Subject: late\r\n\r\n");
        let named = |it: &str| mail::Recipient {
            address: it.parse().unwrap(),
            notify: mail::Notify::default(),
            orcpt: None,
            kind: mail::RecipientKind::Named,
        };
        let envelope = mail::Envelope {
            reverse_path: mail::ReversePath::Null,
            recipients: vec![named("anna@known.example"), named("ben@known.example")],
            body: mail::BodyType::default(),
            smtputf8: false,
            ret: None,
            envid: None,
        };
        let origin = mail::Origin {
            listener: "mx".into(),
            peer: None,
            helo: "client.example".into(),
            protocol: mail::Protocol::Esmtp,
            tls: None,
            client_certificate: None,
        };
        let commit = incoming.commit(envelope, origin);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        assert!(runtime.block_on(discard_late(first.clone(), commit)));
        first.close();
        let (again, recovered) = spool(dir.path());
        assert_eq!(recovered, []);
        again.close();
    }
}
