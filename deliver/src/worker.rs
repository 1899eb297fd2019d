//! One connection to a hop, from opening to rest: takes mail from the lane, hands it over, and
//! passes on what the far side said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use health::SUSPECT_PAUSE;
use mail::{Envelope, Reply};
use spool::Message;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::connection::{Connection, Transaction, TxRecipient};
use crate::cut::Carrier;
use crate::delivery::{Delivery, shard};
use crate::hop::Hop;
use crate::queue::leg::{Hold, LegId, LegRecipient};
use crate::queue::{Next, Rest, Shard, Work};
use crate::route::{Attempt, Destination};
use crate::settle::{self, Batch, Prepared};
use crate::targets;

/// A connection that nobody needs is closed after this long.
const REST_FOR: Duration = Duration::from_secs(20);

/// Mail whose attempt ended without a result waits for so long.
const LOST_FOR: Duration = Duration::from_secs(60);

/// Counts the connection out again, however the worker ends.
struct Counted {
    delivery: Delivery,
    hop: Arc<Hop>,
    shard: Shard,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.delivery.0.queues.lock().workers(self.hop.index).closed(self.shard);
    }
}

/// Legs in the hands of a connection. Should it end without a word, by a panic, they are tried
/// again later, as such that may have arrived.
struct Taken {
    delivery: Delivery,
    legs: Vec<(LegId, u32)>,
}

impl Taken {
    fn new(delivery: &Delivery, works: &[Work<Arc<Message>>]) -> Self {
        let legs = works.iter().map(|it| (it.leg, it.turn)).collect();
        Self { delivery: delivery.clone(), legs }
    }

    fn lost(&self) {
        let now = crate::delivery::now();
        let mut queues = self.delivery.0.queues.lock();
        for (leg, turn) in &self.legs {
            queues.drop_taken(*leg, *turn, now.plus(LOST_FOR), now);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lost();
        }
    }
}

/// Carries mail to `hop` until there is none, the hop closes, or the connection ends.
/// The caller has counted it in, for `shard`.
pub(crate) async fn run(delivery: Delivery, hop: Arc<Hop>, shard: Shard) {
    let counted = Counted { delivery: delivery.clone(), hop: Arc::clone(&hop), shard };
    let pause = pause_of(&delivery, &hop);
    if !pause.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(pause) => (),
            () = delivery.0.stop.cancelled() => return,
        }
    }
    match targets::connect(&delivery, &hop).await {
        Ok(connection) => {
            carry(&delivery, &hop, connection).await;
            drop(counted);
        }
        Err(failure) => {
            drop(counted);
            settle::cannot_connect(&delivery, &hop, failure).await;
        }
    }
    // Mail that came while this connection was the reason not to open another.
    delivery.kick(&[hop.index]);
}

/// While failures of a hop are being counted, tries keep their distance.
fn pause_of(delivery: &Delivery, hop: &Hop) -> Duration {
    let moment = delivery.moment();
    let not_before = hop.breaker.lock().not_before();
    let suspect = not_before.map_or(Duration::ZERO, |it| it.saturating_sub(moment));
    suspect.min(SUSPECT_PAUSE).max(hop.paused_until().saturating_sub(moment))
}

async fn carry(delivery: &Delivery, hop: &Arc<Hop>, mut connection: Connection) {
    let notify = Arc::new(Notify::new());
    let carrier = Carrier::new(delivery);
    let mut sent = 0;
    while connection.is_usable() && sent < hop.settings.messages_per_connection_max {
        if delivery.0.stop.is_cancelled() {
            break;
        }
        let works = {
            let mut queues = delivery.0.queues.lock();
            if queues.workers(hop.index).too_many() {
                break;
            }
            queues.take(hop.index, hop.settings.batch, delivery.moment())
        };
        if works.is_empty() {
            if !rest(delivery, hop, &mut connection, &notify).await {
                break;
            }
            // There may be mail that cannot go yet: let those have the thread who carry what it
            // waits for.
            tokio::task::yield_now().await;
            continue;
        }
        sent += works.len();
        hand_over(delivery, hop, (&mut connection, &carrier), works).await;
    }
    connection.quit().await;
}

