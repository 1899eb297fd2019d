//! From what the far side said to what the queue, the ledger, the breaker and the sender hear.

use std::sync::Arc;
use std::time::Duration;

use api::FlowKind;
use health::Event as HealthEvent;
use mail::{Reply, Timestamp};
use spool::{Event, Message, What};

use crate::connection::{Connection, RecipientResult, Transaction, TransactionResult};
use crate::delivery::{Delivery, now};
use crate::fate::{Fate, FateContext, HopEffect, HopKind, Verdict, fate, fate_of_error};
use crate::hop::{Hop, HopKey};
use crate::notice::{self, Notice};
use crate::queue::leg::{Hold, HopIndex, LegId};
use crate::queue::{Next, Work};
use crate::retry::{self, RetryClass};
use crate::targets::ConnectFailure;

/// What went over the wire, for whom, and what came back: three lists in one order.
pub(crate) struct Batch {
    pub transactions: Vec<Transaction>,
    pub prepared: Vec<Prepared>,
    pub results: Vec<TransactionResult>,
}

/// A leg that is being attempted.
pub(crate) struct Prepared {
    pub work: Work<Arc<Message>>,
    /// Recipients that belong elsewhere by the table of this moment.
    pub strays: Vec<(u16, Next)>,
    /// The generation of the table that sent the others here.
    pub generation: u64,
    /// When a mailbox of this leg last moved.
    pub moved_at: Option<Timestamp>,
}

/// A connection that broke off this often with the same message has that message deferred, so
/// that one message cannot keep a site down.
const ABORTS_MAX: u8 = 3;

/// A host that greets us with "not so many" is left alone for so long; connections that are
/// open go on.
const THROTTLED_PAUSE: Duration = Duration::from_secs(15);

/// What one attempt of one message came to.
#[derive(Default)]
struct Judged {
    fates: Vec<(u16, Next)>,
    events: Vec<(What, Vec<u16>)>,
    bounces: Vec<(u16, Reply)>,
    effect: Option<HealthEvent>,
}

impl Judged {
    fn event(&mut self, index: u16, what: What) {
        match self.events.iter_mut().find(|it| it.0 == what) {
            Some((_, list)) => list.push(index),
            None => self.events.push((what, vec![index])),
        }
    }

    /// The gravest observation wins: a fault over a failure over a success.
    fn observe(&mut self, event: HealthEvent) {
        let grave = |it: &HealthEvent| match it {
            HealthEvent::Fault { .. } => 3,
            HealthEvent::Throttled => 2,
            HealthEvent::HostFailed { .. } => 1,
            _ => 0,
        };
        if self.effect.as_ref().is_none_or(|it| grave(&event) > grave(it)) {
            self.effect = Some(event);
        }
    }
}

/// Applies the results of a batch.
pub(crate) async fn settle(
    delivery: &Delivery,
    hop: &Arc<Hop>,
    connection: &Connection,
    batch: Batch,
) {
    let now = now();
    let mut finished: Vec<(LegId, Vec<(u16, Next)>)> = Vec::with_capacity(batch.prepared.len());
    let mut observed: Vec<HealthEvent> = Vec::new();
    let tried = batch.prepared.into_iter().zip(batch.results);
    for (transaction, (prepared, result)) in batch.transactions.iter().zip(tried) {
        let mut judged = judge(delivery, hop, connection.host(), &prepared, &result, now);
        if !judged.bounces.is_empty() {
            let from = (prepared.generation, connection.host());
            let fates = bounce(delivery, transaction, from, &judged.bounces, now).await;
            let n = fates.iter().filter(|it| it.1 == Next::Settled).count();
            count_final(delivery, hop.index, "bounced", n);
            let refused = judged.bounces.iter().map(|it| it.0);
            delivery.count_outcomes(&transaction.message, refused, prepared.generation, false);
            tell_bounced(
                delivery,
                &transaction.message,
                hop,
                if n > 0 { &judged.bounces } else { &[] },
            );
            judged.fates.extend(fates);
        }
        if !connection.capabilities().dsn {
            notice::relayed(delivery, transaction, &result, connection.host()).await;
        }
        log(hop, &prepared, &judged);
        for (what, recipients) in judged.events {
            count(delivery, hop, &what, recipients.len(), prepared.work.accepted_at, now);
            delivery.tell_what(&transaction.message, hop, &what, &recipients);
            count_outcome(
                delivery,
                &transaction.message,
                (&what, prepared.generation),
                &recipients,
            );
            let id = prepared.work.id;
            delivery.0.spool.post(Event { id, recipients, at: now, what });
        }
        let mut fates = judged.fates;
        fates.extend(prepared.strays);
        finished.push((prepared.work.leg, fates));
        observed.extend(judged.effect);
    }
    for event in summary(observed) {
        delivery.observe(hop, event);
    }
    let kicks = {
        let mut queues = delivery.0.queues.lock();
        let mut hops = Vec::new();
        for (leg, fates) in finished {
            hops.extend(queues.finish(leg, &fates, true, now));
        }
        hops.sort_unstable();
        hops.dedup();
        delivery.0.kicks(&mut queues, &hops)
    };
    delivery.act(kicks);
}

