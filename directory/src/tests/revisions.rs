//! Revisions are chained, and plans go into the table whole, once, or not at all.

use mail::Timestamp;
use router::RowChange;
use rusqlite::Connection;

use super::{Bench, key, metrics, request, rows};
use crate::{
    Application, ApplyError, Because, Committed, Directory, NewPlan, PlanStep, hex, plan_text,
};

const AT: Timestamp = Timestamp::from_micros(8_000_000);

fn three(bench: &Bench) {
    for home in ["on_prem", "cloud"] {
        bench.edit(&format!("address,home\nanna@contoso.example,{home}\n")).unwrap();
    }
    let because = Because {
        ticket: Some("CHG-77".into()),
        plan: Some("p1".into()),
        approvers: vec!["jonas".into(), "eva".into()],
        overrides: vec!["loop: two\nlines".into()],
    };
    let edits = rows("address,home,note\nbert@contoso.example,cloud,a note\n");
    bench.directory.edit_because(&request(edits), &because).unwrap();
}

#[test]
fn each_revision_has_the_hash_of_the_one_before() {
    let bench = Bench::new();
    three(&bench);
    let history = bench.directory.history(None, 10).unwrap();
    assert_eq!(history[0].previous_hash, history[1].hash);
    assert_eq!(history[2].previous_hash, None);
    assert_eq!(history[0].because.approvers, ["jonas", "eva"]);
    assert_eq!(history[0].because.overrides, ["loop: two lines"]);
    let bench = bench.reopened();
    let chain = bench.directory.verify().unwrap();
    assert_eq!((chain.revisions, chain.broken), (3, None));
    assert_eq!(chain.head.as_ref().map(hex), history[0].hash.as_ref().map(hex));
    let changed = bench.directory.rows_of(2).unwrap();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].before.as_ref().unwrap().home.as_str(), "on_prem");
    assert_eq!(changed[0].after.as_ref().unwrap().home.as_str(), "cloud");
}

#[test]
fn what_was_altered_afterwards_shows() {
    for (sql, at) in [
        ("UPDATE generation SET author = 'eve' WHERE generation = 2", 2),
        ("UPDATE generation SET approvers = NULL WHERE generation = 3", 3),
        ("UPDATE past_entry SET home = 'cloud' WHERE generation = 1", 1),
        ("UPDATE entry SET note = 'another' WHERE key LIKE 'bert%'", 3),
        ("DELETE FROM entry WHERE key LIKE 'bert%'", 3),
        ("DELETE FROM generation WHERE generation = 2", 3),
        ("UPDATE generation SET hash = zeroblob(32) WHERE generation = 2", 2),
        (
            "INSERT INTO entry (key, address, home, state, changed_at, generation) \
             VALUES ('eve@x.example', 'eve@x.example', 'cloud', 'cloud', 1, 99)",
            99,
        ),
    ] {
        let bench = Bench::new();
        three(&bench);
        Connection::open(bench.path()).unwrap().execute(sql, []).unwrap();
        let chain = bench.reopened().directory.verify().unwrap();
        assert_eq!(chain.broken.map(|it| it.0), Some(at), "{sql}");
    }
}

#[test]
fn the_revisions_of_version_1_are_chained_when_it_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.db");
    let file = Connection::open(&path).unwrap();
    file.execute_batch(include_str!("../../fixtures/table-v1.sql")).unwrap();
    drop(file);
    for _ in 0..2 {
        let directory = Directory::open(&path, metrics()).unwrap();
        let chain = directory.verify().unwrap();
        assert_eq!((chain.revisions, chain.broken), (2, None));
    }
    let version: i64 = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 2);
}

