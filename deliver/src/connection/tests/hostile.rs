//! Hosts that hang, lie, flood and drop.

use super::*;

const SIX_MIB: usize = 6 * 1024 * 1024;

/// Sends `batch` to a server that behaves as `server` says after EHLO.
async fn send_to<F: Future<Output = ()>>(
    ehlo: &str,
    batch: &[Transaction],
    server: impl FnOnce(Peer) -> F,
) -> Vec<String> {
    let (listener, target) = listen().await;
    let server = async { server(Peer::greet(&listener, ehlo).await).await };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        let results = connection.send(batch).await;
        assert!(!connection.is_usable(), "nothing more may be sent");
        let again = connection.send(batch).await;
        assert!(show(&again)[0].starts_with("10 failed: the idle connection"), "{again:?}");
        results
    };
    show(&play(server, client).await)
}

fn small() -> [Transaction; 1] {
    [transaction("a\r\n", &["a@y.example"])]
}

#[tokio::test]
async fn a_drop_before_the_reply_leaves_the_message_in_doubt() {
    let results = send_to(FULL, &small(), |mut peer| async move {
        peer.expect("MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 a\r\n250 b\r\n").await;
    })
    .await;
    assert!(results[0].starts_with("10 unknown: connection lost during end of message"));
}

#[tokio::test]
async fn a_drop_before_the_end_of_the_body_does_not() {
    let results = send_to(PIPELINING, &small(), |mut peer| async move {
        peer.expect("MAIL RCPT DATA").await;
        peer.say("250 a\r\n250 b\r\n").await;
    })
    .await;
    assert!(results[0].starts_with("10 failed: connection lost during DATA"), "{results:?}");
    let large = [transaction(&"x".repeat(SIX_MIB), &["a@y.example"])];
    let results = send_to(FULL, &large, |mut peer| async move {
        peer.expect("MAIL RCPT").await;
        peer.say("250 a\r\n250 b\r\n").await;
        peer.expect("BDAT").await;
        peer.octets(100_000).await;
    })
    .await;
    assert!(results[0].starts_with("10 failed: connection lost"), "{results:?}");
}

#[tokio::test]
async fn a_refusal_is_heard_while_the_body_is_stuck() {
    let large = [transaction(&"x".repeat(SIX_MIB), &["a@y.example", "b@y.example"])];
    let results = send_to(FULL, &large, |mut peer| async move {
        peer.expect("MAIL RCPT RCPT").await;
        peer.say("250 a\r\n250 b\r\n550 5.1.1 c\r\n").await;
        peer.expect("BDAT").await;
        peer.octets(100_000).await;
        peer.say("552 5.3.4 too big after all\r\n").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    })
    .await;
    assert_eq!(results, ["10 552 at end of message, 11 550 at RCPT"]);
}

#[tokio::test]
async fn a_message_that_is_accepted_too_early_was_not_delivered() {
    let large = [transaction(&"x".repeat(SIX_MIB), &["a@y.example"])];
    let results = send_to(FULL, &large, |mut peer| async move {
        peer.expect("MAIL RCPT").await;
        peer.say("250 a\r\n250 b\r\n").await;
        peer.expect("BDAT").await;
        peer.say("250 2.0.0 thank you\r\n").await;
        peer.line().await;
    })
    .await;
    assert!(results[0].contains("accepted a message that it did not have yet"), "{results:?}");
}

#[tokio::test]
async fn replies_and_bodies_may_cross_without_a_deadlock() {
    // A long text to every command fills the client's input while it still writes.
    let n_messages = 40;
    let body = "x".repeat(200_000);
    let batch: Vec<_> = (0..n_messages).map(|_| transaction(&body, &["a@y.example"])).collect();
    let (listener, target) = listen().await;
    let long = format!("250-{}\r\n", "y".repeat(1900)).repeat(20);
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        for number in 0..n_messages {
            if number > 0 {
                peer.expect("RSET").await;
                peer.say(&long).await;
                peer.say("250 r\r\n").await;
            }
            peer.expect("MAIL RCPT BDAT").await;
            for _ in 0..2 {
                peer.say(&long).await;
                peer.say("250 ok\r\n").await;
            }
            peer.octets(200_000).await;
            peer.say("250 ok\r\n").await;
        }
    };
    let client = async { Connection::open(&target).await.unwrap().send(&batch).await };
    let results = play(server, client).await;
    assert!(show(&results).iter().all(|it| it == "10 delivered"));
}

#[tokio::test]
async fn a_host_that_stops_reading_is_given_up() {
    let large = [transaction(&"x".repeat(SIX_MIB), &["a@y.example"])];
    let results = send_to(FULL, &large, |mut peer| async move {
        peer.expect("MAIL RCPT").await;
        peer.say("250 a\r\n250 b\r\n").await;
        peer.expect("BDAT").await;
        tokio::time::sleep(Duration::from_millis(700)).await;
    })
    .await;
    assert_eq!(results, ["10 failed: no progress during end of message"]);
}

#[tokio::test]
async fn trickled_octets_of_a_reply_are_no_progress() {
    let results = send_to(FULL, &small(), |mut peer| async move {
        peer.expect("MAIL RCPT BDAT").await;
        peer.octets(3).await;
        peer.say("250 a\r\n").await;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if peer.io.write_all(b"2").await.is_err() {
                return;
            }
        }
    })
    .await;
    assert_eq!(results, ["10 unknown: no progress during RCPT"]);
}

