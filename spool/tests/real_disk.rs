//! The spool on the real file system, with its threads.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use mail::{Envelope, Notify, Origin, Recipient, RecipientKind, ReversePath, Timestamp};
use spool::{
    Body, Event, Options, Query, RealDisk, Recovery, Settled, Spool, SpoolMetrics, SystemClock,
    What,
};

fn options() -> Options {
    Options {
        segment_bytes: 1 << 20,
        large_body_bytes: 64 * 1024,
        free_bytes_min: 0,
        free_inodes_min: 0,
        event_flush_for: Duration::from_millis(1),
        ..Options::default()
    }
}

fn open(dir: &tempfile::TempDir) -> (Spool, Recovery) {
    let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
    Spool::open(disk, options(), SpoolMetrics::new(), Arc::new(SystemClock)).unwrap()
}

fn envelope(n: usize) -> Envelope {
    let recipient = |n| Recipient {
        address: format!("user{n}@contoso.example").parse().unwrap(),
        notify: Notify::DEFAULT,
        orcpt: None,
        kind: RecipientKind::Named,
    };
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: (0..n).map(recipient).collect(),
        body: mail::BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    }
}

fn delivered(id: mail::SpoolId, recipients: Vec<u16>) -> Event {
    let what = What::Delivered {
        hop: "cloud".into(),
        host: "mx".into(),
        generation: 1,
        attempt: 1,
        reply: "250 ok".into(),
        maybe_duplicate: false,
    };
    Event { id, recipients, at: Timestamp::from_micros(1), what }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn bytes_of(body: &Body) -> Vec<u8> {
    match body {
        Body::Memory(bytes) => bytes.to_vec(),
        Body::Stored(stored) => {
            let mut bytes = vec![0; stored.len() as usize];
            let mut at = 0;
            while at < bytes.len() {
                at += stored.read_at(at as u64, &mut bytes[at..]).unwrap();
            }
            bytes
        }
    }
}

#[test]
fn what_was_accepted_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, recovery) = open(&dir);
    assert_eq!(recovery.count(), 0);
    let (small, large) = (b"Subject: hi\r\n\r\nshort\r\n".to_vec(), vec![b'x'; 300_000]);
    let (a, b, c) = runtime().block_on(async {
        let mut incoming = spool.receive();
        incoming.write(&small).unwrap();
        let a = incoming.commit(envelope(2), Origin::internal()).await.unwrap();
        let mut incoming = spool.receive();
        for piece in large.chunks(10_000) {
            incoming.body_mut().extend_from_slice(piece);
            incoming.drain().await.unwrap();
        }
        let b = incoming.commit(envelope(1), Origin::internal()).await.unwrap();
        let mut incoming = spool.receive();
        incoming.write(&small).unwrap();
        let c = incoming.commit(envelope(1), Origin::internal()).await.unwrap();
        spool.post_durable(delivered(a.receipt.id(), vec![1])).await.unwrap();
        (a.receipt.id(), b.receipt.id(), c.receipt.id())
    });
    spool.post(delivered(c, vec![0]));
    spool.close();

    let (spool, recovery) = open(&dir);
    let found: Vec<_> = recovery.collect();
    assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [a, b]);
    assert_eq!(found[0].recipients.iter().map(|it| it.settled).collect::<Vec<_>>(), [false, true]);
    assert!(!found[0].recipients[0].maybe_duplicate, "it was closed in order");
    assert_eq!(bytes_of(&spool.load(a).unwrap().body), small);
    assert_eq!(bytes_of(&spool.load(b).unwrap().body), large);
    assert!(spool.load(c).is_err());

    let books = spool.ledger().verify().unwrap();
    assert_eq!(books.problems, Vec::<String>::new());
    assert_eq!((books.accepted, books.delivered, books.queued), (4, 2, 2));
    let key = "USER1@contoso.example".parse::<mail::Address>().unwrap().key();
    let stories = spool.ledger().trace(&Query::Address(key), 10).unwrap();
    assert_eq!(stories.iter().map(|it| it.id).collect::<Vec<_>>(), [a]);
    assert_eq!(stories[0].outcome_of(1), Some(Settled::Delivered));
    assert_eq!(stories[0].outcome_of(0), None);
    let stories = spool.ledger().trace(&Query::Id(c), 10).unwrap();
    assert_eq!(stories[0].size, small.len() as u64);
    spool.close();
}
