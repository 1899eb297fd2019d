//! Telling senders: what went wrong, what is late, what was passed on. At most one message for
//! one attempt, never about a message that is itself a notification.

use std::sync::Arc;

use mail::{
    Address, BodyType, Envelope, Notify, Origin, Recipient, RecipientKind, Reply, ReversePath,
};
use spool::{Event, Message, What};

use crate::connection::{RecipientResult, Transaction, TransactionResult};
use crate::delivery::{Delivery, now};
use crate::dsn::{self, Action, DsnRecipient, DsnRequest};

/// What the sender hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Final: the recipients are settled in the same record as the DSN.
    Failed {
        generation: u64,
        expired: bool,
    },
    Delayed,
}

/// Octets of the replies that the ledger keeps for one event.
const REPLY_MAX: usize = 1_000;

/// Tells the sender about some recipients of a message, as far as it may and wants to be told,
/// and writes what became of them. False: nothing was written, try again.
pub(crate) async fn tell(
    delivery: &Delivery,
    message: &Arc<Message>,
    about: &[(u16, Reply)],
    notice: Notice,
    remote: Option<&str>,
) -> bool {
    let (copies, named): (Vec<_>, Vec<_>) =
        about.iter().cloned().partition(|(index, _)| is_copy(message, *index));
    let copies_done = copies.is_empty() || give_up_copies(delivery, message, &copies, notice).await;
    if named.is_empty() {
        return copies_done;
    }
    let wanted: Vec<&(u16, Reply)> =
        named.iter().filter(|(index, _)| wants(message, *index, notice)).collect();
    let sender = match &message.envelope.reverse_path {
        ReversePath::Mailbox(address) if !wanted.is_empty() => address.clone(),
        ReversePath::Mailbox(_) | ReversePath::Null => {
            let event = event(message, &named, notice, None);
            return copies_done && delivery.0.spool.post_durable(event).await.is_ok();
        }
    };
    let told: Vec<_> = wanted.into_iter().cloned().collect();
    let news = News { told: &told, settled: &named, notice, remote };
    copies_done && send(delivery, message, sender, news).await
}

fn is_copy(message: &Message, index: u16) -> bool {
    let recipient = message.envelope.recipients.get(usize::from(index));
    recipient.is_some_and(|it| matches!(it.kind, RecipientKind::Copy { .. }))
}

fn wants(message: &Message, index: u16, notice: Notice) -> bool {
    let notify = message.envelope.recipients.get(usize::from(index)).map(|it| it.notify);
    let notify = notify.unwrap_or_default();
    match notice {
        Notice::Failed { .. } => notify.failure,
        Notice::Delayed => notify.delay,
    }
}

/// A second copy that a site would not take is nobody's bounce; the first copy went home.
async fn give_up_copies(
    delivery: &Delivery,
    message: &Message,
    copies: &[(u16, Reply)],
    notice: Notice,
) -> bool {
    if notice == Notice::Delayed {
        return true;
    }
    let why = format!("copy while syncing: {}", joined(copies));
    let what = What::Discarded { by: "causeway".into(), why };
    let recipients = copies.iter().map(|it| it.0).collect();
    let event = Event { id: message.id, recipients, at: now(), what };
    delivery.0.spool.post_durable(event).await.is_ok()
}

fn event(
    message: &Message,
    about: &[(u16, Reply)],
    notice: Notice,
    dsn: Option<mail::SpoolId>,
) -> Event {
    let reply = joined(about);
    let what = match notice {
        Notice::Failed { generation, expired: false } => What::Bounced { generation, reply, dsn },
        Notice::Failed { generation, expired: true } => What::Expired { generation, reply, dsn },
        Notice::Delayed => What::DelayNotified { dsn },
    };
    Event { id: message.id, recipients: about.iter().map(|it| it.0).collect(), at: now(), what }
}

/// Each different reply once.
fn joined(about: &[(u16, Reply)]) -> String {
    let mut text = String::new();
    for (_, reply) in about {
        let reply = reply.to_string();
        if !text.contains(&reply) && text.len() + reply.len() < REPLY_MAX {
            if !text.is_empty() {
                text.push_str(" | ");
            }
            text.push_str(&reply);
        }
    }
    text
}

/// What one notification is about.
struct News<'a> {
    /// Recipients that it names.
    told: &'a [(u16, Reply)],
    /// Recipients that its event is about, told of or not.
    settled: &'a [(u16, Reply)],
    notice: Notice,
    /// The host that said so; `None` when it was us.
    remote: Option<&'a str>,
}

