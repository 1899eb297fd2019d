//! An identity provider that gives whatever token it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::forged::Pairs;

pub(super) struct StandIn {
    pub(super) issuer: String,
    /// Of its RSA key.
    pub(super) kid: String,
    pub(super) pairs: Arc<Pairs>,
    inner: Arc<Inner>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Inner {
    issuer: Mutex<String>,
    keys: Mutex<Value>,
    token: Mutex<String>,
    last: Mutex<(String, String)>,
    redeemed: AtomicUsize,
    keys_read: AtomicUsize,
}

impl StandIn {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let pairs = Pairs::get();
        let inner = Arc::new(Inner::default());
        *inner.issuer.lock() = issuer.clone();
        *inner.keys.lock() = pairs.published();
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(redeem))
            .with_state(Arc::clone(&inner));
        #[expect(clippy::disallowed_methods, reason = "a test has no tracker")]
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { issuer, kid: "rsa".to_owned(), pairs, inner, serving }
    }

    pub(super) fn gives(&self, token: &str) {
        token.clone_into(&mut self.inner.token.lock());
    }

    /// Header `Authorization` and body of the last request for a token.
    pub(super) fn last(&self) -> (String, String) {
        self.inner.last.lock().clone()
    }

    pub(super) fn redeemed(&self) -> usize {
        self.inner.redeemed.load(Ordering::Relaxed)
    }

    pub(super) fn keys_read(&self) -> usize {
        self.inner.keys_read.load(Ordering::Relaxed)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

async fn metadata(State(it): State<Arc<Inner>>) -> Json<Value> {
    let issuer = it.issuer.lock().clone();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "code_challenge_methods_supported": ["S256"],
    }))
}

async fn keys(State(it): State<Arc<Inner>>) -> Json<Value> {
    it.keys_read.fetch_add(1, Ordering::Relaxed);
    Json(it.keys.lock().clone())
}

async fn redeem(State(it): State<Arc<Inner>>, headers: HeaderMap, body: String) -> Json<Value> {
    it.redeemed.fetch_add(1, Ordering::Relaxed);
    let authorization = headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
    *it.last.lock() = (authorization.unwrap_or_default(), body);
    Json(json!({ "id_token": *it.token.lock(), "access_token": "x", "token_type": "Bearer" }))
}
