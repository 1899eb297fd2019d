//! The webhook against a real HTTP server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Alert, AlertState};
use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::control::tests::{CONFIG, Gateway};

/// What came, and what is answered next; 204 once that is used up.
#[derive(Default)]
struct Receiver {
    came: Mutex<Vec<(String, String)>>,
    answers: Mutex<VecDeque<u16>>,
}

impl Receiver {
    /// As the page for operators says it; the second half of what came.
    fn checked(&self, n: usize) -> Value {
        let (signature, body) = self.came.lock()[n].clone();
        let (t, v1) = signature.split_once(",v1=").unwrap();
        let text = format!("{}.{body}", t.strip_prefix("t=").unwrap());
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"hush");
        let tag: Vec<u8> = (0..v1.len())
            .step_by(2)
            .map(|n| u8::from_str_radix(&v1[n..n + 2], 16).unwrap())
            .collect();
        hmac::verify(&key, text.as_bytes(), &tag).unwrap();
        assert!(hmac::verify(&key, format!("{text} ").as_bytes(), &tag).is_err());
        serde_json::from_str(&body).unwrap()
    }

    fn n(&self) -> usize {
        self.came.lock().len()
    }
}

async fn take(
    State(it): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    let signature = headers["causeway-signature"].to_str().unwrap().to_owned();
    it.came.lock().push((signature, body));
    let answer = it.answers.lock().pop_front().unwrap_or(204);
    (StatusCode::from_u16(answer).unwrap(), [(header::LOCATION, "/elsewhere")])
}

/// A gateway whose alerts go to a server of ours.
fn gateway(folder: &std::path::Path) -> (Gateway, Arc<Receiver>, std::thread::JoinHandle<()>) {
    let receiver = Arc::new(Receiver::default());
    let (port, served) = std::sync::mpsc::sync_channel(1);
    let theirs = Arc::clone(&receiver);
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            port.send(listener.local_addr().unwrap().port()).unwrap();
            let router = Router::new().route("/hook", post(take)).with_state(theirs);
            let _ =
                tokio::time::timeout(Duration::from_secs(60), axum::serve(listener, router)).await;
        });
    });
    std::fs::write(folder.join("secret"), "hush\n").unwrap();
    let url = format!("http://127.0.0.1:{}/hook?key=not-for-logs", served.recv().unwrap());
    let more = format!(
        "\n[alerts]\nwebhook_url = \"{url}\"\nwebhook_secret_file = \"DIR/secret\"\nmail_to = \"ops@contoso.example\"\n"
    );
    (Gateway::start_with(folder, &format!("{CONFIG}{more}")), receiver, serving)
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn alert(state: AlertState, since: &str) -> Alert {
    Alert {
        name: "SiteDown".into(),
        severity: api::Severity::Page,
        state,
        since: since.into(),
        summary: "Site cloud is down: 451 \"no\"".into(),
        runbook: "/help/alert-site-down".into(),
        labels: [("site".to_owned(), "cloud".to_owned())].into(),
    }
}

#[test]
fn a_test_goes_to_both_and_says_what_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, receiver, _serving) = gateway(folder.path());
    let control = gateway.control();
    let done = gateway.ask(control.test_alerts("anna"));
    let [mail, webhook] = done.sent.as_slice() else { panic!("{done:?}") };
    assert!(mail.ok && mail.to == "ops@contoso.example", "{mail:?}");
    assert!(webhook.ok && webhook.detail.starts_with("answered 204"), "{webhook:?}");
    assert!(!webhook.to.contains("not-for-logs"), "{webhook:?}");
    let told = receiver.checked(0);
    assert_eq!((&told["name"], &told["event"]), (&"Test".into(), &"begin".into()));
    receiver.answers.lock().push_back(302);
    let done = gateway.ask(control.test_alerts("anna"));
    assert_eq!((done.sent[1].ok, done.sent[1].detail.as_str()), (false, "answered 302"));
    assert_eq!(receiver.n(), 2, "a redirect is not followed");
    std::fs::write(folder.path().join("secret"), "\n").unwrap();
    let done = gateway.ask(control.test_alerts("anna"));
    assert_eq!(done.sent[1].detail, "webhook_secret_file is empty");
}

#[test]
fn beginning_and_end_come_signed_in_order_and_are_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, receiver, _serving) = gateway(folder.path());
    let control = gateway.control();
    receiver.answers.lock().push_back(503);
    let tell = |state, since: &str| {
        let watched = &control.watched;
        watched.webhook.tell(&alert(state, since), "gw.example", &watched.metrics);
    };
    tell(AlertState::Firing, "2026-11-27T18:00:00Z");
    tell(AlertState::Resolved, "2026-11-27T18:05:00Z");
    until("three posts", || receiver.n() == 3);
    let [first, again, end] = [0, 1, 2].map(|n| receiver.checked(n));
    assert_eq!(first, again, "the same, with its id");
    assert_eq!((&first["event"], &end["event"]), (&"begin".into(), &"end".into()));
    assert_eq!((&first["id"], &end["at"]), (&end["id"], &"2026-11-27T18:05:00Z".into()));
    assert_eq!(first["labels"]["site"], "cloud");
    assert_eq!(first["gateway"], "gw.example");
    let metrics = &control.watched.metrics;
    until("both are counted", || metrics.webhook_of("delivered") == 2);
    assert_eq!((metrics.webhook_of("retried"), metrics.webhook_of("failed")), (1, 0));
    receiver.answers.lock().push_back(400);
    tell(AlertState::Firing, "2026-11-27T19:00:00Z");
    until("it is given up", || metrics.webhook_of("failed") == 1);
    assert_eq!(receiver.n(), 4, "what is refused is not tried again");
}
