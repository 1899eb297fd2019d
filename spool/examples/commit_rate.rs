//! How many messages a second become durable, and what each costs.
//!
//! `cargo run --release -p spool --example commit_rate -- DIR [SECONDS]`
//!
//! Writers are tasks on two shards, as sessions are: each commits a 2 KiB message, waits, posts
//! that it was delivered, and goes on. Expected on a disk that syncs in 0.3 ms: 1 writer about
//! 2,500 messages/s at 1 sync each; 20 writers about 20,000/s and 0.1 syncs; 100 writers about
//! 35,000/s and 0.03 syncs; 2.3 KiB of record, 0.3 KiB of event and the padding of a batch,
//! which is 2 KiB on average, shared by its messages.

#![expect(clippy::print_stdout, reason = "it is a report")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mail::{BodyType, Envelope, Notify, Origin, Recipient, RecipientKind, ReversePath, Timestamp};
use spool::{Event, Options, RealDisk, Spool, SpoolMetrics, SystemClock, What};

const SHARDS: usize = 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().ok_or("usage: commit_rate DIR [SECONDS]")?);
    let seconds: u64 = args.next().map_or(Ok(3), |it| it.parse())?;
    println!(
        "writers  messages/s  syncs/message  batch  bytes/message  p50 ms  p99 ms  CPU µs/message"
    );
    for writers in [1, 20, 100] {
        let root = dir.join(format!("commit-rate-{writers}"));
        run(&root, writers, Duration::from_secs(seconds))?;
        std::fs::remove_dir_all(&root)?;
    }
    Ok(())
}

fn run(root: &PathBuf, writers: usize, span: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let disk = Arc::new(RealDisk::new(root)?);
    let (spool, recovery) =
        Spool::open(disk, Options::default(), SpoolMetrics::new(), Arc::new(SystemClock))?;
    recovery.for_each(drop);
    while spool.stats().segments_spare < 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (stop, messages) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (before, cpu_before, began) = (spool.stats(), cpu_micros(), Instant::now());
    let shards: Vec<_> = (0..SHARDS)
        .map(|shard| {
            let own = writers / SHARDS + usize::from(shard < writers % SHARDS);
            let (spool, stop, messages) = (spool.clone(), Arc::clone(&stop), Arc::clone(&messages));
            std::thread::spawn(move || shard_main(&spool, own, &stop, &messages))
        })
        .collect();
    std::thread::sleep(span);
    stop.store(true, Ordering::Relaxed);
    let mut waits: Vec<Duration> = Vec::new();
    for shard in shards {
        waits.extend(shard.join().map_err(|_| "a shard panicked")?);
    }
    let (elapsed, cpu, after) = (began.elapsed(), cpu_micros() - cpu_before, spool.stats());
    let n = messages.load(Ordering::Relaxed).max(1) as f64;
    waits.sort_unstable();
    let at = |part: f64| {
        let place = (waits.len() as f64 * part) as usize;
        waits.get(place).map_or(0.0, |it| it.as_secs_f64() * 1e3)
    };
    let batches = (after.batches - before.batches) as f64;
    println!(
        "{writers:7}  {:10.0}  {:13.3}  {:5.1}  {:13.0}  {:6.2}  {:6.2}  {:14.1}",
        n / elapsed.as_secs_f64(),
        (after.syncs - before.syncs) as f64 / n,
        n / batches,
        (after.written_bytes - before.written_bytes) as f64 / n,
        at(0.5),
        at(0.99),
        cpu as f64 / n,
    );
    spool.close();
    Ok(())
}

fn shard_main(
    spool: &Spool,
    writers: usize,
    stop: &Arc<AtomicBool>,
    messages: &Arc<AtomicU64>,
) -> Vec<Duration> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
        return Vec::new();
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let driver = tokio::task::spawn_local(spool.completion_driver());
        let tasks: Vec<_> = (0..writers)
            .map(|_| {
                let (spool, stop, messages) = (spool.clone(), stop.clone(), messages.clone());
                tokio::task::spawn_local(async move { writer(&spool, &stop, &messages).await })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap_or_default());
        }
        driver.abort();
        waits
    })
}

async fn writer(spool: &Spool, stop: &AtomicBool, messages: &AtomicU64) -> Vec<Duration> {
    let (envelope, body, mut waits) = (envelope(), vec![b'x'; 2048], Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let mut incoming = spool.receive();
        incoming.body_mut().extend_from_slice(&body);
        let Ok(accepted) = incoming.commit(envelope.clone(), Origin::internal()).await else {
            break;
        };
        waits.push(began.elapsed());
        messages.fetch_add(1, Ordering::Relaxed);
        let what = What::Delivered {
            hop: "cloud".into(),
            host: "mx.cloud.example".into(),
            generation: 1,
            attempt: 1,
            reply: "250 2.0.0 queued as 4XyZ".into(),
            maybe_duplicate: false,
        };
        let at = Timestamp::from_micros(1);
        spool.post(Event { id: accepted.receipt.id(), recipients: vec![0], at, what });
    }
    waits
}

fn envelope() -> Envelope {
    let recipient = |address: &str| {
        let address = address.parse().ok()?;
        let (notify, kind) = (Notify::DEFAULT, RecipientKind::Named);
        Some(Recipient { address, notify, orcpt: None, kind })
    };
    Envelope {
        reverse_path: "sender@client.example"
            .parse()
            .map_or(ReversePath::Null, ReversePath::Mailbox),
        recipients: recipient("anna@contoso.example").into_iter().collect(),
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    }
}

/// User and system time of this process; 0 where `/proc` is not.
fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10_000
}