/// False: nobody needed the connection for a while, the host closed it, or the gateway stops.
async fn rest(
    delivery: &Delivery,
    hop: &Hop,
    connection: &mut Connection,
    notify: &Arc<Notify>,
) -> bool {
    {
        let mut queues = delivery.0.queues.lock();
        if !queues.is_open(hop.index) {
            return false;
        }
        if queues.rest(hop.index, shard(), notify) == Rest::Work {
            return true;
        }
    }
    tokio::select! {
        biased;
        // A message sent on it would seem to have arrived, perhaps.
        () = connection.until_gone() => {
            delivery.0.queues.lock().workers(hop.index).stop_resting(notify);
            false
        }
        woken = timeout(REST_FOR, notify.notified()) => {
            woken.is_ok() || !delivery.0.queues.lock().workers(hop.index).stop_resting(notify)
        }
        () = delivery.0.stop.cancelled() => {
            delivery.0.queues.lock().workers(hop.index).stop_resting(notify);
            false
        }
    }
}

/// One message tries a hop that is closed by a fault, in case it was mended.
pub(crate) async fn canary(delivery: Delivery, hop: Arc<Hop>) {
    let one = crate::queue::Batch { messages_max: 1, bytes_max: 1 };
    let works = delivery.0.queues.lock().take_anyway(hop.index, one);
    if works.is_empty() {
        return;
    }
    let carrier = Carrier::new(&delivery);
    carrier.begin(&works);
    let connected = tokio::select! {
        connected = targets::connect(&delivery, &hop) => connected,
        () = carrier.cut() => return give_back(&delivery, &works),
    };
    match connected {
        Ok(mut connection) => {
            hand_over(&delivery, &hop, (&mut connection, &carrier), works).await;
            connection.quit().await;
        }
        Err(failure) => {
            give_back(&delivery, &works);
            tracing::warn!(hop = %hop.key, failure = %failure, "Still cannot be reached.");
        }
    }
}

/// A connection as far as MAIL, without a message.
pub(crate) async fn probe(delivery: &Delivery, hop: &Arc<Hop>) -> Result<(), String> {
    let mut connection = targets::connect(delivery, hop).await.map_err(|it| it.to_string())?;
    let result = connection.probe().await.map_err(|it| it.to_string());
    connection.quit().await;
    result.map(drop)
}

fn give_back(delivery: &Delivery, works: &[Work<Arc<Message>>]) {
    let mut queues = delivery.0.queues.lock();
    for work in works {
        queues.finish(work.leg, &[], false, crate::delivery::now());
    }
}

async fn hand_over(
    delivery: &Delivery,
    hop: &Arc<Hop>,
    (connection, carrier): (&mut Connection, &Carrier),
    works: Vec<Work<Arc<Message>>>,
) {
    carrier.begin(&works);
    send(delivery, hop, (connection, carrier), works).await;
    carrier.end();
}

async fn send(
    delivery: &Delivery,
    hop: &Arc<Hop>,
    (connection, carrier): (&mut Connection, &Carrier),
    works: Vec<Work<Arc<Message>>>,
) {
    let taken = Taken::new(delivery, &works);
    let Some(works) = with_messages(delivery, works).await else {
        return taken.lost();
    };
    let (mut transactions, mut prepared) = (Vec::new(), Vec::new());
    for (work, message) in works {
        if let Some((transaction, rest)) = prepare(delivery, hop, work, message) {
            transactions.push(transaction);
            prepared.push(rest);
        }
    }
    if transactions.is_empty() {
        return;
    }
    let began = Instant::now();
    let results = connection.send_until(&transactions, carrier.cut()).await;
    tracing::debug!(hop = %hop.key, messages = prepared.len(), took = ?began.elapsed(), "Handed over.");
    settle::settle(delivery, hop, connection, Batch { transactions, prepared, results }).await;
}

/// Bodies that left memory are read again, off the reactor, all of a batch at once.
async fn with_messages(
    delivery: &Delivery,
    works: Vec<Work<Arc<Message>>>,
) -> Option<Vec<(Work<Arc<Message>>, Arc<Message>)>> {
    if works.iter().all(|it| it.message.is_some()) {
        let all = works.into_iter().filter_map(|it| it.message.clone().map(|m| (it, m)));
        return Some(all.collect());
    }
    let spool = delivery.0.spool.clone();
    let loaded = tokio::task::spawn_blocking(move || {
        works
            .into_iter()
            .map(|work| {
                let message = work.message.clone().map_or_else(|| spool.load(work.id), Ok);
                (work, message)
            })
            .collect::<Vec<_>>()
    });
    let loaded = loaded.await.ok()?;
    let mut out = Vec::with_capacity(loaded.len());
    for (work, message) in loaded {
        match message {
            Ok(message) => out.push((work, message)),
            Err(error) => unreadable(delivery, work.leg, &error.to_string()),
        }
    }
    Some(out)
}

