//! Live events over the wire.

use std::time::Duration;

use api::{PlanEvent, SiteEvent, SiteState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Server, TOKEN};

async fn follow(server: &Server, query: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /api/v1/stream{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Bearer {TOKEN}\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until `wanted` has come.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = String::new();
    let read = async {
        while !seen.contains(wanted) {
            let mut buffer = [0; 4096];
            let n = stream.read(&mut buffer).await.unwrap();
            assert!(n > 0, "it ended after {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("it comes within 20 s");
    seen
}

fn plan(id: &str) -> PlanEvent {
    PlanEvent { at: "2026-11-27T17:00:00Z".into(), id: id.into(), state: "ready".into() }
}

#[tokio::test]
async fn events_come_as_they_happen_and_again_for_who_comes_back() {
    let server = Server::start().await;
    let events = server.backend.state().events.clone();
    let mut stream = follow(&server, "?topics=plans,sites", "").await;
    let head = until(&mut stream, "id: 7-0\n\n").await;
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    events.plan(plan("p1"));
    let seen = until(&mut stream, "p1").await;
    assert!(seen.contains("id: 7-1\nevent: plan\ndata: {\"at\":"), "{seen}");
    drop(stream);
    events.plan(plan("p2"));
    let mut stream = follow(&server, "", "Last-Event-ID: 7-1\r\n").await;
    let seen = until(&mut stream, "p2").await;
    assert!(!seen.contains("p1") && !seen.contains("dropped"), "{seen}");
}

#[tokio::test]
async fn a_listener_hears_of_its_site_only() {
    let server = Server::start().await;
    let events = server.backend.state().events.clone();
    let mut stream = follow(&server, "?site=cloud", "").await;
    until(&mut stream, "retry: ").await;
    for name in ["on_prem", "cloud"] {
        let (since, reason) = ("2026-11-27T17:00:00Z".into(), None);
        events.site(SiteEvent { name: name.into(), state: SiteState::Down, since, reason });
    }
    let seen = until(&mut stream, "cloud").await;
    assert!(!seen.contains("on_prem"), "{seen}");
}

#[tokio::test]
async fn too_many_listeners_and_unknown_topics_are_told_so() {
    let server = Server::start().await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = follow(&server, "", "").await;
        until(&mut stream, "retry: ").await;
        kept.push(stream);
    }
    let answer = server.get("/metrics").await;
    assert!(answer.body.contains("causeway_stream_listeners 2"), "{}", answer.body);
    let answer = server.get("/api/v1/stream").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    let answer = server.get("/api/v1/stream?topics=news").await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("want some of flow"), "{}", answer.body);
}

#[tokio::test]
async fn the_stream_ends_when_the_gateway_does() {
    let server = Server::start().await;
    let mut stream = follow(&server, "", "").await;
    until(&mut stream, "retry: ").await;
    server.backend.state().closed.cancel();
    server.stop.cancel();
    until(&mut stream, "0\r\n\r\n").await;
}

#[tokio::test]
async fn who_listens_is_on_record_before_the_first_event() {
    let server = Server::start().await;
    let mut stream = follow(&server, "?topics=flow&recipient=anna", "").await;
    until(&mut stream, "id: 7-0\n\n").await;
    let records = server.get("/api/v1/audit?action=GET%20/api/v1/stream").await.json();
    let record = &records["records"][0];
    assert_eq!((&record["kind"], &record["status"]), (&"shown".into(), &200.into()), "{records}");
}
