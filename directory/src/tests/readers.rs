//! Readers while the table changes under them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{Bench, rows};

const MAILBOXES: usize = 40;
const EDITS: u64 = 60;

/// Every edit gives every mailbox the batch of its generation. A reader that sees two batches saw
/// half an edit; one that sees an older generation than was acknowledged before it looked saw a
/// stale one.
#[test]
fn readers_see_whole_generations_and_never_a_stale_one() {
    let bench = Bench::new();
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0_u64;
            while !stop.load(Ordering::Acquire) || looks == 0 {
                let least = acknowledged.load(Ordering::Acquire);
                let table = bench.directory.current();
                assert!(table.generation() >= least, "stale: {} < {least}", table.generation());
                let batch = table.generation().to_string();
                assert!(table.iter().all(|it| it.batch.as_deref() == Some(batch.as_str())));
                looks += 1;
            }
            looks
        });
        for generation in 1..=EDITS {
            let mut csv = "address,home,batch\n".to_owned();
            for n in 0..MAILBOXES {
                csv.push_str(&format!("user{n}@contoso.example,cloud,{generation}\n"));
            }
            let committed = bench.directory.edit(&super::request(rows(&csv))).unwrap();
            acknowledged.store(committed.generation, Ordering::Release);
        }
        stop.store(true, Ordering::Release);
        reader.join().unwrap()
    });
    assert!(seen > 0);
    assert_eq!(bench.directory.current().generation(), EDITS);
}

/// Two who looked at the same table cannot both have their way.
#[test]
fn of_two_edits_of_one_generation_one_wins() {
    let bench = Bench::new();
    let won = thread::scope(|scope| {
        let edit = |home: &'static str| {
            let directory = bench.directory.clone();
            scope.spawn(move || {
                let csv = format!("address,home\nanna@contoso.example,{home}\n");
                let mut request = super::request(rows(&csv));
                request.expect_generation = Some(0);
                directory.edit(&request).is_ok()
            })
        };
        let both = [edit("cloud"), edit("on_prem")];
        both.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count()
    });
    assert_eq!(won, 1);
    assert_eq!(bench.directory.current().generation(), 1);
}