/// For a canary, a mailbox that its new home does not know yet is as bad as one that bounces,
/// though its mail is tried again, and so is one whose mail goes in circles and is held.
fn count_outcome(
    delivery: &Delivery,
    message: &Message,
    (what, generation): (&What, u64),
    recipients: &[u16],
) {
    let is_delivery = match what {
        What::Delivered { .. } => true,
        What::Held { .. } => false,
        What::Deferred { reply, .. } if reply.starts_with('5') => false,
        _ => return,
    };
    delivery.count_outcomes(message, recipients.iter().copied(), generation, is_delivery);
}

/// One success and one failure say as much as sixteen; a host that took mail of the same batch
/// has no quarrel with us. Refusals of us count one by one: see [`health::FAULTS_TO_FAULTED`].
fn summary(observed: Vec<HealthEvent>) -> Vec<HealthEvent> {
    let worked = observed.contains(&HealthEvent::Worked);
    let mut kept: Vec<HealthEvent> = Vec::new();
    for event in observed {
        if matches!(event, HealthEvent::Fault { .. }) {
            if !worked {
                kept.push(event);
            }
            continue;
        }
        if !kept.iter().any(|it| std::mem::discriminant(it) == std::mem::discriminant(&event)) {
            kept.push(event);
        }
    }
    kept
}

fn judge(
    delivery: &Delivery,
    hop: &Hop,
    host: &str,
    prepared: &Prepared,
    result: &TransactionResult,
    now: Timestamp,
) -> Judged {
    let mut judged = Judged::default();
    let context = FateContext {
        hop: kind(&hop.key),
        age: now.since(prepared.work.accepted_at),
        since_move: prepared.moved_at.map(|it| now.since(it)),
        directory_lag_grace: delivery.0.settings.directory_lag_grace,
    };
    for (index, outcome) in &result.recipients {
        let verdict = fate(outcome, &context);
        judge_one(delivery, hop, host, prepared, (*index, outcome), verdict, &mut judged, now);
    }
    judged
}

