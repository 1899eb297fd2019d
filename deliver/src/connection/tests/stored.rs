//! Bodies that are read from the spool while they are sent.

use std::path::Path;

use spool::{Options, RealDisk, Spool, SpoolMetrics, SystemClock};

use super::*;

const LARGE: usize = 3_000_001;

/// A message of the real spool, with its body in a file of its own.
async fn accepted(directory: &Path, body: &[u8]) -> Transaction {
    let options = Options {
        segment_bytes: 1 << 20,
        large_body_bytes: 64 * 1024,
        free_bytes_min: 0,
        free_inodes_min: 0,
        ..Options::default()
    };
    let disk = Arc::new(RealDisk::new(directory).unwrap());
    let (spool, _) =
        Spool::open(disk, options, SpoolMetrics::new(), Arc::new(SystemClock)).unwrap();
    let mut incoming = spool.receive();
    incoming.write(body).unwrap();
    let message = incoming.commit(envelope(), Origin::internal()).await.unwrap().message;
    assert!(matches!(message.body, Body::Stored(_)));
    let of_small = transaction("", &["a@y.example"]);
    Transaction { message, ..of_small }
}

fn body() -> Vec<u8> {
    let mut body: Vec<u8> =
        (0..).flat_map(|n: u32| format!(".{n}\r\n").into_bytes()).take(LARGE).collect();
    body.truncate(LARGE - 2);
    body.extend_from_slice(b"\r\n");
    body
}

#[tokio::test]
async fn a_stored_body_goes_by_bdat_octet_by_octet() {
    let directory = tempfile::tempdir().unwrap();
    let body = body();
    let batch = [accepted(directory.path(), &body).await, transaction("b\r\n", &["b@y.example"])];
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        peer.expect("MAIL RCPT").await;
        peer.say("250 a\r\n250 b\r\n").await;
        assert_eq!(peer.line().await, format!("BDAT {LARGE} LAST"));
        assert!(peer.octets(LARGE).await == body, "it differs");
        peer.expect("RSET MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 c\r\n250 r\r\n250 a\r\n250 b\r\n250 c\r\n").await;
    };
    let client = async { Connection::open(&target).await.unwrap().send(&batch).await };
    assert_eq!(show(&play(server, client).await), ["10 delivered", "10 delivered"]);
}

#[tokio::test]
async fn a_stored_body_goes_by_data_with_its_dots_doubled() {
    let directory = tempfile::tempdir().unwrap();
    let body = body();
    let batch = [accepted(directory.path(), &body).await];
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, PIPELINING).await;
        peer.expect("MAIL RCPT DATA").await;
        peer.say("250 a\r\n250 b\r\n354 go\r\n").await;
        let wire = format!("\r\n{}", String::from_utf8_lossy(&body)).replace("\r\n.", "\r\n..");
        assert!(peer.octets(wire.len() - 2).await == wire.as_bytes()[2..], "it differs");
        assert_eq!(peer.line().await, ".");
        peer.say("250 c\r\n").await;
    };
    let client = async { Connection::open(&target).await.unwrap().send(&batch).await };
    assert_eq!(show(&play(server, client).await), ["10 delivered"]);
}

#[tokio::test]
async fn a_body_that_rots_on_disk_is_never_completed() {
    let directory = tempfile::tempdir().unwrap();
    let batch = [accepted(directory.path(), &body()).await];
    let large = std::fs::read_dir(directory.path().join("spool/large")).unwrap();
    let path = large.map(|it| it.unwrap().path()).next().unwrap();
    let mut rotten = std::fs::read(&path).unwrap();
    rotten[1000] ^= 1;
    std::fs::write(&path, rotten).unwrap();
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        peer.expect("MAIL RCPT").await;
        peer.say("250 a\r\n250 b\r\n").await;
        peer.line().await;
        let mut got = std::mem::take(&mut peer.read);
        let _ = peer.io.read_to_end(&mut got).await;
        assert!(got.len() < LARGE, "all of it came");
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        let results = connection.send(&batch).await;
        assert!(!connection.is_usable());
        results
    };
    let results = show(&play(server, client).await);
    assert_eq!(
        results,
        ["10 failed: cannot read the body from the spool: body fails its checksum"]
    );
}
