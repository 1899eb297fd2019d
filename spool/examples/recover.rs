//! How long a start takes with many messages waiting, and what they cost in memory.
//!
//! `cargo run --release -p spool --example recover -- DIR [MESSAGES]`
//!
//! Expected for a million messages with bodies of 500 bytes, 700 MB of segments in the page
//! cache: open below 50 ms and the first new message right after it; all known within 2 s; about
//! 75 bytes of index for each.

#![expect(clippy::print_stdout, reason = "it is a report")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mail::{BodyType, Envelope, Notify, Origin, Recipient, RecipientKind, ReversePath};
use spool::{Options, RealDisk, Recovery, Spool, SpoolError, SpoolMetrics, SystemClock};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("usage: recover DIR [MESSAGES]")?;
    let messages: usize = args.next().map_or(Ok(1_000_000), |it| it.parse())?;
    let root = Path::new(&dir).join("recover");
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let before = resident_kib();
    let (spool, recovery) = open(&root)?;
    recovery.for_each(drop);
    let began = Instant::now();
    runtime.block_on(fill(&spool, messages))?;
    let took = began.elapsed().as_secs_f64();
    println!("filled      {messages} messages in {took:.1} s, one task");
    let stats = spool.stats();
    println!("on disk     {} segments, {} MiB", stats.segments, stats.bytes >> 20);
    println!("memory      {} bytes a message", (resident_kib() - before) * 1024 / messages);
    spool.close();

    let began = Instant::now();
    let (spool, mut recovery) = open(&root)?;
    println!("open        {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    runtime.block_on(fill(&spool, 1))?;
    println!("first 250   {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    let first = recovery.next().is_some();
    println!("first known {:.2} s ({first})", began.elapsed().as_secs_f64());
    let rest = recovery.count();
    println!("all listed  {:.2} s ({})", began.elapsed().as_secs_f64(), rest + 1);
    let began = Instant::now();
    let books = spool.ledger().verify()?;
    let took = began.elapsed().as_secs_f64();
    println!("verified    {took:.2} s ({} problems)", books.problems.len());
    spool.close();
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

fn open(root: &Path) -> Result<(Spool, Recovery), Failure> {
    let disk = Arc::new(RealDisk::new(root)?);
    let clock = Arc::new(SystemClock);
    Ok(Spool::open(disk, Options::default(), SpoolMetrics::new(), clock)?)
}

async fn fill(spool: &Spool, messages: usize) -> Result<(), SpoolError> {
    let recipient = "anna@contoso.example".parse().map(|address| Recipient {
        address,
        notify: Notify::DEFAULT,
        orcpt: None,
        kind: RecipientKind::Named,
    });
    let envelope = Envelope {
        reverse_path: ReversePath::Null,
        recipients: recipient.into_iter().collect(),
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    };
    let body = [b'x'; 500];
    let mut left = messages;
    while left > 0 {
        let n = left.min(1000);
        let mut commits = Vec::with_capacity(n);
        for _ in 0..n {
            let mut incoming = spool.receive();
            incoming.write(&body)?;
            commits.push(Box::pin(incoming.commit(envelope.clone(), Origin::internal())));
        }
        // All are queued by their first poll; then each is waited for.
        for commit in &mut commits {
            std::future::poll_fn(|cx| {
                let _ = commit.as_mut().poll(cx).map(|it| it.map(drop));
                std::task::Poll::Ready(())
            })
            .await;
        }
        left -= n;
        let known = spool.stats().accepted;
        let wanted = known.max((messages - left) as u64);
        while spool.stats().accepted < wanted {
            std::thread::yield_now();
        }
    }
    Ok(())
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or(0)
}
