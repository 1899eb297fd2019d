//! What wants a person: rules over what the gateway knows of itself, and the few people told of it.
//!
//! ```text
//!  facts ── rules ──> conditions ── evaluator ──> began, ended ──> bus, mail, webhook
//! ```

mod evaluator;
mod happened;
mod ledger;
mod metrics;
mod notice;
mod quiet;
mod rules;
mod webhook;
#[cfg(test)]
mod webhook_tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Alert, AlertList, AlertSent, AlertTest, Figures, Point};
use mail::Timestamp;
use parking_lot::Mutex;
use prometheus::IntCounterVec;
use spool::Settled;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use evaluator::Evaluator;
pub(crate) use happened::Happened;
pub(crate) use ledger::add_up;
pub(crate) use metrics::AlertMetrics;
use quiet::Quiet;
use rules::{DirectoryFact, Facts, NAMES, SiteFact, conditions};
use webhook::Webhook;
pub(crate) use webhook::deliver;

/// How often the rules are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// How often figures are taken down, and how many are kept: an hour.
const FIGURES_EVERY: Duration = Duration::from_secs(10);
const FIGURES_KEPT: usize = 361;
/// Certificates are read again so often.
const CERTIFICATES_EVERY: Duration = Duration::from_secs(60);

/// What the watch over the gateway remembers. In memory: a restart begins anew.
pub struct Watched {
    evaluator: Mutex<Evaluator>,
    taken: Mutex<VecDeque<Taken>>,
    webhook: Webhook,
    metrics: AlertMetrics,
    pub(crate) happened: Happened,
    /// What did not add up when the ledger was read last.
    ledger: Mutex<Option<String>>,
    quiet: Mutex<Quiet>,
    /// `causeway_smtp_messages_total`
    messages: IntCounterVec,
}

impl Watched {
    pub(crate) fn new(metrics: AlertMetrics, messages: IntCounterVec) -> Self {
        Self {
            evaluator: Mutex::default(),
            taken: Mutex::default(),
            webhook: Webhook::default(),
            metrics,
            happened: Happened::default(),
            ledger: Mutex::default(),
            quiet: Mutex::default(),
            messages,
        }
    }
}

/// Counters at a moment.
#[derive(Clone, Copy)]
struct Taken {
    at: Timestamp,
    accepted: u64,
    delivered: u64,
    deferred: u64,
    bounced: u64,
    waiting: u64,
}

/// Runs until `stop`.
pub(crate) async fn watch(control: Arc<Control>, stop: CancellationToken) {
    let mut figures_at: Option<Instant> = None;
    let mut certificates = (None::<Instant>, Vec::new());
    loop {
        let now = Instant::now();
        control.events.rest(now);
        if figures_at.is_none_or(|it| now.duration_since(it) >= FIGURES_EVERY) {
            figures_at = Some(now);
            control.take_figures();
        }
        if certificates.0.is_none_or(|it| now.duration_since(it) >= CERTIFICATES_EVERY) {
            certificates = (Some(now), control.certificates().await);
        }
        control.look_for_alerts(&certificates.1).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => (),
        }
    }
}

impl Control {
    fn take_figures(&self) {
        let settled =
            |fate: Settled| self.spool_metrics.settled.with_label_values(&[fate.as_str()]).get();
        let taken = Taken {
            at: self.now(),
            accepted: self.spool.stats().accepted,
            delivered: settled(Settled::Delivered),
            deferred: self.delivery.deferrals(),
            bounced: settled(Settled::Bounced) + settled(Settled::Expired),
            waiting: self.delivery.messages() as u64,
        };
        let mut kept = self.watched.taken.lock();
        if kept.len() >= FIGURES_KEPT {
            kept.pop_front();
        }
        kept.push_back(taken);
    }

    /// The last hour, as rates between two looks.
    pub(crate) fn figures(&self) -> Figures {
        let kept = self.watched.taken.lock();
        let points = kept.iter().zip(kept.iter().skip(1)).map(|(from, to)| point(from, to));
        Figures { every_seconds: FIGURES_EVERY.as_secs(), points: points.collect() }
    }

    async fn look_for_alerts(&self, certificates: &[(String, Timestamp)]) {
        let config = self.config.load_full();
        let facts = self.facts(certificates.to_vec());
        let now = self.now();
        let mut conditions = conditions(&facts, &config.alerts, now);
        let table = self.routes.directory().current();
        let state = |key: &mail::AddressKey| table.get(key).map(|it| it.state);
        conditions.extend(self.watched.happened.conditions(now, state));
        let changed = self.watched.evaluator.lock().step(now, conditions);
        self.watched.metrics.count(&self.watched.evaluator.lock().firing(), NAMES);
        for alert in changed {
            tracing::warn!(
                alert = alert.name,
                state = ?alert.state,
                summary = alert.summary,
                "An alert has changed."
            );
            self.events.alert(alert.clone());
            if config.alerts.webhook.is_some() {
                let hostname = config.server.hostname.to_string();
                self.watched.webhook.tell(&alert, &hostname, &self.watched.metrics);
            }
            if let Some(to) = &config.alerts.mail_to {
                self.send_alert(to, &alert).await;
            }
        }
    }