#[expect(
    clippy::too_many_arguments,
    reason = "one recipient's share of a batch, split from `judge` for size"
)]
fn judge_one(
    delivery: &Delivery,
    hop: &Hop,
    host: &str,
    prepared: &Prepared,
    (index, outcome): (u16, &RecipientResult),
    verdict: Verdict,
    judged: &mut Judged,
    now: Timestamp,
) {
    let (work, generation) = (&prepared.work, prepared.generation);
    let said = words(outcome);
    if let Some(row) = verdict.row {
        tracing::info!(id = %work.id, hop = %hop.key, row, reply = said, "A known reply.");
        delivery.0.metrics.replies.with_label_values(&[hop.key.label(), row]).inc();
    }
    match verdict.hop {
        HopEffect::Healthy => judged.observe(HealthEvent::Worked),
        HopEffect::SlowDown => judged.observe(HealthEvent::Throttled),
        HopEffect::Failing => judged.observe(HealthEvent::HostFailed { why: said.clone() }),
        HopEffect::PreferIpv4 => hop.prefer_ipv4(),
        HopEffect::None => (),
    }
    let deferred = |due: Timestamp, unanswered: bool| What::Deferred {
        hop: hop.key.to_string(),
        host: host.to_owned(),
        generation,
        attempt: work.attempts + 1,
        reply: said.clone(),
        due,
        maybe_duplicate: unanswered || work.maybe_duplicate,
    };
    match verdict.fate {
        Fate::Delivered => {
            judged.fates.push((index, Next::Settled));
            judged.event(
                index,
                What::Delivered {
                    hop: hop.key.to_string(),
                    host: host.to_owned(),
                    generation,
                    attempt: work.attempts + 1,
                    reply: said,
                    maybe_duplicate: work.maybe_duplicate,
                },
            );
        }
        Fate::Retry { class } if goes_again(hop, class, work.aborts) => {
            judged.fates.push((index, Next::Again));
        }
        Fate::Retry { class } => {
            let due = now.plus(wait(delivery, class, work.attempts + 1));
            let maybe_duplicate = class == RetryClass::MaybeDuplicate;
            judged.event(index, deferred(due, maybe_duplicate));
            judged.fates.push((index, Next::Later { due, reply: said, maybe_duplicate }));
        }
        Fate::Hold { reason } => {
            judged.event(index, What::Held { by: "causeway".into(), why: reason });
            judged.fates.push((index, Next::Hold(Hold::Loop)));
        }
        Fate::HoldSite { reason } if hop.is_site() => {
            // Released as soon as the site is opened again, by a delivery or by an operator.
            let due = now.plus(health::FAULT_RETRY);
            judged.event(index, deferred(due, false));
            judged.observe(HealthEvent::Fault { why: reason });
            judged.fates.push((index, Next::Later { due, reply: said, maybe_duplicate: false }));
        }
        Fate::HoldSite { .. } => {
            let due = now.plus(wait(delivery, RetryClass::Refusal, work.attempts + 1));
            judged.event(index, deferred(due, false));
            judged.fates.push((index, Next::Later { due, reply: said, maybe_duplicate: false }));
        }
        Fate::Bounce { reply } => judged.bounces.push((index, reply)),
    }
}

/// A site's failing connection is the breaker's business, not the message's: the message keeps
/// its place. The domains of strangers have no breaker; their mail waits by the schedule.
fn goes_again(hop: &Hop, class: RetryClass, aborts: u8) -> bool {
    match class {
        RetryClass::Free => true,
        RetryClass::Connection => hop.is_site() && aborts < ABORTS_MAX,
        _ => false,
    }
}

fn kind(key: &HopKey) -> HopKind {
    match key {
        HopKey::Site(_) => HopKind::Site,
        HopKey::SmartHost => HopKind::SmartHost,
        HopKey::Domain(_) => HopKind::Stranger,
    }
}

fn wait(delivery: &Delivery, class: RetryClass, attempts: u32) -> Duration {
    retry::delay(&delivery.0.settings.retry, class, attempts, rand::random())
}

fn words(outcome: &RecipientResult) -> String {
    match outcome {
        RecipientResult::Delivered(reply) | RecipientResult::Refused { reply, .. } => {
            reply.to_string()
        }
        RecipientResult::Failed(error) => error.to_string(),
        RecipientResult::Unknown(error) => format!("no answer after the message: {error}"),
    }
}

fn log(hop: &Hop, prepared: &Prepared, judged: &Judged) {
    let id = prepared.work.id;
    for (what, recipients) in &judged.events {
        match what {
            What::Delivered { reply, generation, .. } => {
                tracing::info!(%id, hop = %hop.key, n_recipients = recipients.len(), generation, reply, "Delivered.");
            }
            What::Deferred { reply, due, .. } => {
                tracing::warn!(%id, hop = %hop.key, n_recipients = recipients.len(), reply, %due, "Deferred.");
            }
            What::Held { why, .. } => {
                tracing::error!(%id, hop = %hop.key, n_recipients = recipients.len(), why, "On hold.");
            }
            _ => (),
        }
    }
}

fn count(
    delivery: &Delivery,
    hop: &Hop,
    what: &What,
    n: usize,
    accepted_at: Timestamp,
    now: Timestamp,
) {
    let metrics = &delivery.0.metrics;
    let outcome = match what {
        What::Delivered { maybe_duplicate, .. } => {
            let seconds = now.since(accepted_at).as_secs_f64();
            metrics.delivery_seconds.with_label_values(&[hop.key.label()]).observe(seconds);
            metrics.maybe_duplicates.inc_by(if *maybe_duplicate { n as u64 } else { 0 });
            "delivered"
        }
        What::Deferred { .. } => "deferred",
        What::Held { .. } => "held",
        _ => return,
    };
    metrics.recipients.with_label_values(&[hop.key.label(), outcome]).inc_by(n as u64);
}

