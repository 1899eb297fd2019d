//! What has begun to change is changed, whoever still waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::client::{Server, TOKEN};

const CHANGES: [(&str, &str, &str); 7] = [
    ("POST", "/api/v1/reload", ""),
    ("PUT", "/api/v1/table/entries/anna@contoso.example", r#"{"home":"cloud"}"#),
    ("DELETE", "/api/v1/table/entries/bert@contoso.example", ""),
    ("POST", "/api/v1/table/edits", r#"{"edits":[]}"#),
    ("POST", "/api/v1/table/import", "address,home\n"),
    ("POST", "/api/v1/queue/actions", r#"{"action":"hold","selector":{"all":true}}"#),
    ("PUT", "/api/v1/sites/cloud/override", r#"{"to":"auto"}"#),
];

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_half_done() {
    for (method, path, body) in CHANGES {
        let server = Server::start().await;
        let gate = Arc::new(Semaphore::new(0));
        server.backend.state().gate = Arc::clone(&gate);
        let stream = ask(&server, (method, path, body)).await;
        until(|| server.backend.state().begun == 1).await;
        drop(stream);
        until_alone(&server).await;
        gate.add_permits(1);
        let changed = until(|| server.backend.state().log.len() == 1);
        tokio::time::timeout(Duration::from_secs(5), changed)
            .await
            .unwrap_or_else(|_| panic!("{method} {path} was dropped half way"));
    }
}

/// Shutdown waits for it too.
#[tokio::test]
async fn a_change_under_way_is_on_the_tracker() {
    let server = Server::start().await;
    server.backend.state().gate = Arc::new(Semaphore::new(0));
    drop(ask(&server, CHANGES[5]).await);
    until(|| server.backend.state().begun == 1).await;
    until_alone(&server).await;
    server.stop.cancel();
    server.tracker.close();
    let ended = tokio::time::timeout(Duration::from_millis(100), server.tracker.wait()).await;
    assert!(ended.is_err(), "it still holds back the end");
    server.backend.state().gate.add_permits(1);
    tokio::time::timeout(Duration::from_secs(5), server.tracker.wait()).await.expect("all ended");
}

async fn ask(server: &Server, (method, path, body): (&str, &str, &str)) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

/// Until the server has noticed that the other connection is gone.
async fn until_alone(server: &Server) {
    while !server.get("/metrics").await.body.contains("causeway_admin_connections 1\n") {}
}
