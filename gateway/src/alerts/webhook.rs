//! Alerts by HTTP to somebody else's server: signed, in order, tried a few times.
//!
//! ```text
//!  began, ended ── queue (bounded) ── worker ── POST ── 2xx: done
//!                                        └── 408, 429, 5xx, nothing: again after 1, 5, 25 s
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Alert, AlertSent, AlertState};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use fetch::{Bounds, Client, HeaderMap, Method, Request, Url};
use mail::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::metrics::AlertMetrics;
use crate::control::Control;

/// Alerts that wait to be sent; more are dropped and counted: one that is told of an hour late is none.
const QUEUE_MAX: usize = 64;
/// Waits before the second, third and fourth try.
const RETRY: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
/// Nobody has to read what it answers.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const SECRET_BYTES_MAX: u64 = 4096;
const SIGNATURE: &str = "causeway-signature";

/// The way in, for whoever finds that an alert has begun or ended.
pub(super) struct Webhook {
    queue: mpsc::Sender<Note>,
    notes: Mutex<Option<mpsc::Receiver<Note>>>,
    /// Of alerts that are firing.
    ids: Mutex<BTreeMap<Key, String>>,
    client: Mutex<Option<(Settings, Client)>>,
}

type Key = (String, BTreeMap<String, String>);

/// What is sent, the same at each try.
pub(super) struct Note {
    alert: String,
    body: String,
}

/// What a client is made for; made anew when a reload changes it.
#[derive(Clone, PartialEq, Eq)]
struct Settings {
    ca_file: Option<PathBuf>,
    within: Duration,
}

/// Why it was not taken; `again` if another try could help.
struct NotTaken {
    why: String,
    again: bool,
}

impl Default for Webhook {
    fn default() -> Self {
        let (queue, notes) = mpsc::channel(QUEUE_MAX);
        let notes = Mutex::new(Some(notes));
        Self { queue, notes, ids: Mutex::default(), client: Mutex::default() }
    }
}

impl Webhook {
    /// Does not wait.
    pub(super) fn tell(&self, alert: &Alert, hostname: &str, metrics: &AlertMetrics) {
        let note = self.note(alert, hostname);
        match self.queue.try_send(note) {
            Ok(()) => metrics.queued.inc(),
            Err(_) => {
                metrics.webhook("dropped");
                tracing::error!(
                    alert = alert.name,
                    "Too many alerts wait for the webhook: one is dropped."
                );
            }
        }
    }

    /// The end of an alert has the id of its beginning.
    pub(super) fn note(&self, alert: &Alert, hostname: &str) -> Note {
        let key = (alert.name.clone(), alert.labels.clone());
        let id = || id(hostname, alert);
        let (event, id) = match alert.state {
            AlertState::Resolved => ("end", self.ids.lock().remove(&key).unwrap_or_else(id)),
            AlertState::Pending | AlertState::Firing => {
                let id = id();
                self.ids.lock().insert(key, id.clone());
                ("begin", id)
            }
        };
        let body = json!({
            "id": id,
            "event": event,
            "name": alert.name,
            "severity": alert.severity,
            "summary": alert.summary,
            "labels": alert.labels,
            "runbook": alert.runbook,
            "at": alert.since,
            "gateway": hostname,
        });
        Note { alert: alert.name.clone(), body: body.to_string() }
    }

    /// One try.
    async fn post(
        &self,
        settings: &config::Alerts,
        note: &Note,
        now: Timestamp,
    ) -> Result<u16, NotTaken> {
        let never = |why: String| NotTaken { why, again: false };
        let (url, secret_file) = settings
            .webhook
            .as_ref()
            .ok_or_else(|| never("no webhook is configured any more".into()))?;
        let url: Url = url.parse().map_err(|it: fetch::UrlError| never(it.to_string()))?;
        let secret = read_secret(secret_file.clone()).await.map_err(never)?;
        let client = self.client(settings).await.map_err(never)?;
        let seconds = now.as_micros() / 1_000_000;
        let mut headers = HeaderMap::new();
        if let Ok(value) = signature(&secret, seconds, &note.body).parse() {
            headers.insert(SIGNATURE, value);
        }
        let body = Some(("application/json", note.body.clone().into()));
        let request = Request { url: &url, method: Method::POST, headers, body };
        match client.send(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(answer.status),
            Ok(answer) => {
                let again = matches!(answer.status, 408 | 429 | 500..=599);
                Err(NotTaken { why: format!("answered {}", answer.status), again })
            }
            Err(error) => Err(NotTaken { why: error.to_string(), again: true }),
        }
    }

    async fn client(&self, settings: &config::Alerts) -> Result<Client, String> {
        let wanted = Settings {
            ca_file: settings.webhook_ca_file.clone(),
            within: settings.webhook_timeout,
        };
        let made = self.client.lock().clone();
        if let Some((_, client)) = made.filter(|it| it.0 == wanted) {
            return Ok(client);
        }
        let bounds = Bounds { within: wanted.within, answer_bytes_max: ANSWER_BYTES_MAX };
        let ca_file = wanted.ca_file.clone();
        let made = tokio::task::spawn_blocking(move || Client::new(ca_file.as_deref(), bounds));
        let client = made.await.map_err(|it| it.to_string())?.map_err(|it| it.to_string())?;
        *self.client.lock() = Some((wanted, client.clone()));
        Ok(client)
    }
}

