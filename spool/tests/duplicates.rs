//! Who may get a second copy is known after a restart, however the run before it ended.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

use common::{TestClock, World, body, deferred, envelope, open, options};
use mail::{Origin, SpoolId, Timestamp};
use spool::sim::SimDisk;
use spool::{Event, RealDisk, Spool, SpoolMetrics, SystemClock, What};

/// In the year 2100: not due at any restart of these tests.
const LATER: Timestamp = Timestamp::from_micros(4_102_444_800_000_000);

fn unanswered(id: SpoolId) -> Event {
    let mut event = deferred(id, vec![0], 1, LATER);
    if let What::Deferred { maybe_duplicate, .. } = &mut event.what {
        *maybe_duplicate = true;
    }
    event
}

#[test]
fn an_attempt_without_an_answer_is_remembered_while_it_waits_for_the_next() {
    let (disk, clock, mut world) = (SimDisk::new(), TestClock::new(), World::default());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let doubtful = world.accept(&mut hands, &spool, &body(1, 300), 1).unwrap();
    let plain = world.accept(&mut hands, &spool, &body(2, 300), 1).unwrap();
    hands.settle(&spool, unanswered(doubtful)).unwrap();
    hands.settle(&spool, deferred(doubtful, vec![0], 2, LATER)).unwrap();
    hands.settle(&spool, deferred(plain, vec![0], 1, LATER)).unwrap();
    for killed in [false, true, false] {
        let (_, found, hands) = open(&disk, &clock).unwrap();
        let flags: Vec<_> = found.iter().map(|it| it.recipients[0].maybe_duplicate).collect();
        assert_eq!(flags, [true, false], "killed: {killed}");
        if !killed {
            hands.close();
        }
    }
}

/// The flag of the one message after a run that ended so.
fn flag_after(end: impl FnOnce(Spool)) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
        Spool::open(disk, options(), SpoolMetrics::new(), Arc::new(SystemClock)).unwrap()
    };
    let (spool, recovery) = start();
    recovery.for_each(drop);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut incoming = spool.receive();
        incoming.write(b"Subject: hi\r\n\r\nhi\r\n").unwrap();
        incoming.commit(envelope(1), Origin::internal()).await.unwrap();
    });
    end(spool);
    let (spool, recovery) = start();
    let found: Vec<_> = recovery.collect();
    spool.close();
    found[0].recipients[0].maybe_duplicate
}

#[test]
fn a_stop_that_broke_off_deliveries_is_none_in_order() {
    assert!(!flag_after(Spool::close));
    assert!(flag_after(Spool::abandon));
}
