//! Counts what becomes of mail for a few recipients, while somebody wants to know: a canary.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use mail::AddressKey;
use parking_lot::{Mutex, RwLock};
use spool::Message;

use crate::delivery::Delivery;

/// Everybody who watches. One load for each settled message while nobody does.
#[derive(Default)]
pub(crate) struct Outcomes {
    any: AtomicBool,
    watches: RwLock<Vec<Weak<Watch>>>,
}

/// Counts until it is dropped.
#[derive(Debug)]
pub struct Watch {
    keys: HashSet<AddressKey>,
    /// Mail that an earlier table sent on its way says nothing of this one.
    generation: u64,
    delivered: AtomicU64,
    bounced: AtomicU64,
    /// Recipients of messages that were counted as bad: they are once, however often they are tried.
    bad: Mutex<HashSet<(mail::SpoolId, u16)>>,
}

/// So many are remembered. A canary with more has had its verdict.
const BAD_MAX: usize = 100_000;

impl Watch {
    /// Recipients delivered, and those that were bounced, held or refused for good, so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.delivered.load(Ordering::Relaxed), self.bounced.load(Ordering::Relaxed))
    }
}

impl Delivery {
    /// Counts outcomes for these addresses from now on, of mail routed by the table of `generation`
    /// or a later one.
    pub fn watch_outcomes(&self, keys: HashSet<AddressKey>, generation: u64) -> Arc<Watch> {
        let watch = Arc::new(Watch {
            keys,
            generation,
            delivered: AtomicU64::new(0),
            bounced: AtomicU64::new(0),
            bad: Mutex::default(),
        });
        let outcomes = &self.0.outcomes;
        let mut watches = outcomes.watches.write();
        watches.retain(|it| it.strong_count() > 0);
        watches.push(Arc::downgrade(&watch));
        outcomes.any.store(true, Ordering::Release);
        watch
    }

    pub(crate) fn count_outcomes(
        &self,
        message: &Message,
        recipients: impl IntoIterator<Item = u16>,
        generation: u64,
        is_delivery: bool,
    ) {
        let outcomes = &self.0.outcomes;
        if !outcomes.any.load(Ordering::Acquire) {
            return;
        }
        let separator = self.0.routes.domains().subaddress_separator();
        let keys: Vec<(u16, AddressKey)> = recipients
            .into_iter()
            .filter_map(|it| Some((it, message.envelope.recipients.get(usize::from(it))?)))
            .map(|(index, it)| (index, it.address.key()))
            .collect();
        let watches: Vec<Arc<Watch>> =
            outcomes.watches.read().iter().filter_map(Weak::upgrade).collect();
        if watches.is_empty() {
            outcomes.any.store(!outcomes.watches.read().is_empty(), Ordering::Release);
        }
        for watch in watches.iter().filter(|it| it.generation <= generation) {
            let is_watched = |key: &AddressKey| {
                watch.keys.contains(key)
                    || separator
                        .and_then(|it| key.without_tag(it))
                        .is_some_and(|it| watch.keys.contains(&it))
            };
            let watched = keys.iter().filter(|it| is_watched(&it.1)).map(|it| it.0);
            if is_delivery {
                watch.delivered.fetch_add(watched.count() as u64, Ordering::Relaxed);
            } else {
                let mut bad = watch.bad.lock();
                let new = watched.filter(|it| bad.len() < BAD_MAX && bad.insert((message.id, *it)));
                watch.bounced.fetch_add(new.count() as u64, Ordering::Relaxed);
            }
        }
    }
}