    fn facts(&self, certificates: Vec<(String, Timestamp)>) -> Facts {
        let spool = self.spool.stats();
        let sites = self.list_sites().sites.into_iter().map(|it| SiteFact {
            name: it.name,
            state: it.state,
            reason: it.reason,
            oldest: it.oldest_seconds.map(Duration::from_secs),
        });
        Facts {
            sites: sites.collect(),
            full: self.spool.admit(0).err().map(|it| it.to_string()),
            free_bytes: crate::control::free_bytes(&self.config.load().server.data_dir),
            stuck_segments: spool.segments_stuck,
            certificates,
            directories: self.stale_directories(),
            glass: self
                .access
                .glass()
                .map(|it| (it.at, format!("{} from {}", it.action, it.source))),
            ledger: self.watched.ledger.lock().clone(),
            quiet: self.quiet(),
        }
    }

    fn stale_directories(&self) -> Vec<DirectoryFact> {
        let views = self.routes.recipients().map(|it| it.views()).unwrap_or_default();
        let stale = views.into_iter().filter(|it| !it.is_fresh);
        stale.map(|it| DirectoryFact { name: it.name, why: it.error }).collect()
    }

    /// Of listeners for everybody; mail of our own is none.
    fn quiet(&self) -> Option<Duration> {
        let config = self.config.load();
        let inbound = config.listeners.iter().filter(|it| it.role == config::Role::Mx);
        let accepted = |it: &config::Listener| {
            self.watched.messages.with_label_values(&[it.name.as_str(), "accepted"]).get()
        };
        let n = inbound.map(accepted).sum();
        self.watched.quiet.lock().step(self.now(), n, &config.alerts.working_hours)
    }

    /// When the certificate of each listener expires.
    async fn certificates(&self) -> Vec<(String, Timestamp)> {
        let config = self.config.load_full();
        let read = move || {
            let of = |it: &config::Listener| {
                let files = it.tls.as_ref()?;
                Some((it.name.clone(), crate::tls::expires(files)?))
            };
            config.listeners.iter().filter_map(of).collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    pub(crate) fn list_alerts(&self) -> AlertList {
        AlertList { alerts: self.watched.evaluator.lock().list() }
    }

    /// Tells everybody who would be told of an alert that this is a test.
    pub(crate) async fn test_alerts(&self, by: &str) -> AlertTest {
        let alert = Alert {
            name: "Test".into(),
            severity: api::Severity::Info,
            state: api::AlertState::Firing,
            since: self.now().to_string(),
            summary: format!("A test, asked for by {by}. Nothing is wrong."),
            runbook: "/help/alerts".into(),
            labels: std::collections::BTreeMap::new(),
        };
        self.events.alert(alert.clone());
        let to = self.config.load().alerts.mail_to.clone();
        let by_mail = match to {
            Some(to) => Some(self.send_alert(&to, &alert).await),
            None => None,
        };
        let by_webhook = self.test_webhook(&alert).await;
        AlertTest { sent: by_mail.into_iter().chain(by_webhook).collect() }
    }

    /// Queued is all that can be said at once; `trace` tells the rest.
    async fn send_alert(&self, to: &mail::Address, alert: &Alert) -> AlertSent {
        let hostname = self.config.load().server.hostname.to_string();
        let sent = notice::send(&self.spool, &self.delivery, &hostname, to, alert).await;
        if let Err(error) = &sent {
            tracing::error!(alert = alert.name, error, "Cannot queue the message about an alert.");
        }
        let (ok, detail) = match sent {
            Ok(id) => (true, format!("queued as {id}")),
            Err(error) => (false, error),
        };
        AlertSent { to: to.to_string(), ok, detail }
    }
}

fn point(from: &Taken, to: &Taken) -> Point {
    let seconds = to.at.since(from.at).as_secs_f64().max(0.001);
    let rate = |from: u64, to: u64| {
        let per_second = f64::from(u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX));
        (per_second / seconds * 1000.0).round() / 1000.0
    };
    Point {
        at: to.at.to_string(),
        accepted_per_second: rate(from.accepted, to.accepted),
        delivered_per_second: rate(from.delivered, to.delivered),
        deferred_per_second: rate(from.deferred, to.deferred),
        bounced_per_second: rate(from.bounced, to.bounced),
        spool_messages: to.waiting,
    }
}
