//! What happens to requests that are too large, too slow or too many.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Server, TOKEN, read_answer};
use crate::{BODY_BYTES_MAX, Limits};

#[tokio::test]
async fn a_body_that_is_too_large_is_a_problem() {
    let server = Server::start().await;
    let body = format!(r#"{{"note":"{}"}}"#, "x".repeat(BODY_BYTES_MAX));
    let answer = server.json("PUT", "/api/v1/table/entries/a@x", &body).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (413, Some("too_large")));
    let csv = format!("address,home\n{}", "a@contoso.example,cloud\n".repeat(90_000));
    assert!(csv.len() > BODY_BYTES_MAX);
    assert_eq!(server.send("POST", "/api/v1/table/import", "", &csv).await.status, 200);
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let limits = Limits { header_for: Duration::from_millis(100), ..Limits::default() };
    let server = Server::with(limits).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    let mut rest = Vec::new();
    let closed = stream.read_to_end(&mut rest);
    let _ =
        tokio::time::timeout(Duration::from_secs(5), closed).await.expect("closed by the server");
    assert!(rest.is_empty());
}

#[tokio::test]
async fn connections_above_the_bound_wait_for_a_free_slot() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let server = Server::with(limits).await;
    let idle = TcpStream::connect(server.address).await.unwrap();
    while server.tracker.len() < 2 {
        tokio::task::yield_now().await;
    }
    let mut second = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    second.write_all(request.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), second.readable()).await;
    assert!(early.is_err(), "served beyond the bound");
    drop(idle);
    assert_eq!(read_answer(&mut second).await.status, 200);
}

#[tokio::test]
async fn an_import_beyond_the_bound_is_told_to_come_back() {
    let server = Server::start().await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "POST /api/v1/table/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\naddr"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    let busy = async {
        while server.send("POST", "/api/v1/table/import", "", "address,home\n").await.status != 503
        {
        }
    };
    tokio::time::timeout(Duration::from_secs(5), busy).await.expect("a third import is refused");
}

#[tokio::test]
async fn it_stops_when_told_and_leaves_no_task() {
    let server = Server::start().await;
    let _idle = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(server.get("/livez").await.status, 200);
    server.stop.cancel();
    server.tracker.close();
    tokio::time::timeout(Duration::from_secs(5), server.tracker.wait()).await.expect("all ended");
}

/// Every slot could be taken by peers that ask and do not read.
#[tokio::test]
async fn a_peer_that_takes_no_answer_loses_its_connection() {
    let limits = Limits { write_for: Duration::from_millis(200), ..Limits::default() };
    let server = Server::with(limits).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let requests = "GET /help/api HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000);
    // It stops reading requests when it cannot write answers, and then hangs up.
    let written = stream.write_all(requests.as_bytes());
    let _ = tokio::time::timeout(Duration::from_secs(2), written).await;
    let gone = async {
        while server.tracker.len() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the slot is free again");
}