/// A plan of these edits, kept.
fn plan(bench: &Bench, csv: &str) -> (u64, Vec<RowChange>) {
    let table = bench.directory.snapshot();
    let changes = table.plan(&rows(csv), AT).unwrap();
    let new = NewPlan {
        state: "ready".into(),
        is_over: false,
        created_at: AT,
        document: "{}".into(),
        rows: plan_text(&changes.rows, &[]),
    };
    let id = bench.directory.add_plan(&new, 10).unwrap();
    let kept = bench.directory.plan_rows(id).unwrap().unwrap().0;
    assert_eq!(kept.len(), changes.rows.len());
    for (kept, made) in kept.iter().zip(&changes.rows) {
        assert_eq!((&kept.before, &kept.after), (&made.before, &made.after), "as it was made");
    }
    (id, kept)
}

fn apply(bench: &Bench, id: u64, rows: &[RowChange], expect: &str) -> Result<u64, ApplyError> {
    let step = |done: &Committed| PlanStep {
        id,
        expect: expect.into(),
        state: "applied".into(),
        is_over: true,
        document: format!("{{\"generation\":{}}}", done.generation),
    };
    let application = Application {
        rows,
        author: "ops".into(),
        reason: "wave".into(),
        because: Because { plan: Some(format!("p{id}")), ..Because::default() },
        at: AT,
        expect_generation: None,
        step: &step,
    };
    bench.directory.apply(&application).map(|it| it.generation)
}

#[test]
fn a_plan_is_applied_once() {
    let bench = Bench::new();
    bench.edit("address,home,aliases\nanna@contoso.example,on_prem,\"a@contoso.example \"\"a b\"\"@contoso.example\"\n").unwrap();
    let csv =
        "address,home,note\nanna@contoso.example,cloud,\"a \\ b\"\nbert@contoso.example,cloud,\n";
    let (id, rows) = plan(&bench, csv);
    let bench = bench.reopened();
    assert_eq!(apply(&bench, id, &rows, "{}").unwrap(), 2);
    let stored = bench.directory.plan(id).unwrap().unwrap();
    assert_eq!(
        (stored.state.as_str(), stored.document.as_str()),
        ("applied", "{\"generation\":2}")
    );
    assert!(bench.directory.open_plans().unwrap().is_empty());
    // Nothing is left to change, and the plan is not what it was.
    assert!(matches!(apply(&bench, id, &rows, "{}"), Err(ApplyError::Plan)));
    let back: Vec<RowChange> = rows
        .iter()
        .map(|it| RowChange { before: it.after.clone(), after: it.before.clone() })
        .collect();
    assert!(matches!(apply(&bench, id, &back, "{}"), Err(ApplyError::Plan)));
    assert_eq!(bench.directory.current().generation(), 2, "the rows are not without the plan");
    assert!(bench.directory.current().get(&key("bert@contoso.example")).is_some());
    assert_eq!(bench.reopened().directory.verify().unwrap().broken, None);
}

#[test]
fn plans_are_listed_and_the_old_ones_make_room() {
    let bench = Bench::new();
    let new = |state: &str, is_over| NewPlan {
        state: state.into(),
        is_over,
        created_at: AT,
        document: state.into(),
        rows: String::new(),
    };
    for _ in 0..4 {
        bench.directory.add_plan(&new("applied", true), 2).unwrap();
    }
    let last = bench.directory.add_plan(&new("ready", false), 2).unwrap();
    let ids = |state, before| -> Vec<u64> {
        bench.directory.plans(state, before, 10).unwrap().iter().map(|it| it.id).collect()
    };
    assert_eq!(ids(None, None), [5, 4, 3]);
    assert_eq!(ids(Some("applied"), Some(4)), [3]);
    let step = PlanStep {
        id: last,
        expect: "ready".into(),
        state: "cancelled".into(),
        is_over: true,
        document: "done".into(),
    };
    assert!(bench.directory.step_plan(&step).unwrap());
    assert!(!bench.directory.step_plan(&step).unwrap(), "somebody was faster");
    assert_eq!(bench.directory.plan(1).unwrap(), None);
}

/// A look at years of history must not hold a cutover's end.
#[test]
fn an_edit_does_not_wait_for_a_look_at_the_past() {
    let bench = Bench::new();
    three(&bench);
    let _looking = bench.directory.past_store();
    bench.edit("address,home\ncarl@contoso.example,on_prem\n").unwrap();
}
