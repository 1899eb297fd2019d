//! What a table of a million rows costs on disk.
//!
//! Expected before it was measured: import of a million rows 8 s (a million inserts of 5 µs, and as
//! much again to parse and plan); opening it 2.5 s (SQLite steps a million rows in 1 s, the rest is
//! making entries); one edit 3 ms (a sync); 50,000 edits all over the table 0.8 s (they touch
//! nearly every page, so about 100 MB go through the WAL).
//!
//! Run with `cargo run --release -p directory --example directory_cost [FOLDER]`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use directory::{Directory, DirectoryMetrics, EditRequest, export_csv, parse_csv};
use mail::{SiteName, Template, Timestamp, Unlisted};
use prometheus::Registry;
use router::{Domains, Edit, Rules};

const ROWS: usize = 1_000_000;

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("directory-cost-{}.db", std::process::id()));
    let domains = domains();
    let directory = open(&path);

    let rows: Vec<usize> = (0..ROWS).collect();
    timed("import of 1,000,000", || import(&directory, &domains, &rows, "on_prem"));
    let spread: Vec<usize> = (0..50_000).map(|it| it * 7919 % ROWS).collect();
    timed("50,000 spread edits", || import(&directory, &domains, &spread, "cloud"));
    timed("50,000 spread edits", || import(&directory, &domains, &spread, "on_prem"));
    let near: Vec<usize> = (0..50_000).collect();
    timed("50,000 neighbours", || import(&directory, &domains, &near, "cloud"));
    timed("100 single edits", || {
        (0..100).for_each(|it| import(&directory, &domains, &[it * 7919], "on_prem"));
    });
    timed("table of generation 1", || directory.at(1).map(|it| it.map(|it| it.len())).is_ok());
    timed("export", || export_csv(&directory.current()).len());
    drop(directory);
    timed("open", || open(&path).current().len());
    println!("{:21} {:.0} MB", "file", size(&path) / 1e6);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn timed<T: std::fmt::Debug>(what: &str, work: impl FnOnce() -> T) {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let result = work();
    let (cpu, wall) = (cpu_seconds() - cpu, start.elapsed().as_secs_f64());
    println!("{what:21} {cpu:.3} s on a processor, {wall:.3} s in all  {result:?}");
}

/// Of this thread: others share this machine.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn size(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |it| it.len() as f64)
}

fn open(path: &Path) -> Directory {
    let metrics = DirectoryMetrics::register(&Registry::new()).expect("an empty registry");
    Directory::open(path, metrics).expect("a folder that can be written")
}

fn import(directory: &Directory, domains: &Domains, rows: &[usize], home: &str) {
    let mut csv = String::from("address,home\n");
    for n in rows {
        let _ = writeln!(csv, "first.last{n}@contoso.example,{home}");
    }
    let edits: Vec<Edit> = parse_csv(csv.as_bytes(), domains).expect("a valid file");
    let request = EditRequest {
        edits,
        author: "bench".into(),
        reason: String::new(),
        expect_generation: None,
        at: Timestamp::from_micros(1),
    };
    directory.edit(&request).expect("a disk with room");
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
