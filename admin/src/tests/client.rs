//! A server on a free port and raw HTTP to it: what goes over the wire is what a test says.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::fake::FakeBackend;
use crate::{Limits, router, serve};

pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

pub(super) struct Server {
    pub(super) backend: Arc<FakeBackend>,
    pub(super) access: Arc<access::Access>,
    pub(super) folder: tempfile::TempDir,
    pub(super) address: std::net::SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) tracker: TaskTracker,
}

/// The head and the body of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(super) async fn with(limits: Limits) -> Self {
        Self::build(limits, None).await
    }

    pub(super) async fn with_oidc(oidc: Arc<oidc::Provider>) -> Self {
        Self::build(Limits::default(), Some(oidc)).await
    }

    async fn build(limits: Limits, oidc: Option<Arc<oidc::Provider>>) -> Self {
        let backend = Arc::new(FakeBackend::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let folder = tempfile::tempdir().unwrap();
        let access = Arc::new(access::Access::in_folder(folder.path(), TOKEN));
        let app = router(
            Arc::clone(&backend) as _,
            Arc::clone(&access),
            Registry::new(),
            tracker.clone(),
            oidc,
        )
        .unwrap();
        tracker.spawn(serve(listener, app, limits, tracker.clone(), stop.clone()));
        Self { backend, access, folder, address, stop, tracker }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "").await
    }

    pub(super) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let headers = format!("Authorization: Bearer {TOKEN}\r\n{headers}");
        self.raw(method, path, &headers, body).await
    }

    pub(super) async fn json(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, "Content-Type: application/json\r\n", body).await
    }

    pub(super) async fn raw(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses early closes before it has read all.
        let _ = stream.write_all(request.as_bytes()).await;
        read_answer(&mut stream).await
    }
}

pub(super) async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("an answer in 20 s");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { join_chunks(body) } else { body.to_owned() };
    Answer { status, head: head.to_owned(), body }
}

fn join_chunks(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
        if size == 0 {
            break;
        }
    }
    body
}
