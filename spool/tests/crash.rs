//! The power goes, or an operation fails, at every single operation of a workload.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{TestClock, World, open, workload};
use spool::sim::{Fault, SimDisk};

/// How many operations the workload has when nothing fails.
fn operations() -> u64 {
    let (disk, mut world) = (SimDisk::new(), World::default());
    workload(&disk, &TestClock::new(), &mut world).unwrap();
    assert_eq!(world.refused, 0);
    disk.operations()
}

/// The workload with one fault; the world says what was promised until then.
fn run(n: u64, fault: Fault) -> (SimDisk, World) {
    let (disk, mut world) = (SimDisk::new(), World::default());
    disk.fault_at(n, fault);
    let _ = workload(&disk, &TestClock::new(), &mut world);
    (disk, world)
}

fn check(disk: &SimDisk, world: &World, lossless: bool, what: &str) {
    let clock = TestClock::new();
    let (spool, recovered, mut hands) =
        open(disk, &clock).unwrap_or_else(|it| panic!("{what}: does not open: {it}"));
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        world.check(&spool, &recovered, lossless);
        if lossless {
            world.check_ledger(&spool);
        }
        hands.keep();
        hands.keep();
        world.check(&spool, &recovered, lossless);
        if lossless {
            world.check_ledger(&spool);
            // What was freed and copied since must hold through another start.
            let disk = disk.after_power_cut(9);
            let (spool, recovered, _hands) = open(&disk, &clock).unwrap();
            world.check(&spool, &recovered, lossless);
            world.check_ledger(&spool);
        }
    }));
    if let Err(panic) = checked {
        eprintln!("in: {what}");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_workload_uses_every_part() {
    let (disk, mut world) = (SimDisk::new(), World::default());
    workload(&disk, &TestClock::new(), &mut world).unwrap();
    let log: Vec<String> = (0..disk.operations()).map(|it| disk.operation(it)).collect();
    let has = |what: &str| log.iter().any(|it| it.contains(what));
    assert!(has("rename spool/spare"), "a spare becomes a segment");
    assert!(has("rename spool/seg"), "a segment is re-used");
    assert!(has("unlink spool/large"), "a large body is removed");
    assert!(has("create ledger/00000002.led"), "the ledger has a second file");
    check(&disk.after_kill(), &world, true, "no fault");
}

#[test]
fn no_power_cut_loses_acknowledged_mail() {
    for n in 0..operations() {
        let (disk, world) = run(n, Fault::PowerCut);
        for seed in [0, 1, 2, u64::MAX] {
            let what = format!("cut before {n}: {}, seed {seed}", disk.operation(n));
            check(&disk.after_power_cut(seed), &world, true, &what);
        }
    }
}

#[test]
fn no_failed_operation_loses_acknowledged_mail() {
    for fault in [Fault::Error, Fault::Full, Fault::Short] {
        for n in 0..operations() {
            let (disk, world) = run(n, fault);
            let what = format!("{fault:?} at {n}: {}", disk.operation(n));
            check(&disk.after_kill(), &world, true, &format!("{what}, killed"));
            check(&disk.after_power_cut(3), &world, true, &format!("{what}, cut"));
        }
    }
}

/// A disk that says it wrote and did not: what it lost is lost, but nothing comes back in part.
#[test]
fn a_disk_that_lies_gives_no_half_messages() {
    for n in 0..operations() {
        let (disk, world) = run(n, Fault::Lie);
        let what = format!("lie at {n}: {}", disk.operation(n));
        check(&disk.after_power_cut(0), &world, false, &what);
    }
}

/// Recovery is itself cut off at each of its operations, and once more.
#[test]
fn a_crash_during_recovery_costs_nothing() {
    let clock = TestClock::new();
    for n in (0..operations()).step_by(5) {
        let (disk, world) = run(n, Fault::PowerCut);
        for m in 0.. {
            let disk = disk.after_power_cut(n);
            disk.fault_at(m, Fault::PowerCut);
            if let Ok((_, _, mut hands)) = open(&disk, &clock) {
                hands.keep();
            }
            let what = format!("cut before {n}, then before {m} of the recovery");
            check(&disk.after_power_cut(m), &world, true, &what);
            if disk.operations() <= m {
                break;
            }
        }
    }
}

/// What a failed sync left in the page cache is gone, whatever a second one says: the file must
/// not be asked again.
#[test]
fn a_segment_whose_sync_failed_is_never_written_or_synced_again() {
    for n in 0..operations() {
        let (disk, _) = run(n, Fault::Error);
        let failed = disk.operation(n);
        let Some(name) = failed.strip_prefix("sync ").filter(|it| it.contains("seg-")) else {
            continue;
        };
        for m in n + 1..disk.operations() {
            let later = disk.operation(m);
            let used = later.contains(name) && !later.starts_with("unlink");
            assert!(!used, "{failed} failed at {n}; {later} at {m}");
        }
    }
}

/// A batch that failed twice may be on the disk all the same. Its senders were refused, so it
/// must not come back as mail once the disk works again.
#[test]
fn refused_mail_stays_refused() {
    let mut refused = 0;
    for n in (0..operations()).step_by(3) {
        for burst in [4, 8, 14] {
            let (disk, mut world) = (SimDisk::new(), World::default());
            disk.fault_during(n..n + burst, Fault::Error);
            if workload(&disk, &TestClock::new(), &mut world).is_err() {
                continue;
            }
            refused += world.refused;
            let went_on = world.sent.values().next_back().is_some_and(|it| it.accepted);
            for disk in [disk.after_kill(), disk.after_power_cut(5)] {
                let what = format!("{burst} failures at {n}: {}", disk.operation(n));
                check(&disk, &world, true, &what);
                let (_, recovered, _) = open(&disk, &TestClock::new()).unwrap();
                let back = recovered.iter().find(|it| !world.sent[&it.id].accepted);
                assert!(!went_on || back.is_none(), "{what}: {back:?} was refused");
            }
        }
    }
    assert!(refused > 50);
}

/// Of names that were changed and not synced any may be kept.
#[test]
fn names_may_be_kept_in_any_order() {
    for n in 0..operations() {
        let (disk, world) = run(n, Fault::PowerCut);
        let renamed = (n.saturating_sub(6)..n).any(|it| disk.operation(it).contains("seg-"));
        for seed in if renamed { 10..24 } else { 10..10 } {
            let what = format!("cut before {n}: {}, seed {seed}", disk.operation(n));
            check(&disk.after_power_cut(seed), &world, true, &what);
        }
    }
}

/// Nothing can be written for a while: mail is refused, then everything goes on.
#[test]
fn a_disk_that_comes_back_is_used_again() {
    for fault in [Fault::Error, Fault::Full] {
        for n in (10..operations()).step_by(11) {
            let (disk, mut world) = (SimDisk::new(), World::default());
            disk.fault_during(n..n + 10_000, fault);
            let clock = TestClock::new();
            let _ = workload(&disk, &clock, &mut world);
            disk.clear_faults();
            let what = format!("{fault:?} from {n}: {}", disk.operation(n));
            check(&disk.after_power_cut(n), &world, true, &what);
        }
    }
}
