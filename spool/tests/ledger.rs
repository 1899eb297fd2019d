//! What the ledger tells, and how long it remembers.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{TestClock, World, body, delivered, open, options};
use mail::{Address, Origin, Timestamp};
use spool::sim::{Hands, SimDisk};
use spool::{Clock, Disk, Options, Query, Settled};

#[test]
fn a_story_is_found_by_id_address_and_message_id() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let ids: Vec<_> = (0..30)
        .map(|n| {
            let id = world.accept(&mut hands, &spool, &body(n, 500), 2).unwrap();
            world.settle(&mut hands, &spool, Some(id), &[1]);
            // Others come and go, and with them segments.
            let other = world.accept(&mut hands, &spool, &body(n + 100, 8000), 1);
            world.settle(&mut hands, &spool, other, &[0]);
            hands.keep();
            id
        })
        .collect();
    assert!(disk.list("ledger").unwrap().len() > 1, "the stories are in several files");
    let find = |query, limit| {
        let found = spool.ledger().trace(&query, limit).unwrap();
        found.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(find(Query::Id(ids[3]), 5), [ids[3]]);
    assert_eq!(find(Query::MessageId("<7@test>".into()), 5), [ids[7]]);
    let key = |text: &str| Query::Address(text.parse::<Address>().unwrap().key());
    assert_eq!(find(key("USER1@Contoso.example"), 3), [ids[29], ids[28], ids[27]]);
    assert_eq!(find(key("user0@contoso.example"), 100).len(), 60);
    assert_eq!(find(key("nobody@contoso.example"), 3), []);
    let story = &spool.ledger().trace(&Query::Id(ids[0]), 1).unwrap()[0];
    assert_eq!(story.outcome_of(1), Some(Settled::Delivered));
    assert_eq!((story.outcome_of(0), story.size), (None, 500));
}

#[test]
fn what_came_since_some_time_is_read_page_by_page() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let mut accept = |n| {
        let id = world.accept(&mut hands, &spool, &body(n, 500), 2).unwrap();
        world.settle(&mut hands, &spool, Some(id), &[0]);
        hands.keep();
        id
    };
    for n in 0..60 {
        accept(n);
    }
    let since = clock.now();
    let new: Vec<_> = (60..150).map(accept).collect();
    assert!(disk.list("ledger").unwrap().len() > 1, "they are in several files");
    let mut from = None;
    let mut seen = Vec::new();
    loop {
        let mut page = 0;
        from = spool
            .ledger()
            .accepted_since(since, from, |it| {
                assert!(it.accepted_at >= since);
                assert_eq!(it.envelope.recipients.len(), 2);
                seen.push(it.id);
                page += 1;
                if page == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        if from.is_none() {
            break;
        }
    }
    assert_eq!(seen, new);
    let all =
        spool.ledger().accepted_since(Timestamp::default(), None, |_| ControlFlow::Continue(()));
    assert_eq!(all.unwrap(), None);
}

/// A DSN and the bounce that it reports are one fact; the bounce is in the story it belongs to.
#[test]
fn a_bounce_that_a_dsn_stands_for_is_in_the_story_of_the_message() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let id = world.accept(&mut hands, &spool, &body(1, 500), 1).unwrap();
    let dsn = spool.receive();
    let dsn_id = dsn.id();
    let what = spool::What::Bounced { generation: 1, reply: "550".into(), dsn: Some(dsn_id) };
    let settles = spool::Event { what, ..delivered(id, vec![0]) };
    let future = dsn.commit_settling(common::envelope(1), Origin::internal(), settles);
    hands.finish(future).unwrap();
    let story = &spool.ledger().trace(&Query::Id(id), 1).unwrap()[0];
    assert_eq!(story.outcome_of(0), Some(Settled::Bounced));
    let books = spool.ledger().verify().unwrap();
    assert_eq!((books.accepted, books.bounced, books.queued), (2, 1, 1));
    assert!(books.is_balanced(), "{:?}", books.problems);
    assert!(spool.load(id).is_err() && spool.load(dsn_id).is_ok());
}

#[test]
fn what_is_older_than_it_must_be_is_forgotten_unless_it_waits() {
    let (disk, clock) = (SimDisk::new(), TestClock::new());
    let options = Options { ledger_keep_for: Duration::from_secs(3600), ..options() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = Hands::open(shared, options, Arc::clone(&clock) as Arc<dyn Clock>);
    let (spool, _, mut hands) = opened.unwrap();
    let mut world = World::default();
    let first = world.accept(&mut hands, &spool, &body(0, 500), 1);
    let fill = |world: &mut World, hands: &mut Hands| {
        for n in 1..60 {
            let id = world.accept(hands, &spool, &body(n, 4000), 1);
            world.settle(hands, &spool, id, &[0]);
            hands.keep();
        }
        clock.0.fetch_add(7_200_000_000, Ordering::Relaxed);
    };
    fill(&mut world, &mut hands);
    fill(&mut world, &mut hands);
    assert!(disk.list("ledger").unwrap().iter().any(|it| it == "00000001.led"));
    world.settle(&mut hands, &spool, first, &[0]);
    fill(&mut world, &mut hands);
    hands.keep();
    assert!(!disk.list("ledger").unwrap().iter().any(|it| it == "00000001.led"));
    world.check_ledger(&spool);
}