async fn send(
    delivery: &Delivery,
    message: &Arc<Message>,
    sender: Address,
    news: News<'_>,
) -> bool {
    let action = match news.notice {
        Notice::Failed { .. } => Action::Failed,
        Notice::Delayed => Action::Delayed,
    };
    let remote = news.remote.map(str::to_owned);
    let recipients = news.told.iter().filter_map(|(index, reply)| {
        let recipient = message.envelope.recipients.get(usize::from(*index))?;
        Some(DsnRecipient { recipient, action, reply: reply.clone(), remote: remote.clone() })
    });
    let mut incoming = delivery.0.spool.receive();
    let id = incoming.id();
    let bytes = compose(delivery, message, id, recipients.collect()).await;
    if incoming.write(&bytes).is_err() {
        return false;
    }
    let event = event(message, news.settled, news.notice, Some(id));
    let envelope = envelope_to(sender, message.envelope.smtputf8, &bytes);
    let committed = incoming.commit_settling(envelope, Origin::internal(), event).await;
    finish(delivery, committed, action, message)
}

fn finish(
    delivery: &Delivery,
    committed: Result<spool::Accepted, spool::SpoolError>,
    action: Action,
    about: &Message,
) -> bool {
    match committed {
        Ok(accepted) => {
            delivery.0.metrics.dsns.with_label_values(&[action.as_str()]).inc();
            tracing::info!(id = %about.id, dsn = %accepted.receipt.id(), kind = action.as_str(), "Told the sender.");
            delivery.submit(accepted.message);
            true
        }
        Err(error) => {
            tracing::error!(id = %about.id, %error, "Cannot write a DSN; trying again later.");
            false
        }
    }
}

async fn compose(
    delivery: &Delivery,
    message: &Arc<Message>,
    id: mail::SpoolId,
    recipients: Vec<DsnRecipient<'_>>,
) -> Vec<u8> {
    let max = delivery.0.settings.bounce_bytes_max;
    let original = beginning(message, max).await;
    dsn::build(&DsnRequest {
        id,
        at: now(),
        hostname: &delivery.0.settings.hostname,
        envelope: &message.envelope,
        accepted_at: message.accepted_at,
        recipients: &recipients,
        original: &original,
        original_len: message.body.len(),
        original_bytes_max: max,
    })
}

/// As much of the message as a DSN may bring back, and its header at least.
async fn beginning(message: &Arc<Message>, max: u64) -> Vec<u8> {
    const HEADER_MAX: u64 = 256 * 1024;
    let want = usize::try_from(message.body.len().min(max.max(HEADER_MAX))).unwrap_or(0);
    match &message.body {
        spool::Body::Memory(bytes) => bytes[..want.min(bytes.len())].to_vec(),
        spool::Body::Stored(stored) => {
            let stored = stored.clone();
            let read = tokio::task::spawn_blocking(move || {
                let mut out = vec![0; want];
                let mut filled = 0;
                while filled < want {
                    match stored.read_at(filled as u64, &mut out[filled..]) {
                        Ok(0) | Err(_) => break,
                        Ok(n) => filled += n,
                    }
                }
                out.truncate(filled);
                out
            });
            read.await.unwrap_or_default()
        }
    }
}

/// Source: RFC 3461 §6.1: the reverse-path of a DSN is null.
fn envelope_to(sender: Address, smtputf8: bool, bytes: &[u8]) -> Envelope {
    let recipient = Recipient {
        address: sender,
        notify: Notify { explicit: true, ..Notify::NEVER },
        orcpt: None,
        kind: RecipientKind::Named,
    };
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: vec![recipient],
        body: if bytes.is_ascii() { BodyType::SevenBit } else { BodyType::EightBitMime },
        smtputf8,
        ret: None,
        envid: None,
    }
}

/// Recipients who asked for news of success and went to a host that cannot give it.
///
/// Source: RFC 3461 §5.2.2.
pub(crate) async fn relayed(
    delivery: &Delivery,
    transaction: &Transaction,
    result: &TransactionResult,
    host: &str,
) {
    let message = &transaction.message;
    let ReversePath::Mailbox(sender) = &message.envelope.reverse_path else { return };
    let recipients: Vec<DsnRecipient<'_>> = result
        .recipients
        .iter()
        .filter_map(|(index, outcome)| {
            let recipient = message.envelope.recipients.get(usize::from(*index))?;
            let RecipientResult::Delivered(reply) = outcome else { return None };
            let wanted = recipient.notify.success && recipient.kind == RecipientKind::Named;
            let remote = Some(host.to_owned());
            wanted.then(|| DsnRecipient {
                recipient,
                action: Action::Relayed,
                reply: reply.clone(),
                remote,
            })
        })
        .collect();
    if recipients.is_empty() {
        return;
    }
    let mut incoming = delivery.0.spool.receive();
    let bytes = compose(delivery, message, incoming.id(), recipients).await;
    if incoming.write(&bytes).is_ok() {
        let envelope = envelope_to(sender.clone(), message.envelope.smtputf8, &bytes);
        let committed = incoming.commit(envelope, Origin::internal()).await;
        finish(delivery, committed, Action::Relayed, message);
    }
}
