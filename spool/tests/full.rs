//! A disk that fills up: new mail is refused in time, what is in the spool is still settled.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

use common::{TestClock, World, body, open, options};
use spool::sim::{Hands, SimDisk};
use spool::{Clock, Disk, Full, Options, Space};

#[test]
fn low_space_closes_the_door_and_more_space_opens_it() {
    let (disk, clock) = (SimDisk::new(), TestClock::new());
    let options = Options { free_bytes_min: 1_000_000, free_inodes_min: 100, ..options() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (spool, _, mut hands) = Hands::open(shared, options, clock as Arc<dyn Clock>).unwrap();
    let mut with = |free_bytes, free_inodes| {
        disk.set_space(Space { free_bytes, free_inodes });
        hands.keep();
        spool.admit(0)
    };
    assert_eq!(with(2_000_000, 1000), Ok(()));
    assert_eq!(with(999_999, 1000), Err(Full::Bytes));
    assert_eq!(with(1_100_000, 1000), Err(Full::Bytes));
    assert_eq!(with(1_250_000, 1000), Ok(()));
    assert_eq!(with(2_000_000, 99), Err(Full::Inodes));
    assert_eq!(with(2_000_000, 1000), Ok(()));
    assert_eq!(hands.metrics().free_bytes.get(), 2_000_000);
    assert_eq!(spool.admit(600_000), Ok(()));
    assert_eq!(spool.admit(700_000), Err(Full::Bytes));
}

#[test]
fn the_spool_has_a_maximum_size() {
    let (disk, clock) = (SimDisk::new(), TestClock::new());
    let options = Options { bytes_max: Some(400_000), ..options() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (spool, _, mut hands) = Hands::open(shared, options, clock as Arc<dyn Clock>).unwrap();
    let mut world = World::default();
    let mut n = 0;
    while spool.admit(0).is_ok() {
        n += 1;
        world.accept(&mut hands, &spool, &body(n, 6000), 1).unwrap();
        hands.keep();
        assert!(n < 200, "it is never full");
    }
    assert_eq!(spool.admit(0), Err(Full::Spool));
    let ids: Vec<_> = world.sent.keys().copied().collect();
    for id in ids {
        world.settle(&mut hands, &spool, Some(id), &[0]);
    }
    hands.keep();
    hands.keep();
    assert_eq!(spool.admit(0), Ok(()), "room was made: {:?}", spool.stats());
}

/// Nothing can be written that takes more space: mail is refused, outcomes are not lost.
#[test]
fn what_waits_is_settled_on_a_full_disk() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    hands.keep();
    let ids: Vec<_> =
        (0..9).map(|n| world.accept(&mut hands, &spool, &body(n, 6000), 1).unwrap()).collect();
    hands.keep();
    // Overwriting takes no space; new files and longer ones do.
    let now = disk.operations();
    disk.fault_growth(true);
    let mut refused = 0;
    for n in 10..80 {
        refused += usize::from(world.accept(&mut hands, &spool, &body(n, 6000), 1).is_none());
    }
    assert!(refused > 0 && spool.admit(0) == Err(Full::Failing));
    for id in &ids {
        world.settle(&mut hands, &spool, Some(*id), &[0]);
        assert!(world.sent[id].settled.contains(&0), "{id} could not be settled");
    }
    disk.fault_growth(false);
    hands.keep();
    hands.commit();
    assert_eq!(spool.admit(0), Ok(()));
    let (spool, recovered, _hands) = open(&disk.after_power_cut(now), &clock).unwrap();
    world.check(&spool, &recovered, true);
    world.check_ledger(&spool);
}