/// The spool cannot give the message back: only a person can decide what to do about it.
fn unreadable(delivery: &Delivery, leg: LegId, why: &str) {
    tracing::error!(why, "A message cannot be read from the spool; it is on hold.");
    let hold = Hold::Operator { by: "spool".into(), why: why.to_owned() };
    let mut queues = delivery.0.queues.lock();
    let fates: Vec<(u16, Next)> = queues
        .leg(leg)
        .map(|it| it.recipients.iter().map(|r| (r.index, Next::Hold(hold.clone()))).collect())
        .unwrap_or_default();
    queues.finish(leg, &fates, false, crate::delivery::now());
}

/// Asks the table of this moment once more; recipients that belong elsewhere now leave the leg.
fn prepare(
    delivery: &Delivery,
    hop: &Arc<Hop>,
    work: Work<Arc<Message>>,
    message: Arc<Message>,
) -> Option<(Transaction, Prepared)> {
    let mut transaction = Transaction {
        message: Arc::clone(&message),
        recipients: Vec::with_capacity(work.recipients.len()),
    };
    let mut strays = Vec::new();
    let mut renamed = Vec::new();
    let view = delivery.0.routes.look();
    let mut generation = 0;
    let mut moved_at = None;
    for leg_recipient in &work.recipients {
        let Some(recipient) = message.envelope.recipients.get(usize::from(leg_recipient.index))
        else {
            continue;
        };
        let index = leg_recipient.index;
        match view.attempt(recipient, &hop.key) {
            // Under its old name nobody would find the attempt, who moves the mailbox.
            Attempt::Goes(place) if place.mailbox != leg_recipient.mailbox => {
                renamed.push(LegRecipient { index, mailbox: place.mailbox });
                strays.push((index, Next::Hop(hop.index)));
            }
            Attempt::Goes(Destination { onward, generation: at, moved_at: moved, .. }) => {
                generation = at;
                moved_at = moved_at.max(moved);
                transaction.recipients.push(TxRecipient {
                    index,
                    orcpt: orcpt_for(&message.envelope, recipient, &onward),
                    notify: recipient.notify,
                    address: onward,
                });
            }
            Attempt::Elsewhere(place) => {
                renamed.extend(new_name(&place, *leg_recipient));
                strays.push((index, delivery.next_of(place)));
            }
        }
    }
    if !renamed.is_empty() {
        delivery.0.queues.lock().rename(work.leg, renamed);
    }
    settle::count_final(delivery, hop.index, "rerouted", n_rerouted(&strays));
    if transaction.recipients.is_empty() {
        let hops =
            delivery.0.queues.lock().finish(work.leg, &strays, false, crate::delivery::now());
        delivery.kick(&hops);
        return None;
    }
    Some((transaction, Prepared { work, strays, generation, moved_at }))
}

/// The recipient with the mailbox that it has now, if that is another one.
pub(crate) fn new_name(
    place: &Result<Destination, Reply>,
    recipient: LegRecipient,
) -> Option<LegRecipient> {
    let mailbox = place.as_ref().ok()?.mailbox;
    (mailbox != recipient.mailbox).then_some(LegRecipient { mailbox, ..recipient })
}

fn n_rerouted(strays: &[(u16, Next)]) -> usize {
    strays.iter().filter(|it| matches!(it.1, Next::Hop(_))).count()
}

/// A rewritten recipient carries the address that the sender used, so that DSNs of the far side
/// name it. RFC 3461 §5.2.1: an ORCPT that is there stays as it is.
fn orcpt_for(
    envelope: &Envelope,
    recipient: &mail::Recipient,
    onward: &mail::Address,
) -> Option<Box<str>> {
    if recipient.orcpt.is_some() || *onward == recipient.address {
        return recipient.orcpt.clone();
    }
    Some(crate::dsn::orcpt_of(&recipient.address, envelope.smtputf8))
}
