//! Bits that flip on the disk are noticed, cost only what they hit, and are kept for inspection.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{TestClock, World, body, open};
use spool::sim::SimDisk;
use spool::{Disk, LoadError};

const SEGMENT: &str = "spool/seg-00000001";

/// Three messages in three batches behind the one that begins the run; the last one proves that the others were synced.
fn three() -> (SimDisk, World, Vec<mail::SpoolId>) {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let ids = (0..3).map(|n| world.accept(&mut hands, &spool, &body(n, 300), 1).unwrap()).collect();
    // Writes the ledger.
    world.check_ledger(&spool);
    (disk, world, ids)
}

#[test]
fn every_flipped_bit_of_a_record_is_noticed() {
    let (disk, world, ids) = three();
    let contents = disk.contents(SEGMENT).unwrap();
    let second = 3 * 4096;
    let end = (second..second + 4096).rev().find(|&it| contents[it] != 0).unwrap() + 1;
    for at in second..end {
        let disk = disk.after_kill();
        disk.flip(SEGMENT, at, 1 << (at % 8));
        let (spool, recovered, _) = open(&disk, &TestClock::new()).unwrap();
        let found: Vec<_> = recovered.iter().map(|it| it.id).collect();
        assert_eq!(found, [ids[0], ids[2]], "byte {at}");
        assert_eq!(spool.stats().corrupt, 1, "byte {at}");
        assert_eq!(disk.list("spool/corrupt").unwrap().len(), 1, "byte {at}");
        let books = spool.ledger().verify().unwrap();
        assert_eq!(books.problems.len(), 1, "the ledger misses one: {:?}", books.problems);
        for id in found {
            assert!(spool.load(id).is_ok());
        }
    }
    assert_eq!(world.refused, 0);
}

#[test]
fn a_finding_is_reported_once_and_its_copy_stays() {
    let (disk, _, _) = three();
    disk.flip(SEGMENT, 3 * 4096 + 200, 4);
    let (_, _, hands) = open(&disk, &TestClock::new()).unwrap();
    hands.close();
    let (spool, recovered, mut hands) = open(&disk, &TestClock::new()).unwrap();
    assert_eq!(recovered.len(), 2);
    assert_eq!(spool.stats().corrupt, 0, "it was reported at the first start");
    hands.keep();
    assert_eq!(disk.list("spool/corrupt").unwrap().len(), 1);
}

#[test]
fn a_bit_that_flips_while_the_spool_runs_is_noticed_when_the_message_is_loaded() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let id = world.accept(&mut hands, &spool, &body(1, 300), 1).unwrap();
    let large = world.accept(&mut hands, &spool, &body(1, 20_000), 1).unwrap();
    disk.flip(SEGMENT, 2 * 4096 + 250, 1);
    disk.flip(&format!("spool/large/{large}"), 19_999, 1);
    assert!(matches!(spool.load(id), Err(LoadError::Corrupt(_))));
    assert_eq!(spool.stats().corrupt, 1);
    let message = spool.load(large).unwrap();
    assert!(common::bytes_of(&message.body).is_err(), "noticed while it streams");
}

/// The whole of a segment is garbage: the others are not touched by it.
#[test]
fn a_segment_of_garbage_costs_only_itself() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let ids: Vec<_> =
        (0..20).map(|n| world.accept(&mut hands, &spool, &body(n, 7000), 1).unwrap()).collect();
    let len = disk.contents(SEGMENT).unwrap().len();
    (0..len).for_each(|it| disk.flip(SEGMENT, it, 0xA5));
    let (spool, recovered, mut hands) = open(&disk.after_kill(), &clock).unwrap();
    assert!(!recovered.is_empty() && recovered.len() < ids.len());
    assert!(recovered.iter().all(|it| spool.load(it.id).is_ok()));
    world.accept(&mut hands, &spool, &body(99, 7000), 1).unwrap();
}

/// The record of a large message is damaged: its body is not taken for one that nobody wanted.
#[test]
fn a_large_body_is_kept_when_its_record_cannot_be_read() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let large = world.accept(&mut hands, &spool, &body(1, 20_000), 1).unwrap();
    world.accept(&mut hands, &spool, &body(2, 300), 1).unwrap();
    disk.flip(SEGMENT, 2 * 4096 + 70, 1);
    let disk = disk.after_kill();
    let (_, found, _) = open(&disk, &clock).unwrap();
    assert_eq!(found.len(), 1);
    let kept = disk.contents(&format!("spool/corrupt/large-{large}")).unwrap();
    assert_eq!(kept, body(1, 20_000));
}
