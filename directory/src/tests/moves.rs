//! Steps of moves: who wins, what can be asked again, and what a restart remembers.

use expect_test::{Expect, expect};
use mail::Timestamp;
use router::MoveState;

use super::{Bench, domains, key};
use crate::{MoveStep, StepFailure, StepRequest, Stepped, Steps, SyncReport};

const ROWS: &str = "address,home,state,batch
anna@contoso.example,on_prem,syncing,b1
bert@contoso.example,on_prem,syncing,b1
carl@contoso.example,on_prem,on_prem,b2
";

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn ask(steps: Steps, second: u64) -> StepRequest {
    StepRequest { steps, author: "sidecar".into(), reason: "batch b1".into(), at: at(second) }
}

fn one(name: &str, expect: u64, to: MoveState) -> MoveStep {
    MoveStep { key: key(&format!("{name}@contoso.example")), expect, to, home: None }
}

fn batch(from: MoveState, to: MoveState) -> Steps {
    Steps::Batch { batch: "b1".into(), from, to }
}

impl Bench {
    fn step(&self, request: &StepRequest) -> Result<Stepped, StepFailure> {
        self.directory.step(&domains(), request, None)
    }

    fn shown(&self) -> String {
        let table = self.directory.snapshot();
        let row = |it: &router::Entry| {
            let name = it.address.local();
            format!("{name} {} at {} since {}\n", it.state, it.home, it.generation)
        };
        table.iter().map(row).collect()
    }
}

fn check(bench: &Bench, want: Expect) {
    want.assert_eq(&bench.shown());
}

fn why(failure: &StepFailure) -> String {
    match failure {
        StepFailure::Conflicts(list) => list
            .iter()
            .map(|it| format!("{} expected {:?} is {:?}\n", it.address, it.expected, it.actual))
            .collect(),
        StepFailure::Problems(list) => list.iter().map(|it| format!("{it}\n")).collect(),
        StepFailure::Others => failure.to_string(),
        StepFailure::Store(error) => error.to_string(),
    }
}

