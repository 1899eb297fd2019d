//! Mail that has waited long: senders are told of the delay, and in the end that it failed.

use std::sync::Arc;

use mail::Timestamp;
use spool::Message;

use crate::delivery::{Delivery, now};
use crate::queue::Work;
use crate::queue::leg::{LegId, Place};
use crate::settle;

/// Messages looked after in one sweep; the next one goes on.
const PER_SWEEP: usize = 1_000;

/// Expires and notifies what is due for it, wherever it waits.
pub(crate) async fn look_after(delivery: &Delivery) {
    let now = now();
    for leg in candidates(delivery, now) {
        let work = delivery.0.queues.lock().seize(leg);
        let Some(work) = work else { continue };
        let spool = delivery.0.spool.clone();
        let id = work.id;
        let loaded = match &work.message {
            Some(message) => Some(Arc::clone(message)),
            None => tokio::task::spawn_blocking(move || spool.load(id).ok()).await.ok().flatten(),
        };
        match loaded {
            Some(message) => judge(delivery, work, &message, now).await,
            None => settle::put_back(delivery, &work),
        }
    }
}

/// Legs that are past the shortest limit that could concern them.
fn candidates(delivery: &Delivery, now: Timestamp) -> Vec<LegId> {
    let retry = &delivery.0.settings.retry;
    let lifetime = retry.lifetime.min(retry.dsn_lifetime);
    let queues = delivery.0.queues.lock();
    queues
        .legs()
        .filter(|(_, leg)| leg.place != Place::InFlight)
        .filter(|(_, leg)| {
            let Some((accepted_at, _)) = queues.accepted(leg.id) else { return false };
            let age = now.since(accepted_at);
            let notice = retry.delay_notice_after.is_some_and(|after| age >= after);
            age >= lifetime || (notice && !leg.delay_notified)
        })
        .map(|(id, _)| id)
        .take(PER_SWEEP)
        .collect()
}

async fn judge(
    delivery: &Delivery,
    work: Work<Arc<Message>>,
    message: &Arc<Message>,
    now: Timestamp,
) {
    let age = now.since(work.accepted_at);
    let null = message.envelope.reverse_path == mail::ReversePath::Null;
    let retry = &delivery.0.settings.retry;
    if age >= if null { retry.dsn_lifetime } else { retry.lifetime } {
        settle::expire(delivery, work, message).await;
    } else {
        settle::notify_delay(delivery, work, message).await;
    }
}
