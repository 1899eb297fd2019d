//! The demo's sender and its site, without a gateway between them.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Site, Taken};
use crate::demo::mailbox::message_id;
use crate::demo::stage::{Planned, send};

async fn site() -> (Site, Taken) {
    let taken = Taken::default();
    (Site::start("cloud", taken.clone()).await.unwrap(), taken)
}

fn plan(n: usize) -> Vec<Planned> {
    (1..=n).map(|number| Planned { number, mailboxes: vec!["anna", "emma"] }).collect()
}

#[tokio::test]
async fn what_is_sent_is_taken_whole_and_once() {
    let (site, taken) = site().await;
    let (_keep, address) = watch::channel(site.address);
    let sent = send(address, &plan(20), Duration::ZERO, &AtomicUsize::new(0)).await.unwrap();
    assert!(sent.iter().all(|it| it.accepted.len() == 2 && it.unanswered == 0));
    let taken = taken.all();
    assert_eq!(taken.len(), 40);
    assert!(taken.iter().all(|it| it.intact), "a line that begins with a dot arrives as it was");
    for number in 1..=20 {
        let copies = taken.iter().filter(|it| it.message_id == message_id(number)).count();
        assert_eq!(copies, 2, "message {number}");
    }
}

#[tokio::test]
async fn a_sender_waits_for_a_site_that_comes_back_on_its_port() {
    let (mut site, taken) = site().await;
    let (_keep, address) = watch::channel(site.address);
    site.stop().await;
    TcpStream::connect(site.address).await.expect_err("nobody listens");
    let (plan, n_done) = (plan(3), AtomicUsize::new(0));
    let sending = send(address, &plan, Duration::ZERO, &n_done);
    let (sent, ()) = tokio::join!(sending, async { site.restart().await.unwrap() });
    assert_eq!(sent.unwrap().len(), 3);
    assert_eq!(taken.all().len(), 6);
}

#[tokio::test]
async fn chunks_and_pipelined_commands_in_one_write() {
    let (site, taken) = site().await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let octets = "Message-ID: <m@x>\r\n\r\nhi\r\n";
    let (first, rest) = octets.split_at(7);
    let text = format!(
        "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<anna@c>\r\nBDAT {}\r\n{first}BDAT {} LAST\r\n{rest}QUIT\r\n",
        first.len(),
        rest.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    assert!(
        replies.ends_with("250 2.0.0 Chunk taken\r\n250 2.0.0 Taken\r\n221 2.0.0 Bye\r\n"),
        "{replies}"
    );
    assert_eq!(taken.all()[0].message_id, "m@x");
}