/// Outcomes that are not events of an attempt.
pub(crate) fn count_final(delivery: &Delivery, hop: HopIndex, outcome: &str, n: usize) {
    if let Some(hop) = delivery.hop_at(hop) {
        let labels = [hop.key.label(), outcome];
        delivery.0.metrics.recipients.with_label_values(&labels).inc_by(n as u64);
    }
}

/// Tells the sender, and settles in the same record; what could not be written is tried again.
async fn bounce(
    delivery: &Delivery,
    transaction: &Transaction,
    (generation, host): (u64, &str),
    bounces: &[(u16, Reply)],
    now: Timestamp,
) -> Vec<(u16, Next)> {
    let message = &transaction.message;
    let notice = Notice::Failed { generation, expired: false };
    let done = notice::tell(delivery, message, bounces, notice, Some(host)).await;
    let next = |reply: &Reply| match done {
        true => Next::Settled,
        false => Next::Later {
            due: now.plus(wait(delivery, RetryClass::Refusal, 1)),
            reply: reply.to_string(),
            maybe_duplicate: false,
        },
    };
    bounces.iter().map(|(index, reply)| (*index, next(reply))).collect()
}

fn tell_bounced(delivery: &Delivery, message: &Message, hop: &Hop, bounces: &[(u16, Reply)]) {
    if delivery.0.events.wants_flow() {
        let said: Vec<_> = bounces.iter().map(|(index, it)| (*index, it.to_string())).collect();
        let said = said.iter().map(|(index, it)| (*index, it.as_str()));
        delivery.tell(message, hop, FlowKind::Bounced, said);
    }
}

/// The leg goes back to where it was.
pub(crate) fn put_back(delivery: &Delivery, work: &Work<Arc<Message>>) {
    let hops = delivery.0.queues.lock().finish(work.leg, &[], false, now());
    delivery.kick(&hops);
}

fn finish_all(delivery: &Delivery, work: &Work<Arc<Message>>, next: &Next) {
    let fates: Vec<_> = work.recipients.iter().map(|it| (it.index, next.clone())).collect();
    let hops = delivery.0.queues.lock().finish(work.leg, &fates, false, now());
    delivery.kick(&hops);
}

/// The message has had its time: its sender is told, or nobody where nobody may be.
pub(crate) async fn expire(delivery: &Delivery, work: Work<Arc<Message>>, message: &Arc<Message>) {
    let reply = Reply::new(550, (5, 4, 7), "Message expired before the next hop took it");
    let expired: Vec<_> = work.recipients.iter().map(|it| (it.index, reply.clone())).collect();
    let generation = delivery.0.routes.generation();
    let notice = Notice::Failed { generation, expired: true };
    if notice::tell(delivery, message, &expired, notice, None).await {
        tracing::warn!(id = %work.id, "Expired.");
        count_final(delivery, work.hop, "expired", work.recipients.len());
        if let Some(hop) = delivery.hop_at(work.hop) {
            tell_bounced(delivery, message, &hop, &expired);
        }
        finish_all(delivery, &work, &Next::Settled);
    } else {
        put_back(delivery, &work);
    }
}

/// An operator gives up on some recipients of a leg. True if they are settled.
pub(crate) async fn bounce_by_order(
    delivery: &Delivery,
    work: Work<Arc<Message>>,
    message: &Arc<Message>,
    recipients: &[u16],
    by: &str,
    why: &str,
) -> bool {
    let text = if why.is_empty() { "Returned by an operator".to_owned() } else { why.to_owned() };
    let reply = Reply::with_text(550, (5, 0, 0), text);
    let given_up: Vec<_> = recipients.iter().map(|it| (*it, reply.clone())).collect();
    let generation = delivery.0.routes.generation();
    let notice = Notice::Failed { generation, expired: false };
    let done = notice::tell(delivery, message, &given_up, notice, None).await;
    let next = if done { Next::Settled } else { Next::Again };
    count_final(delivery, work.hop, "bounced", if done { recipients.len() } else { 0 });
    if let Some(hop) = delivery.hop_at(work.hop).filter(|_| done) {
        tell_bounced(delivery, message, &hop, &given_up);
    }
    let fates: Vec<_> = recipients.iter().map(|it| (*it, next.clone())).collect();
    let hops = delivery.0.queues.lock().finish(work.leg, &fates, false, now());
    delivery.kick(&hops);
    tracing::warn!(id = %message.id, by, why, done, "Bounced by an operator.");
    done
}