#[test]
fn a_batch_is_cut_over_and_flipped_as_a_whole() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    let cut = bench.step(&ask(batch(MoveState::Syncing, MoveState::Cutover), 10)).unwrap();
    assert_eq!((cut.committed.generation, cut.mailboxes.len()), (2, 2));
    let flip = Steps::Of(vec![one("anna", 2, MoveState::Cloud), one("bert", 2, MoveState::Cloud)]);
    bench.step(&ask(flip, 11)).unwrap();
    check(
        &bench,
        expect![[r#"
            anna cloud at cloud since 3
            bert cloud at cloud since 3
            carl on_prem at on_prem since 1
        "#]],
    );
}

#[test]
fn one_row_that_changed_stops_the_whole_batch_and_is_named() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    bench.edit("address,home,note\nbert@contoso.example,on_prem,on leave\n").unwrap();
    let steps = vec![
        one("anna", 1, MoveState::Cutover),
        one("bert", 1, MoveState::Cutover),
        one("dora", 1, MoveState::Cutover),
    ];
    let failure = bench.step(&ask(Steps::Of(steps), 10)).unwrap_err();
    expect![[r#"
        bert@contoso.example expected Some(1) is Some((2, Syncing))
        dora@contoso.example expected Some(1) is None
    "#]]
    .assert_eq(&why(&failure));
    assert_eq!(bench.directory.current().generation(), 2);
}

#[test]
fn a_batch_of_which_one_is_elsewhere_does_not_move() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    bench.edit("address,home,batch\ncarl@contoso.example,on_prem,b1\n").unwrap();
    let failure = bench.step(&ask(batch(MoveState::Syncing, MoveState::Cutover), 9)).unwrap_err();
    expect![[r#"
        carl@contoso.example expected None is Some((2, OnPrem))
    "#]]
    .assert_eq(&why(&failure));
}

#[test]
fn a_step_whose_answer_was_lost_can_be_asked_again_by_the_same_and_nobody_else() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    let request = ask(Steps::Of(vec![one("anna", 1, MoveState::Cutover)]), 10);
    bench.step(&request).unwrap();
    let bench = bench.reopened();
    let again = bench.step(&StepRequest { at: at(99), ..request.clone() }).unwrap();
    assert_eq!((again.committed.generation, again.committed.changed.len()), (2, 0));
    assert_eq!(again.mailboxes, [key("anna@contoso.example")]);

    let other = StepRequest { author: "maria".into(), ..request.clone() };
    assert!(matches!(bench.step(&other), Err(StepFailure::Conflicts(_))));
    let other = StepRequest { reason: "another report".into(), ..request.clone() };
    assert!(matches!(bench.step(&other), Err(StepFailure::Conflicts(_))));

    // There, back and there again is not what was asked for the first time.
    let back = ask(Steps::Of(vec![one("anna", 2, MoveState::Syncing)]), 11);
    bench.step(&back).unwrap();
    let there = ask(Steps::Of(vec![one("anna", 3, MoveState::Cutover)]), 12);
    bench.step(&there).unwrap();
    assert!(matches!(bench.step(&request), Err(StepFailure::Conflicts(_))));
}

#[test]
fn steps_that_there_are_not_are_all_named() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    let steps = vec![one("anna", 1, MoveState::Cloud), one("carl", 1, MoveState::Settled)];
    let failure = bench.step(&ask(Steps::Of(steps), 10)).unwrap_err();
    expect![[r#"
        anna@contoso.example: to: there is no step from syncing to cloud: want cutover or on_prem
        carl@contoso.example: to: there is no step from on_prem to settled: want syncing
    "#]]
    .assert_eq(&why(&failure));
    let nobody =
        Steps::Batch { batch: "b9".into(), from: MoveState::Syncing, to: MoveState::Cutover };
    let failure = bench.step(&ask(nobody, 10)).unwrap_err();
    assert_eq!(why(&failure), "b9: batch: no mailbox is in batch b9\n");
}

#[test]
fn a_cutover_ends_in_what_was_before_it_and_only_if_nobody_was_faster() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    bench.step(&ask(batch(MoveState::Syncing, MoveState::Cutover), 10)).unwrap();
    let due = bench.directory.cutovers();
    assert_eq!(due.len(), 2);
    // The flip of one comes in between.
    bench.step(&ask(Steps::Of(vec![one("bert", 2, MoveState::Cloud)]), 11)).unwrap();
    let ended = bench.directory.end_cutovers(&domains(), &due, "too long", at(12)).unwrap();
    assert_eq!(ended.changed_n, 1);
    check(
        &bench,
        expect![[r#"
            anna syncing at on_prem since 4
            bert cloud at cloud since 3
            carl on_prem at on_prem since 1
        "#]],
    );
    assert_eq!(bench.directory.cutovers(), []);
    let made = bench.directory.history(None, 1).unwrap();
    assert_eq!((made[0].author.as_str(), made[0].reason.as_str()), ("causeway", "too long"));
}

#[test]
fn a_cutover_from_the_cloud_goes_back_there_or_home() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    for (expect, to) in [(1, MoveState::Cutover), (2, MoveState::Cloud), (3, MoveState::Cutover)] {
        bench.step(&ask(Steps::Of(vec![one("anna", expect, to)]), 10)).unwrap();
    }
    let due = bench.directory.cutovers();
    bench.directory.end_cutovers(&domains(), &due, "too long", at(12)).unwrap();
    assert!(bench.shown().starts_with("anna cloud at cloud since 5\n"), "{}", bench.shown());
    bench.step(&ask(Steps::Of(vec![one("anna", 5, MoveState::OnPrem)]), 13)).unwrap();
    assert!(bench.shown().starts_with("anna on_prem at on_prem since 6\n"), "{}", bench.shown());
}

#[test]
fn an_edit_in_a_cutover_does_not_begin_it_anew_nor_does_a_restart() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    bench.step(&ask(batch(MoveState::Syncing, MoveState::Cutover), 10)).unwrap();
    let mut edit = super::request(super::rows(
        "address,home,state,note\nanna@contoso.example,on_prem,cutover,still busy\n",
    ));
    edit.at = at(500);
    bench.directory.edit(&edit).unwrap();
    let since = |bench: &Bench| -> Vec<(u64, u64)> {
        let list = bench.directory.cutovers();
        list.iter().map(|it| (it.generation, it.since.as_micros() / 1_000_000)).collect()
    };
    assert_eq!(since(&bench), [(3, 10), (2, 10)]);
    let bench = bench.reopened();
    assert_eq!(since(&bench), [(3, 10), (2, 10)]);
    let row = bench.directory.move_row(&key("anna@contoso.example")).unwrap();
    assert_eq!((row.entry.generation, row.since), (3, at(10)));
    bench.edit("address,home,state\nanna@contoso.example,on_prem,on_prem\n").unwrap();
    assert_eq!(since(&bench), [(2, 10)]);
}

#[test]
fn the_last_report_of_a_copy_is_kept() {
    let bench = Bench::new();
    let anna = key("anna@contoso.example");
    assert_eq!(bench.directory.sync_of(&anna), None);
    let report = |done, last| SyncReport {
        items_total: 10,
        items_done: done,
        last_sync_at: last,
        reported_at: at(7),
    };
    bench.directory.report_syncs(vec![(anna.clone(), report(3, None))]).unwrap();
    bench.directory.report_syncs(vec![(anna.clone(), report(10, Some(at(6))))]).unwrap();
    assert_eq!(bench.directory.sync_of(&anna), Some(report(10, Some(at(6)))));
    let bench = bench.reopened();
    assert_eq!(bench.directory.sync_of(&anna), Some(report(10, Some(at(6)))));
}

#[test]
fn steps_that_were_looked_at_are_made_and_no_others() {
    let bench = Bench::new();
    bench.edit(ROWS).unwrap();
    let request = ask(batch(MoveState::Syncing, MoveState::Cutover), 5);
    let rehearsed = bench.directory.rehearse_steps(&domains(), &request).unwrap();
    assert_eq!(rehearsed.changes.rows.len(), 2);
    assert!(rehearsed.courses.values().all(|it| *it == router::Course::On));
    let judged = crate::Judged { seen: rehearsed.seen(), ..crate::Judged::default() };
    // One of them goes on by itself meanwhile, and one that was in another batch joins.
    let alone = ask(Steps::Of(vec![one("anna", 1, MoveState::Cutover)]), 6);
    bench.step(&alone).unwrap();
    let refused = bench.directory.step(&domains(), &request, Some(&judged)).unwrap_err();
    assert!(matches!(refused, StepFailure::Others), "{refused:?}");
    let again = bench.directory.rehearse_steps(&domains(), &request).unwrap();
    let judged = crate::Judged { seen: again.seen(), ..crate::Judged::default() };
    let done = bench.directory.step(&domains(), &request, Some(&judged)).unwrap();
    assert_eq!((done.committed.changed_n, done.mailboxes.len()), (1, 2));
}
