//! Kills a process while it applies plans. A plan is applied with all its rows, or not at all, and
//! the plan says which.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mail::Timestamp;
use router::RowChange;

use super::{Bench, metrics, rows};
use crate::{Application, Because, Committed, Directory, NewPlan, PlanStep, plan_text};

/// `CAUSEWAY_TEST_KILLS` says how often; without it a few.
const KILLS: usize = 20;
const MAILBOXES: usize = 60;
const CHILD_DIR: &str = "CAUSEWAY_TEST_PLANS";
const AT: Timestamp = Timestamp::from_micros(9_000_000);

/// Every mailbox gets the plan's number as its batch, so half a plan is seen at once.
fn make(directory: &Directory, batch: u64) -> u64 {
    let mut csv = "address,home,batch\n".to_owned();
    for n in 0..MAILBOXES {
        csv.push_str(&format!("user{n}@contoso.example,cloud,{batch}\n"));
    }
    let changes = directory.snapshot().plan(&rows(&csv), AT).unwrap();
    let new = NewPlan {
        state: "ready".into(),
        is_over: false,
        created_at: AT,
        document: "ready".into(),
        rows: plan_text(&changes.rows, &[]),
    };
    directory.add_plan(&new, 5).unwrap()
}

fn apply(directory: &Directory, id: u64) -> u64 {
    let (rows, _): (Vec<RowChange>, _) = directory.plan_rows(id).unwrap().unwrap();
    let step = |done: &Committed| PlanStep {
        id,
        expect: "ready".into(),
        state: "applied".into(),
        is_over: true,
        document: done.generation.to_string(),
    };
    let application = Application {
        rows: &rows,
        author: "ops".into(),
        reason: String::new(),
        because: Because { plan: Some(format!("p{id}")), ..Because::default() },
        at: AT,
        expect_generation: None,
        step: &step,
    };
    directory.apply(&application).unwrap().generation
}

/// Not a test of its own: the process that is killed. Plan n makes generation n.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD_DIR) else { return };
    let directory = Directory::open(Path::new(&path), metrics()).unwrap();
    let mut out = std::io::stdout();
    let left: Vec<u64> = directory.open_plans().unwrap().iter().map(|it| it.id).collect();
    for id in left {
        apply(&directory, id);
    }
    loop {
        let next = directory.current().generation() + 1;
        let id = make(&directory, next);
        assert_eq!(id, next, "plan and generation go in step");
        apply(&directory, id);
        writeln!(out, "acknowledged {id}").unwrap();
        out.flush().unwrap();
    }
}

fn spawn(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["tests::crash_plans::child", "--exact", "--nocapture"])
        .env(CHILD_DIR, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the child apply some plans, kills it, and returns the last one it acknowledged.
fn run_and_kill(path: &Path, round: usize) -> u64 {
    let mut child = spawn(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: std::io::Result<String>| -> Option<u64> {
        line.ok()?.rsplit_once("acknowledged ")?.1.parse().ok()
    };
    let last = lines.by_ref().find_map(number).unwrap();
    std::thread::sleep(Duration::from_micros(131 * (round as u64 % 80)));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.filter_map(number).last().unwrap_or(last).max(last)
}

#[test]
fn a_kill_leaves_a_plan_applied_or_not() {
    let kills = std::env::var("CAUSEWAY_TEST_KILLS").ok().and_then(|it| it.parse().ok());
    let kills: usize = kills.unwrap_or(KILLS);
    let bench = Bench::new();
    let path = bench.path();
    drop(bench.directory.clone());
    let (mut waiting, mut between) = (0, 0);
    for round in 0..kills {
        let acknowledged = run_and_kill(&path, round);
        let directory = Directory::open(&path, metrics()).unwrap();
        let table = directory.snapshot();
        let generation = table.generation();
        let ahead = generation == acknowledged + 1;
        assert!(
            ahead || generation == acknowledged,
            "acknowledged {acknowledged}, found {generation}"
        );
        let batch = generation.to_string();
        assert_eq!(table.len(), MAILBOXES);
        assert!(table.iter().all(|it| it.batch.as_deref() == Some(batch.as_str())), "half a plan");
        let applied = directory.plan(generation).unwrap().unwrap();
        assert_eq!((applied.state.as_str(), applied.document), ("applied", batch));
        let open = directory.open_plans().unwrap();
        assert!(open.iter().all(|it| it.id == generation + 1 && it.state == "ready"), "{open:?}");
        waiting += open.len();
        between += usize::from(ahead);
        if round % 50 == 0 {
            assert_eq!(directory.verify().unwrap().broken, None);
        }
    }
    let chain = Directory::open(&path, metrics()).unwrap().verify().unwrap();
    assert_eq!(chain.broken, None);
    let n = chain.revisions;
    println!(
        "{kills} kills over {n} plans: {waiting} left a plan waiting, {between} came between the \
         commit and its acknowledgement; never a mix"
    );
}