/// No connection: a site's breaker hears of it, a stranger's mail is deferred or returned.
pub(crate) async fn cannot_connect(delivery: &Delivery, hop: &Arc<Hop>, failure: ConnectFailure) {
    delivery.0.metrics.connection_failures.with_label_values(&[hop.key.label()]).inc();
    tracing::warn!(hop = %hop.key, reason = %failure, "Cannot connect.");
    if hop.is_site() {
        let seen = seen_at_connect(delivery, &failure);
        if seen == HealthEvent::Throttled {
            hop.pause_until(delivery.moment() + THROTTLED_PAUSE);
        }
        delivery.observe(hop, seen);
        return;
    }
    loop {
        let works = {
            let mut queues = delivery.0.queues.lock();
            queues.take(hop.index, hop.settings.batch, delivery.moment())
        };
        if works.is_empty() {
            return;
        }
        for work in works {
            match &failure {
                ConnectFailure::Never(reply) => return_work(delivery, work, reply).await,
                ConnectFailure::Now { .. } => {
                    defer_work(delivery, hop, &work, &failure.to_string())
                }
            }
        }
    }
}

/// A host that asks for less is not down, and one that refuses us by name wants an operator.
fn seen_at_connect(delivery: &Delivery, failure: &ConnectFailure) -> HealthEvent {
    let why = failure.to_string();
    let ConnectFailure::Now { error: Some(error), .. } = failure else {
        return HealthEvent::HostFailed { why };
    };
    let context = FateContext {
        hop: HopKind::Site,
        age: Duration::ZERO,
        since_move: None,
        directory_lag_grace: delivery.0.settings.directory_lag_grace,
    };
    let verdict = fate_of_error(error, &context);
    match (verdict.fate, verdict.hop) {
        (Fate::HoldSite { reason }, _) => HealthEvent::Fault { why: reason },
        (_, HopEffect::SlowDown) => HealthEvent::Throttled,
        _ => HealthEvent::HostFailed { why },
    }
}

fn defer_work(delivery: &Delivery, hop: &Hop, work: &Work<Arc<Message>>, reply: &str) {
    let now = now();
    let due = now.plus(wait(delivery, RetryClass::Connection, work.attempts + 1));
    let what = What::Deferred {
        hop: hop.key.to_string(),
        host: String::new(),
        generation: delivery.0.routes.generation(),
        attempt: work.attempts + 1,
        reply: reply.to_owned(),
        due,
        maybe_duplicate: work.maybe_duplicate,
    };
    let recipients: Vec<u16> = work.recipients.iter().map(|it| it.index).collect();
    count(delivery, hop, &what, recipients.len(), work.accepted_at, now);
    delivery.0.spool.post(Event { id: work.id, recipients, at: now, what });
    let later = Next::Later { due, reply: reply.to_owned(), maybe_duplicate: false };
    let fates: Vec<_> = work.recipients.iter().map(|it| (it.index, later.clone())).collect();
    delivery.0.queues.lock().finish(work.leg, &fates, true, now);
}

async fn return_work(delivery: &Delivery, work: Work<Arc<Message>>, reply: &Reply) {
    let (spool, id) = (delivery.0.spool.clone(), work.id);
    let loaded = match &work.message {
        Some(message) => Some(Arc::clone(message)),
        None => tokio::task::spawn_blocking(move || spool.load(id).ok()).await.ok().flatten(),
    };
    let Some(message) = loaded else { return put_back(delivery, &work) };
    let bounces: Vec<_> = work.recipients.iter().map(|it| (it.index, reply.clone())).collect();
    let generation = delivery.0.routes.generation();
    let notice = Notice::Failed { generation, expired: false };
    let next = match notice::tell(delivery, &message, &bounces, notice, None).await {
        true => {
            count_final(delivery, work.hop, "bounced", bounces.len());
            Next::Settled
        }
        false => Next::Later {
            due: now().plus(wait(delivery, RetryClass::Refusal, work.attempts + 1)),
            reply: reply.to_string(),
            maybe_duplicate: false,
        },
    };
    finish_all(delivery, &work, &next);
}
