//! Many writers, all threads of the spool, a real disk, restarts.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::{body, bytes_of, delivered, envelope};
use mail::{Origin, SpoolId};
use spool::{Options, RealDisk, Recovery, Spool, SpoolMetrics, SystemClock};

fn open(dir: &tempfile::TempDir) -> (Spool, Recovery) {
    let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
    let options = Options {
        segment_bytes: 1 << 20,
        large_body_bytes: 64 * 1024,
        memory_bodies_max: 100_000,
        event_flush_for: Duration::from_millis(2),
        ledger_file_bytes: 200_000,
        ..common::options()
    };
    Spool::open(disk, options, SpoolMetrics::new(), Arc::new(SystemClock)).unwrap()
}

/// What a shard does: writers that accept messages and settle most of them.
fn shard(spool: &Spool, shard: usize) -> BTreeMap<SpoolId, Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        // One shard has no driver: its commits are woken directly.
        let driver = (shard > 0).then(|| tokio::task::spawn_local(spool.completion_driver()));
        let writers: Vec<_> = (0..10)
            .map(|writer| tokio::task::spawn_local(writer_main(spool.clone(), shard, writer)))
            .collect();
        let mut kept = BTreeMap::new();
        for writer in writers {
            kept.extend(writer.await.unwrap());
        }
        driver.into_iter().for_each(|it| it.abort());
        kept
    })
}

async fn writer_main(spool: Spool, shard: usize, writer: usize) -> BTreeMap<SpoolId, Vec<u8>> {
    let mut kept = BTreeMap::new();
    for n in 0..40 {
        let body = body(shard * 10_000 + writer * 100 + n, 2000 + 100 * writer);
        let mut incoming = spool.receive();
        incoming.write(&body).unwrap();
        let accepted = incoming.commit(envelope(2), Origin::internal()).await.unwrap();
        let id = accepted.receipt.id();
        assert_eq!(bytes_of(&accepted.message.body).unwrap(), body);
        if n % 10 == 0 {
            spool.post_durable(delivered(id, vec![1])).await.unwrap();
            kept.insert(id, body);
        } else {
            spool.post(delivered(id, vec![0, 1]));
        }
    }
    kept
}

#[test]
fn many_writers_lose_nothing_and_the_books_balance() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept: BTreeMap<SpoolId, Vec<u8>> = BTreeMap::new();
    for _ in 0..2 {
        let (spool, recovery) = open(&dir);
        let found: Vec<SpoolId> = recovery.map(|it| it.id).collect();
        assert_eq!(found, kept.keys().copied().collect::<Vec<_>>());
        std::thread::scope(|scope| {
            let shards: Vec<_> = (0..3)
                .map(|n| {
                    let spool = &spool;
                    scope.spawn(move || shard(spool, n))
                })
                .collect();
            for shard in shards {
                kept.extend(shard.join().unwrap());
            }
        });
        let books = spool.ledger().verify().unwrap();
        assert_eq!(books.problems, Vec::<String>::new());
        let stats = spool.stats();
        assert!(stats.syncs < stats.accepted, "a sync serves more than one message");
        for (id, body) in &kept {
            assert_eq!(&bytes_of(&spool.load(*id).unwrap().body).unwrap(), body);
        }
        spool.close();
    }
}

/// The ledger is read and synced by several threads at once while mail goes on.
#[test]
fn the_ledger_may_be_asked_at_any_time() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, recovery) = open(&dir);
    recovery.for_each(drop);
    std::thread::scope(|scope| {
        let writers = [scope.spawn(|| shard(&spool, 1)), scope.spawn(|| shard(&spool, 2))];
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let books = spool.ledger().verify().unwrap();
            assert_eq!(books.problems, Vec::<String>::new());
        }
    });
    spool.close();
}
