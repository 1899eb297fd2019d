//! Kills a process in the middle of its edits, again and again. What it acknowledged must be
//! there; what it had begun is there whole or not at all.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Bench, metrics, request, rows};
use crate::{Directory, export_csv};

const KILLS: usize = 30;
const MAILBOXES: usize = 60;
const CHILD_DIR: &str = "CAUSEWAY_TEST_TABLE";

/// Every mailbox gets the batch of the generation, so half an edit is seen at once.
fn edit_all(batch: u64) -> String {
    let mut csv = "address,home,batch\n".to_owned();
    for n in 0..MAILBOXES {
        csv.push_str(&format!("user{n}@contoso.example,cloud,{batch}\n"));
    }
    csv
}

/// Not a test of its own: the process that is killed.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD_DIR) else { return };
    let directory = Directory::open(Path::new(&path), metrics()).unwrap();
    let mut out = std::io::stdout();
    loop {
        let next = directory.current().generation() + 1;
        let committed = directory.edit(&request(rows(&edit_all(next)))).unwrap();
        writeln!(out, "acknowledged {}", committed.generation).unwrap();
        out.flush().unwrap();
    }
}

fn spawn(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["tests::crash::child", "--exact", "--nocapture"])
        .env(CHILD_DIR, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the child make some edits, kills it, and returns the last one it acknowledged.
fn run_and_kill(path: &Path, round: usize) -> u64 {
    let mut child = spawn(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: std::io::Result<String>| -> Option<u64> {
        line.ok()?.rsplit_once("acknowledged ")?.1.parse().ok()
    };
    let mut last = 0;
    for _ in 0..1 + round % 3 {
        last = lines.by_ref().find_map(number).unwrap();
    }
    std::thread::sleep(Duration::from_micros(317 * round as u64));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.filter_map(number).last().unwrap_or(last).max(last)
}

#[test]
fn a_kill_leaves_the_old_table_or_the_new_one() {
    let bench = Bench::new();
    let path: PathBuf = bench.path();
    drop(bench.directory.clone());
    for round in 0..KILLS {
        let acknowledged = run_and_kill(&path, round);
        let directory = Directory::open(&path, metrics()).unwrap();
        let table = directory.snapshot();
        let generation = table.generation();
        assert!(
            generation == acknowledged || generation == acknowledged + 1,
            "acknowledged {acknowledged}, found {generation}"
        );
        assert_eq!(table.len(), MAILBOXES);
        let batch = generation.to_string();
        assert!(
            table.iter().all(|it| it.batch.as_deref() == Some(batch.as_str())),
            "half an edit: {}",
            export_csv(&table)
        );
        if let Some(before) = directory.at(generation - 1).unwrap().filter(|it| !it.is_empty()) {
            let batch = (generation - 1).to_string();
            assert!(before.iter().all(|it| it.batch.as_deref() == Some(batch.as_str())));
        }
    }
}
