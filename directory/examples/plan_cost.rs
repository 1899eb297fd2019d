//! What applying a plan of 10,000 rows costs on a table of a million, until the next look-up sees
//! it, and what a look-up costs.
//!
//! Expected before it was measured: carrying the rows over 20 ms, the new table 20 ms, 20,000 rows
//! written and synced 200 ms, the hash 15 ms; so 0.3 s in all. A look-up: two cache misses, 0.5 µs.
//!
//! Run with `cargo run --release -p directory --example plan_cost [FOLDER]`.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use directory::{
    Application, Because, Directory, DirectoryMetrics, EditRequest, NewPlan, PlanStep, parse_csv,
    plan_text,
};
use mail::{Address, AddressKey, SiteName, Template, Timestamp, Unlisted};
use prometheus::Registry;
use router::{Domains, Edit, Rules};

const ROWS: usize = 1_000_000;
const PLANNED: usize = 10_000;
const AT: Timestamp = Timestamp::from_micros(1);

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("plan-cost-{}.db", std::process::id()));
    let metrics = DirectoryMetrics::register(&Registry::new()).expect("an empty registry");
    let directory = Directory::open(&path, metrics).expect("a folder that can be written");
    let request = EditRequest {
        edits: edits(0..ROWS, "on_prem"),
        author: "bench".into(),
        reason: String::new(),
        expect_generation: None,
        at: AT,
    };
    directory.edit(&request).expect("a disk with room");

    let mut slowest = Duration::ZERO;
    for round in 0..5 {
        let home = if round % 2 == 0 { "cloud" } else { "on_prem" };
        let spread = (0..PLANNED).map(|it| it * 7919 % ROWS);
        let changes = directory.snapshot().plan(&edits(spread, home), AT).expect("a valid plan");
        let new = NewPlan {
            state: "ready".into(),
            is_over: false,
            created_at: AT,
            document: "ready".into(),
            rows: plan_text(&changes.rows, &[]),
        };
        let id = directory.add_plan(&new, 10).expect("a disk with room");
        let key = changes.rows.first().and_then(|it| it.key()).expect("rows").clone();
        let began = Instant::now();
        let rows = directory.plan_rows(id).expect("readable").expect("there").0;
        let read = began.elapsed();
        let step = |_: &directory::Committed| PlanStep {
            id,
            expect: "ready".into(),
            state: "applied".into(),
            is_over: true,
            document: "applied".into(),
        };
        let application = Application {
            rows: &rows,
            author: "bench".into(),
            reason: String::new(),
            because: Because::default(),
            at: AT,
            expect_generation: None,
            step: &step,
        };
        let done = directory.apply(&application).expect("a disk with room");
        let applied = began.elapsed();
        let seen = directory.current().get(&key).is_some_and(|it| it.home.as_str() == home);
        let visible = began.elapsed() - applied;
        slowest = slowest.max(applied);
        println!(
            "{} rows: read {read:.1?}, applied after {applied:.1?}, seen {seen} {visible:.1?} later",
            done.changed_n
        );
    }
    println!("slowest apply of {PLANNED} rows: {slowest:.1?}");
    look_ups(&directory);
    drop(directory);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

/// Each of a million look-ups all over the table, by its own clock.
#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn look_ups(directory: &Directory) {
    let keys: Vec<AddressKey> = (0..ROWS).map(|it| key(it * 104_729 % ROWS)).collect();
    let mut times: Vec<Duration> = keys
        .iter()
        .map(|key| {
            let began = Instant::now();
            let found = directory.current().find(key).is_some();
            let took = began.elapsed();
            assert!(found, "every mailbox is there");
            took
        })
        .collect();
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 1000];
    println!("look-up: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
}

fn name(n: usize) -> String {
    format!("first.last{n}@contoso.example")
}

fn key(n: usize) -> AddressKey {
    name(n).parse::<Address>().expect("a valid address").key()
}

fn edits(rows: impl Iterator<Item = usize>, home: &str) -> Vec<Edit> {
    let mut csv = String::from("address,home\n");
    for n in rows {
        let _ = writeln!(csv, "{},{home}", name(n));
    }
    parse_csv(csv.as_bytes(), &domains()).expect("a valid file")
}

fn domains() -> Domains {
    let on_prem = SiteName::new("on_prem");
    Domains::from(Rules {
        relay_domains: vec![(
            "contoso.example".parse().expect("a valid domain"),
            Unlisted::Site(on_prem.clone()),
        )],
        sites: vec![(on_prem, Template::Unchanged), (SiteName::new("cloud"), Template::Unchanged)],
        ..Rules::default()
    })
}
