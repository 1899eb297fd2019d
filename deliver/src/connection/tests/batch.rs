//! Several messages in one write, and what each of them comes to.

use super::*;

#[tokio::test]
async fn many_messages_go_in_one_write_and_results_keep_their_indexes() {
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        peer.read.reserve(4096);
        let first = peer.io.read_buf(&mut peer.read).await.unwrap();
        let text = String::from_utf8(peer.read.clone()).unwrap();
        assert_eq!(text.matches("BDAT").count(), 3, "{first} octets came first");
        peer.expect("MAIL RCPT RCPT BDAT").await;
        assert_eq!(peer.octets(6).await, b"one\r\n.");
        peer.expect("RSET MAIL RCPT BDAT").await;
        peer.octets(5).await;
        peer.expect("RSET MAIL RCPT BDAT").await;
        peer.octets(0).await;
        peer.say("250 a\r\n250 b\r\n550 5.1.1 c\r\n250 2.6.0 queued 1\r\n250 rset\r\n").await;
        peer.say("250 a\r\n250 b\r\n250 queued 2\r\n250 rset\r\n250 a\r\n250 b\r\n").await;
        peer.say("554 5.6.0 empty\r\n").await;
        assert_eq!(peer.line().await, "QUIT");
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        let batch = [
            transaction("one\r\n.", &["a@y.example", "b@y.example"]),
            transaction("two\r\n", &["c@y.example"]),
            transaction("", &["d@y.example"]),
        ];
        let results = connection.send(&batch).await;
        assert!(connection.is_usable());
        connection.quit().await;
        results
    };
    let results = play(server, client).await;
    assert_eq!(
        show(&results),
        ["10 delivered, 11 550 at RCPT", "10 delivered", "10 554 at end of message"]
    );
    let RecipientResult::Delivered(reply) = &results[0].recipients[0].1 else { panic!() };
    assert_eq!(reply.to_string(), "250 2.6.0 queued 1");
}

#[tokio::test]
async fn after_data_dots_are_doubled_and_a_line_end_is_added() {
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, PIPELINING).await;
        for want in ["plain\r\n", "..\r\n..a\r\nb.\r\n"] {
            peer.expect("MAIL RCPT DATA").await;
            peer.say("250 a\r\n250 b\r\n354 go\r\n").await;
            assert_eq!(peer.data().await, want);
            peer.say("250 queued\r\n").await;
        }
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        let batch = [
            transaction("plain\r\n", &["a@y.example"]),
            transaction(".\r\n.a\r\nb.", &["a@y.example"]),
        ];
        connection.send(&batch).await
    };
    assert_eq!(show(&play(server, client).await), ["10 delivered", "10 delivered"]);
}

#[tokio::test]
async fn bare_newlines_go_by_bdat_or_not_at_all() {
    let batch = || [transaction("a\nb\r\n.\n\r\n", &["a@y.example"])];
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        peer.expect("MAIL RCPT BDAT").await;
        assert_eq!(peer.octets(9).await, b"a\nb\r\n.\n\r\n");
        peer.say("250 a\r\n250 b\r\n250 c\r\n").await;
        let mut peer = Peer::greet(&listener, PIPELINING).await;
        assert_eq!(peer.line().await, "", "nothing was sent");
    };
    let client = async {
        let mut with = Connection::open(&target).await.unwrap();
        let sent = with.send(&batch()).await;
        let mut without = Connection::open(&target).await.unwrap();
        (sent, without.send(&batch()).await)
    };
    let (sent, not_sent) = play(server, client).await;
    assert_eq!(show(&sent), ["10 delivered"]);
    let RecipientResult::Refused { reply, .. } = &not_sent[0].recipients[0].1 else { panic!() };
    assert!(reply.to_string().starts_with("550 5.6.11 "), "{reply}");
}

#[tokio::test]
async fn chunking_can_be_switched_off() {
    let (listener, mut target) = listen().await;
    target.chunking = false;
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        peer.expect("MAIL RCPT DATA").await;
        peer.say("250 a\r\n250 b\r\n354 go\r\n").await;
        assert_eq!(peer.data().await, "a\r\n");
        peer.say("250 queued\r\n").await;
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        connection.send(&[transaction("a\r\n", &["a@y.example"])]).await
    };
    assert_eq!(show(&play(server, client).await), ["10 delivered"]);
}

#[tokio::test]
async fn a_host_that_limits_recipients_gets_them_in_parts() {
    let (listener, target) = listen().await;
    let server = async {
        let ehlo = "250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 LIMITS RCPTMAX=2 MAILMAX=2\r\n";
        let mut peer = Peer::greet(&listener, ehlo).await;
        peer.expect("MAIL RCPT RCPT BDAT").await;
        peer.octets(3).await;
        peer.expect("RSET MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 a\r\n250 b\r\n250 c\r\n250 1\r\n250 d\r\n250 e\r\n550 f\r\n503 g\r\n").await;
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        let batch = [
            transaction("a\r\n", &["a@y.example", "b@y.example", "c@y.example"]),
            transaction("b\r\n", &["d@y.example"]),
        ];
        let results = connection.send(&batch).await;
        assert!(!connection.is_usable(), "MAILMAX is reached");
        results
    };
    let results = show(&play(server, client).await);
    assert_eq!(results[0], "10 delivered, 11 delivered, 12 550 at RCPT");
    assert!(results[1].starts_with("10 failed: not tried"), "{}", results[1]);
}

#[tokio::test]
async fn only_recipients_that_the_host_cannot_name_are_refused() {
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n").await;
        peer.expect("MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 a\r\n250 b\r\n250 c\r\n").await;
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        connection.send(&[transaction("a\r\n", &["\u{e4}@y.example", "b@y.example"])]).await
    };
    assert_eq!(show(&play(server, client).await), ["10 550 at RCPT, 11 delivered"]);
}

#[tokio::test]
async fn a_kept_connection_carries_batch_after_batch() {
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        peer.expect("MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 a\r\n250 b\r\n452 4.3.1 later\r\n").await;
        peer.expect("RSET MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 r\r\n250 a\r\n250 b\r\n250 c\r\n").await;
        peer.expect("MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 a\r\n250 b\r\n250 c\r\n").await;
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        let batch = [transaction("a\r\n", &["a@y.example"])];
        let mut all = Vec::new();
        for _ in 0..3 {
            all.extend(show(&connection.send(&batch).await));
        }
        all
    };
    let want = ["10 452 at end of message", "10 delivered", "10 delivered"];
    assert_eq!(play(server, client).await, want);
}
