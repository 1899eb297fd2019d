//! Mail that has waited long: senders are told of the delay, and in the end that it failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::{Notify, Reply, Timestamp};
use spool::Message;

use crate::delivery::{Delivery, now};
use crate::notice::{self, Notice};
use crate::queue::Queues;
use crate::queue::leg::{HopIndex, Leg, LegId, Place};
use crate::retry::{self, DelayFacts};
use crate::settle;

/// Messages looked after in one sweep; the next one goes on.
const PER_SWEEP: usize = 2_000;

/// What is due to a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Expiry,
    Notice,
}

/// Expires and notifies what is due for it, wherever it waits, and measures how old mail is.
pub(crate) async fn look_after(delivery: &Delivery) {
    let now = now();
    let mut due: Vec<(LegId, Due)> = Vec::new();
    let mut oldest: BTreeMap<HopIndex, Timestamp> = BTreeMap::new();
    delivery.each_leg(|queues, id, leg| {
        let Some((accepted_at, _)) = queues.accepted(leg.id) else { return };
        let at = oldest.entry(leg.hop).or_insert(accepted_at);
        *at = (*at).min(accepted_at);
        if due.len() < PER_SWEEP
            && let Some(what) = due_to(delivery, queues, leg, now)
        {
            due.push((id, what));
        }
    });
    delivery.publish_ages(&oldest, now);
    for (leg, what) in due {
        if delivery.0.stop.is_cancelled() {
            return;
        }
        match what {
            Due::Expiry => expire(delivery, leg).await,
            Due::Notice => notify(delivery, leg, now).await,
        }
    }
}

/// What a person holds, or a cutover, does not expire: nobody else decides about it.
fn due_to(
    delivery: &Delivery,
    queues: &Queues<Arc<Message>>,
    leg: &Leg,
    now: Timestamp,
) -> Option<Due> {
    let settings = &delivery.0.settings.retry;
    let (accepted_at, _) = queues.accepted(leg.id)?;
    let has_null_path = queues.is_notification(leg.id);
    if leg.place == Place::InFlight {
        return None;
    }
    if leg.place != Place::Held && retry::is_expired(settings, has_null_path, accepted_at, now) {
        return Some(Due::Expiry);
    }
    let facts = DelayFacts {
        accepted_at,
        has_null_path,
        already_notified: leg.delay_notified,
        // What the recipients want is in the envelope, which is not in memory.
        notify: Notify::DEFAULT,
    };
    retry::wants_delay_notice(settings, &facts, now).then_some(Due::Notice)
}

async fn load(delivery: &Delivery, leg: LegId) -> Option<Arc<Message>> {
    let id = delivery.0.queues.lock().leg(leg).map(|it| it.id)?;
    let spool = delivery.0.spool.clone();
    tokio::task::spawn_blocking(move || spool.load(id).ok()).await.ok().flatten()
}

async fn expire(delivery: &Delivery, leg: LegId) {
    let Some(message) = load(delivery, leg).await else { return };
    let work = delivery.0.queues.lock().seize(leg);
    if let Some(work) = work {
        settle::expire(delivery, work, &message).await;
    }
}

/// The sender hears, once, that the message is late. The message keeps its turn.
async fn notify(delivery: &Delivery, leg: LegId, now: Timestamp) {
    let Some(message) = load(delivery, leg).await else { return };
    let (recipients, said) = {
        let mut queues = delivery.0.queues.lock();
        queues.mark_delay_notified(leg);
        let Some(leg) = queues.leg(leg) else { return };
        let said = leg.past.as_ref().map(|it| it.last_reply.clone()).unwrap_or_default();
        (leg.recipients.clone(), said)
    };
    let said = match said.is_empty() {
        true => "Not delivered yet: the destination does not answer".to_owned(),
        false => said,
    };
    let last = Reply::with_text(450, (4, 4, 1), said);
    let late: Vec<_> = recipients.iter().map(|it| (it.index, last.clone())).collect();
    if !notice::tell(delivery, &message, &late, Notice::Delayed, None).await {
        tracing::warn!(id = %message.id, at = %now, "Could not write a notice of delay.");
    }
}