#[tokio::test]
async fn floods_and_nonsense_end_the_batch() {
    for (answer, want) in [
        ("250-a\r\n".repeat(20_000), "a reply is longer than 65536 octets"),
        ("2".repeat(100_000), "a reply line is longer than 2048 octets"),
        ("\0\0\0\0\r\n".into(), "not an SMTP reply: \"????\""),
        ("250-a\r\n550 b\r\n".into(), "began with 250 and went on with 550"),
        ("354 go\r\n".into(), "354 go is no answer to MAIL"),
    ] {
        let results = send_to(FULL, &small(), |mut peer| async move {
            peer.expect("MAIL RCPT BDAT").await;
            peer.octets(3).await;
            // The client may have closed before it has read all this.
            let _ = peer.io.write_all(answer.as_bytes()).await;
            peer.line().await;
        })
        .await;
        assert!(results[0].contains(want), "{results:?}");
    }
}

#[tokio::test]
async fn after_421_the_rest_of_the_batch_is_free() {
    let batch = [small(), small(), small()].concat();
    let results = send_to(FULL, &batch, |mut peer| async move {
        for reset in ["", "RSET ", "RSET "] {
            peer.expect(&format!("{reset}MAIL RCPT BDAT")).await;
            peer.octets(3).await;
        }
        peer.say("250 a\r\n250 b\r\n250 c\r\n250 r\r\n421 4.7.0 enough\r\n").await;
    })
    .await;
    assert_eq!(results[..2], ["10 delivered", "10 421 at MAIL"]);
    assert!(results[2].starts_with("10 failed: not tried"), "{results:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_attempt() {
    for last_words in ["", "421 4.4.2 idle too long\r\n", "250 out of the blue\r\n"] {
        let (listener, target) = listen().await;
        let server = async {
            let mut peer = Peer::greet(&listener, FULL).await;
            peer.expect("MAIL RCPT BDAT").await;
            peer.octets(3).await;
            peer.say("250 a\r\n250 b\r\n250 c\r\n").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            peer.say(last_words).await;
        };
        let client = async {
            let mut connection = Connection::open(&target).await.unwrap();
            assert_eq!(show(&connection.send(&small()).await), ["10 delivered"]);
            tokio::time::sleep(Duration::from_millis(200)).await;
            show(&connection.send(&small()).await)
        };
        let results = play(server, client).await;
        assert!(results[0].starts_with("10 failed: the idle connection"), "{results:?}");
    }
}

#[tokio::test]
async fn a_host_that_closes_a_resting_connection_is_noticed_before_anything_is_sent() {
    for last_words in ["", "421 4.4.2 Idle for too long\r\n"] {
        let (listener, target) = listen().await;
        let server = async {
            let mut peer = Peer::greet(&listener, FULL).await;
            peer.say(last_words).await;
        };
        let client = async {
            let mut connection = Connection::open(&target).await.unwrap();
            connection.until_gone().await;
            assert!(!connection.is_usable());
        };
        play(server, client).await;
    }
}

/// The client's side is cut once the server says so.
async fn cut_after<F: Future<Output = ()>>(
    ehlo: &str,
    batch: &[Transaction],
    server: impl FnOnce(Peer, tokio::sync::oneshot::Sender<()>) -> F,
) -> Vec<String> {
    let (listener, target) = listen().await;
    let (tell, told) = tokio::sync::oneshot::channel();
    let server = async { server(Peer::greet(&listener, ehlo).await, tell).await };
    let client = async {
        let target = Target { timeouts: patient(), ..target };
        let mut connection = Connection::open(&target).await.unwrap();
        let cut = async move { told.await.unwrap() };
        let results = connection.send_until(batch, cut).await;
        assert!(!connection.is_usable(), "nothing more may be sent");
        results
    };
    show(&play(server, client).await)
}

/// Only a cut ends it.
fn patient() -> Timeouts {
    let limit = Duration::from_secs(600);
    Timeouts {
        mail: limit,
        rcpt: limit,
        data: limit,
        data_block: limit,
        data_done: limit,
        ..short()
    }
}

#[tokio::test]
async fn a_cut_before_the_end_of_the_message_is_a_failure_and_no_doubt() {
    let results = cut_after(PIPELINING, &small(), |mut peer, tell| async move {
        peer.expect("MAIL RCPT DATA").await;
        peer.say("250 a\r\n250 b\r\n").await;
        tell.send(()).unwrap();
        assert_eq!(peer.line().await, "", "not an octet of the body comes");
    })
    .await;
    assert!(results[0].starts_with("10 failed: cut during DATA"), "{results:?}");
    let large = [transaction(&"x".repeat(SIX_MIB), &["a@y.example"])];
    let results = cut_after(PIPELINING, &large, |mut peer, tell| async move {
        peer.expect("MAIL RCPT DATA").await;
        peer.say("250 a\r\n250 b\r\n354 go\r\n").await;
        peer.octets(100_000).await;
        // Nobody reads on, so that the rest cannot be written.
        tell.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    })
    .await;
    assert!(results[0].starts_with("10 failed: cut during"), "{results:?}");
}

#[tokio::test]
async fn a_cut_after_the_end_of_the_message_leaves_a_doubt_and_an_answer_stays_an_answer() {
    let batch = [transaction("a\r\n", &["a@y.example"]), transaction("b\r\n", &["b@y.example"])];
    let results = cut_after(PIPELINING, &batch, |mut peer, tell| async move {
        peer.expect("MAIL RCPT DATA").await;
        peer.say("250 a\r\n250 b\r\n354 go\r\n").await;
        assert_eq!(peer.data().await, "a\r\n");
        peer.say("250 taken\r\n").await;
        peer.expect("MAIL RCPT DATA").await;
        peer.say("250 a\r\n250 b\r\n354 go\r\n").await;
        assert_eq!(peer.data().await, "b\r\n");
        tell.send(()).unwrap();
        assert_eq!(peer.line().await, "");
    })
    .await;
    assert_eq!(results[0], "10 delivered");
    assert!(results[1].starts_with("10 unknown: cut during end of message"), "{results:?}");
}