/// Sends what is queued, one after the other, until `stop`.
pub(crate) async fn deliver(control: Arc<Control>, stop: CancellationToken) {
    let Some(mut notes) = control.watched.webhook.notes.lock().take() else { return };
    loop {
        let note = tokio::select! {
            () = stop.cancelled() => return,
            note = notes.recv() => note,
        };
        let Some(note) = note else { return };
        control.watched.metrics.queued.dec();
        tokio::select! {
            () = stop.cancelled() => return,
            () = control.post_with_patience(&note) => (),
        }
    }
}

impl Control {
    async fn post_with_patience(&self, note: &Note) {
        let metrics = &self.watched.metrics;
        for n in 0..=RETRY.len() {
            let settings = self.config.load().alerts.clone();
            let (why, again) = match self.watched.webhook.post(&settings, note, self.now()).await {
                Ok(_) => return metrics.webhook("delivered"),
                Err(NotTaken { why, again }) => (why, again),
            };
            let to = receiver(&settings);
            match RETRY.get(n).filter(|_| again) {
                Some(wait) => {
                    metrics.webhook("retried");
                    tracing::warn!(
                        alert = note.alert,
                        to,
                        why,
                        "The webhook did not take an alert; it is tried again."
                    );
                    tokio::time::sleep(*wait).await;
                }
                None => {
                    metrics.webhook("failed");
                    tracing::error!(
                        alert = note.alert,
                        to,
                        why,
                        "The webhook did not take an alert."
                    );
                    return;
                }
            }
        }
    }

    /// One try, now, for somebody who waits for the outcome.
    pub(super) async fn test_webhook(&self, alert: &Alert) -> Option<AlertSent> {
        let settings = self.config.load().alerts.clone();
        settings.webhook.as_ref()?;
        let hostname = self.config.load().server.hostname.to_string();
        let note = Webhook::default().note(alert, &hostname);
        let begun = Instant::now();
        let done = self.watched.webhook.post(&settings, &note, self.now()).await;
        self.watched.metrics.webhook(if done.is_ok() { "delivered" } else { "failed" });
        let (ok, detail) = match done {
            Ok(status) => {
                (true, format!("answered {status} after {} ms", begun.elapsed().as_millis()))
            }
            Err(NotTaken { why, .. }) => (false, why),
        };
        Some(AlertSent { to: format!("webhook {}", receiver(&settings)), ok, detail })
    }
}

/// Without path and query, which may hold a secret.
fn receiver(settings: &config::Alerts) -> String {
    let url = settings.webhook.as_ref().and_then(|(url, _)| url.parse::<Url>().ok());
    url.map(|it| it.authority().to_owned()).unwrap_or_default()
}

/// Read each time, so that a new one counts without a restart.
async fn read_secret(path: PathBuf) -> Result<Vec<u8>, String> {
    let read = move || read_bounded(&path);
    tokio::task::spawn_blocking(read).await.map_err(|it| it.to_string())?
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let cannot = |why: std::io::Error| format!("cannot read webhook_secret_file: {why}");
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(cannot)?;
    match text.trim() {
        "" => Err("webhook_secret_file is empty".into()),
        secret => Ok(secret.as_bytes().to_vec()),
    }
}

/// `t=SECONDS,v1=HMAC`, over `SECONDS.BODY`: a body that is sent again later has another time.
fn signature(secret: &[u8], seconds: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(tag.as_ref()))
}

/// Of one alert of one gateway, from its beginning to its end.
fn id(hostname: &str, alert: &Alert) -> String {
    let text = json!([hostname, alert.name, alert.labels, alert.since]).to_string();
    hex(&digest(&SHA256, text.as_bytes()).as_ref()[..12])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(state: AlertState, since: &str) -> Alert {
        Alert {
            name: "SiteDown".into(),
            severity: api::Severity::Page,
            state,
            since: since.into(),
            summary: "Site cloud is down".into(),
            runbook: "/help/alert-site-down".into(),
            labels: BTreeMap::from([("site".into(), "cloud".into())]),
        }
    }

    #[test]
    fn the_signature_is_what_the_page_says() {
        // printf '1764244800.{}' | openssl dgst -sha256 -hmac secret
        let expected =
            "t=1764244800,v1=46490f2ad2ae03873f7bedfdc8e637a0bcf0a94a82f45e7a8982c7cf2043cb5d";
        assert_eq!(signature(b"secret", 1_764_244_800, "{}"), expected);
    }

    #[test]
    fn an_end_has_the_id_of_its_beginning() {
        let webhook = Webhook::default();
        let read = |note: Note| serde_json::from_str::<serde_json::Value>(&note.body).unwrap();
        let begun = read(webhook.note(&alert(AlertState::Firing, "2026-11-27T18:00:00Z"), "gw"));
        let ended = read(webhook.note(&alert(AlertState::Resolved, "2026-11-27T19:00:00Z"), "gw"));
        let again = read(webhook.note(&alert(AlertState::Firing, "2026-11-27T20:00:00Z"), "gw"));
        assert_eq!((&begun["event"], &ended["event"]), (&"begin".into(), &"end".into()));
        assert_eq!(begun["id"], ended["id"]);
        assert_ne!(begun["id"], again["id"]);
        assert!(webhook.ids.lock().len() == 1);
    }

    #[test]
    fn what_waits_has_a_bound() {
        let metrics = AlertMetrics::register(&prometheus::Registry::new()).unwrap();
        let webhook = Webhook::default();
        for _ in 0..QUEUE_MAX + 3 {
            webhook.tell(&alert(AlertState::Firing, "x"), "gw", &metrics);
        }
        assert_eq!(metrics.queued.get(), QUEUE_MAX as i64);
        assert_eq!(metrics.webhook_of("dropped"), 3);
    }
}
