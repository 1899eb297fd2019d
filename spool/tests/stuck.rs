//! A segment that cannot be read is left alone, and all that is not in it goes on as before.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

use common::{Opened, TestClock, World, body, open};
use mail::SpoolId;
use spool::Spool;
use spool::sim::{Fault, Hands, SimDisk};

/// 36 messages of two recipients in some segments of 64 KiB. One recipient of each third is
/// settled in the segments after it, and all of every third but the first.
fn fill(disk: &SimDisk, clock: &Arc<TestClock>, world: &mut World) -> Opened {
    let (spool, _, mut hands) = open(disk, clock).unwrap();
    let ids: Vec<_> =
        (0..36).map(|n| world.accept(&mut hands, &spool, &body(n, 7_000), 2)).collect();
    for (n, id) in ids.into_iter().enumerate() {
        match n % 3 {
            0 => world.settle(&mut hands, &spool, id, &[1]),
            _ => world.settle(&mut hands, &spool, id, &[0, 1]),
        }
    }
    (spool, Vec::new(), hands)
}

/// Mail that comes and goes: ten segments of it.
fn go_on(hands: &mut Hands, spool: &Spool, world: &mut World) {
    for n in 100..190 {
        let id = world.accept(hands, spool, &body(n, 7_000), 1);
        world.settle(hands, spool, id, &[0]);
        if n % 10 == 0 {
            hands.keep();
        }
    }
}

fn settle_rest(hands: &mut Hands, spool: &Spool, world: &mut World, id: SpoolId) {
    let rest: Vec<u16> = (0..2).filter(|it| !world.sent[&id].posted.contains(it)).collect();
    if !rest.is_empty() {
        world.settle(hands, spool, Some(id), &rest);
    }
}

fn path(segment: u32) -> String {
    format!("spool/seg-{segment:08x}")
}

/// With a disk that reads again: all of what waits is there, and nothing else.
fn check_next_start(disk: &SimDisk, clock: &Arc<TestClock>, world: &World) {
    let (spool, found, mut hands) = open(&disk.after_kill(), clock).unwrap();
    world.check(&spool, &found, true);
    world.check_ledger(&spool);
    hands.keep();
    assert_eq!(spool.stats().segments_stuck, 0);
}

#[test]
fn a_segment_that_cannot_be_read_at_start_holds_back_no_other() {
    for segment in 1..=5 {
        let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
        let (_, _, hands) = fill(&disk, &clock, &mut world);
        // The ledger has it all: what it lacks of such a segment it would never have.
        hands.close();
        let disk = disk.after_kill();
        disk.fault_reads(&path(segment), 0);
        let (spool, found, mut hands) = open(&disk, &clock).unwrap();
        let doubtful =
            |it: &spool::Recovered| it.recipients.iter().all(|it| it.settled || it.maybe_duplicate);
        assert!(found.iter().all(doubtful), "what the segment says of them is not known");
        let waits: Vec<SpoolId> = found.iter().map(|it| it.id).collect();
        for id in waits.iter().step_by(2) {
            settle_rest(&mut hands, &spool, &mut world, *id);
        }
        go_on(&mut hands, &spool, &mut world);
        let stats = spool.stats();
        assert_eq!(stats.segments_stuck, 1);
        assert!(stats.segments < 9, "segment {segment}: {} are there", stats.segments);
        check_next_start(&disk, &clock, &world);
    }
}

#[test]
fn a_segment_that_cannot_be_copied_holds_back_no_other() {
    for reads in 0..12 {
        let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
        let (spool, _, mut hands) = fill(&disk, &clock, &mut world);
        disk.fault_reads(&path(2), reads);
        hands.keep();
        for id in world.sent.keys().copied().take(20).collect::<Vec<_>>() {
            settle_rest(&mut hands, &spool, &mut world, id);
        }
        go_on(&mut hands, &spool, &mut world);
        let segments = spool.stats().segments;
        assert!(segments < 9, "after {reads} reads {segments} are there");
        check_next_start(&disk, &clock, &world);
    }
}

/// Mail that was refused is behind the end of a segment; only the title of the next one says so.
#[test]
fn what_tells_the_end_of_a_segment_that_cannot_be_read_is_kept() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    world.accept(&mut hands, &spool, &body(0, 300), 1);
    // The first write goes through and its sync does not; nor does anything after it.
    let n = disk.operations();
    disk.fault_during(n + 1..n + 9, Fault::Error);
    assert_eq!(world.accept(&mut hands, &spool, &body(1, 300), 1), None);
    disk.clear_faults();
    let id = world.accept(&mut hands, &spool, &body(2, 300), 1);
    world.settle(&mut hands, &spool, id, &[0]);
    hands.close();

    let disk = disk.after_kill();
    disk.fault_reads(&path(1), 0);
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    go_on(&mut hands, &spool, &mut world);
    let (spool, found, _) = open(&disk.after_kill(), &clock).unwrap();
    assert_eq!(found.len(), 1, "the refused one stays refused");
    world.check(&spool, &found, true);
}
