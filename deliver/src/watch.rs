//! What happens without anybody submitting: breakers act on what was observed, sites that are
//! down are probed, deferred mail comes due, old mail is looked after.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use health::{Change, Event, State};
use mail::Timestamp;
use router::{SiteState, SiteStates};

use crate::delivery::{Delivery, now};
use crate::hop::{Hop, HopKey};
use crate::queue::leg::{HopIndex, Place};
use crate::{old, worker};

/// How often the timers are looked at.
const TICK: Duration = Duration::from_millis(100);
/// Waiting mail is looked through for expiry and notices this often.
const OLD_EVERY: Duration = Duration::from_secs(30);
/// Gauges are refreshed this often.
const GAUGES_EVERY: Duration = Duration::from_secs(2);

impl Delivery {
    /// Runs until the stop token is cancelled. To be spawned once, on the control runtime.
    pub async fn watch(self) {
        for hop in self.hops() {
            if hop.is_site() {
                self.0.tracker.spawn(probe(self.clone(), hop));
            }
        }
        self.0.tracker.spawn(self.clone().route_waiting());
        let mut old_at = Instant::now();
        let mut gauges_at = Instant::now();
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => (),
            }
            let (stale, with_work) = {
                let mut queues = self.0.queues.lock();
                queues.tick(now());
                (queues.take_stale(), queues.hops_with_work())
            };
            self.route_all_again(stale);
            // All of them: a lane whose only connection is slow gets another one here.
            self.kick(&with_work);
            self.tick_breakers();
            if gauges_at.elapsed() >= GAUGES_EVERY {
                gauges_at = Instant::now();
                self.publish_gauges();
            }
            if old_at.elapsed() >= OLD_EVERY {
                old_at = Instant::now();
                self.0.forget_idle_hops();
                old::look_after(&self).await;
            }
        }
    }

    /// Feeds one observation to a hop's breaker and does what follows from it. Only sites are
    /// given up: nobody would probe the others, whose mail waits by the schedule.
    pub(crate) fn observe(&self, hop: &Arc<Hop>, event: Event) {
        if !hop.is_site() && !matches!(event, Event::Worked | Event::Throttled) {
            return;
        }
        let moment = self.moment();
        let is_order = matches!(event, Event::Override(_));
        let (change, limit, why, state, was) = {
            let mut breaker = hop.breaker.lock();
            let was = breaker.state();
            let change = breaker.step(event, moment);
            (change, breaker.limit(), breaker.why().to_owned(), breaker.state(), was)
        };
        self.apply(hop, change, limit, &why, state);
        if change == Change::Opened && (is_order || was == State::Faulted) {
            self.let_go_all(hop);
        }
    }

    /// Mail that was put off because of the fault need not wait any longer.
    fn let_go_all(&self, hop: &Hop) {
        let mut waiting = Vec::new();
        self.each_leg(|_, id, leg| {
            if leg.hop == hop.index && leg.place == Place::Deferred {
                waiting.push(id);
            }
        });
        let mut queues = self.0.queues.lock();
        queues.sort(&mut waiting);
        for leg in waiting {
            if queues.leg(leg).is_some_and(|it| it.place == Place::Deferred) {
                queues.release(leg, now());
            }
        }
        drop(queues);
        self.kick(&[hop.index]);
    }

    fn apply(&self, hop: &Arc<Hop>, change: Change, limit: usize, why: &str, state: State) {
        let mut queues = self.0.queues.lock();
        queues.workers(hop.index).set_limit(limit);
        match change {
            Change::None => return,
            Change::Closed => {
                queues.close(hop.index);
                queues.workers(hop.index).wake_all();
                tracing::error!(hop = %hop.key, ?state, reason = why, "Stopped attempting: mail for it is kept.");
            }
            Change::Opened => {
                queues.open(hop.index);
                let waiting = queues.ready(hop.index);
                tracing::warn!(hop = %hop.key, waiting, "Attempting again.");
            }
        }
        drop(queues);
        let up = i64::from(change == Change::Opened);
        self.0.metrics.hop_up.with_label_values(&[hop.key.label()]).set(up);
        self.publish_sites();
        self.kick(&[hop.index]);
    }

    fn tick_breakers(&self) {
        let moment = self.moment();
        for hop in self.hops() {
            if !hop.is_site() {
                continue;
            }
            let (change, limit, why, state, canary) = {
                let mut breaker = hop.breaker.lock();
                let was_open = breaker.is_open();
                breaker.expire_override(moment);
                let change = match (was_open, breaker.is_open()) {
                    (true, false) => Change::Closed,
                    (false, true) => Change::Opened,
                    _ => Change::None,
                };
                let canary = breaker.canary_due(moment);
                self.tell_state(&hop, &breaker);
                (change, breaker.limit(), breaker.why().to_owned(), breaker.state(), canary)
            };
            self.apply(&hop, change, limit, &why, state);
            if canary {
                self.spawn(worker::canary(self.clone(), hop));
            }
        }
    }

    /// Tells routing which sites are up.
    pub(crate) fn publish_sites(&self) {
        let mut states = SiteStates::default();
        for hop in self.hops() {
            if let HopKey::Site(name) = &hop.key {
                let breaker = hop.breaker.lock();
                let state = match (breaker.ordered(), breaker.is_open()) {
                    (_, true) => SiteState::Up,
                    (Some(_), false) => SiteState::Held,
                    (None, false) if breaker.state() == State::Faulted => SiteState::Held,
                    (None, false) => SiteState::Down,
                };
                states.set(name.clone(), state);
            }
        }
        self.0.routes.set_sites(states);
    }

    fn publish_gauges(&self) {
        let mut totals = BTreeMap::<String, [usize; 5]>::new();
        let hops = self.hops();
        let queues = self.0.queues.lock();
        for hop in hops {
            let counts = queues.counts(hop.index);
            let open = queues.connections(hop.index);
            let row = totals.entry(hop.key.label().to_owned()).or_default();
            let add = [counts.queued, counts.in_flight, counts.deferred, counts.held, open];
            row.iter_mut().zip(add).for_each(|(sum, it)| *sum += it);
        }
        self.0.metrics.cached_bytes.set(to_gauge(queues.cached_bytes()));
        drop(queues);
        for (label, row) in totals {
            for (state, value) in ["queued", "in_flight", "deferred", "held"].iter().zip(row) {
                let gauge = self.0.metrics.queued.with_label_values(&[label.as_str(), state]);
                gauge.set(to_gauge(value as u64));
            }
            self.0.metrics.connections.with_label_values(&[&label]).set(to_gauge(row[4] as u64));
        }
    }
}

impl Delivery {
    /// Age of the oldest mail for each hop; 0 where there is none.
    pub(crate) fn publish_ages(&self, oldest: &BTreeMap<HopIndex, Timestamp>, now: Timestamp) {
        let mut ages = BTreeMap::<String, u64>::new();
        for hop in self.hops() {
            let age = oldest.get(&hop.index).map_or(0, |at| now.since(*at).as_secs());
            let most = ages.entry(hop.key.label().to_owned()).or_default();
            *most = (*most).max(age);
        }
        for (label, age) in ages {
            self.0.metrics.oldest_seconds.with_label_values(&[&label]).set(to_gauge(age));
        }
    }
}

fn to_gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Knocks at a site that is down until it answers.
async fn probe(delivery: Delivery, hop: Arc<Hop>) {
    loop {
        tokio::select! {
            () = delivery.0.stop.cancelled() => return,
            () = tokio::time::sleep(hop.settings.probe_every) => (),
        }
        if !hop.breaker.lock().wants_probe() {
            continue;
        }
        let event = match worker::probe(&delivery, &hop).await {
            Ok(()) => Event::ProbeWorked,
            Err(why) => Event::ProbeFailed { why },
        };
        delivery.observe(&hop, event);
    }
}
