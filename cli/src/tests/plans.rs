//! Plans and rails, from the keyboard.

use api::{Blocked, Entry, MoveState, Rail, RowConflict};
use expect_test::expect;

use super::check;
use super::harness::Desk;

fn blocked(rail: Rail) -> Blocked {
    Blocked {
        rail,
        message: format!("{} is in the way", rail.as_str()),
        hint: "do what helps".to_owned(),
        rows: 2,
        examples: vec!["anna@contoso.example".to_owned()],
        overridable: rail != Rail::SecondPerson,
        overridden_by: None,
    }
}

#[tokio::test]
async fn a_plan_is_looked_at_then_applied_then_taken_back() {
    let desk = Desk::new().await;
    desk.run("route set bert@contoso.example --home on_prem").await;
    check(
        &desk,
        "route plan --set anna@contoso.example bert@contoso.example --home cloud --reason 'wave 7' --ticket CHG-77",
        expect![[r#"
            plan p1: ready (by maria, of generation 1)
            1 to add, 1 to change, 0 to remove, 0 as they should be
            reason: wave 7
            ticket: CHG-77

            DOMAIN           FROM     TO     MAILBOXES
            contoso.example  on_prem  cloud          1
            contoso.example  on_prem  cloud          1

            add (1)
              anna@contoso.example: new, home cloud, state on_prem

            change (1)
              bert@contoso.example: home on_prem -> cloud

            apply: causeway route apply p1
            exit 0
        "#]],
    )
    .await;
    check(
        &desk,
        "route plans",
        expect![[r#"
        PLAN  STATE  BY     MADE                  ADD  CHANGE  REMOVE  BLOCKED BY  REASON
        p1    ready  maria  2026-01-05 08:00:00Z    1       1       0  -           wave 7
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "route apply p1",
        expect![[r#"
        plan p1: applied (by maria, of generation 1)
        1 added, 1 changed, 0 removed
        generation 2
        undo: causeway route rollback --undo 2
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "route apply p1",
        expect![[r#"
        error: cannot apply the plan: the plan is applied
        exit 1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn what_a_generation_did_is_shown_and_taken_back() {
    let desk = Desk::new().await;
    desk.run("route set bert@contoso.example --home on_prem").await;
    desk.run("route plan --set anna@contoso.example bert@contoso.example --home cloud").await;
    desk.run("route apply p1").await;
    check(
        &desk,
        "route diff 1 2",
        expect![[r#"
        anna@contoso.example: new, home cloud, state on_prem
        bert@contoso.example: home on_prem -> cloud
        2 rows differ between generation 1 and 2
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "route rollback --undo 2",
        expect![[r#"
        plan p2: ready (by maria, of generation 2)
        0 to add, 1 to change, 1 to remove, 0 as they should be

        DOMAIN           FROM   TO       MAILBOXES
        contoso.example  cloud  on_prem          1
        contoso.example  cloud  on_prem          1

        change (1)
          bert@contoso.example: home cloud -> on_prem

        remove (1)
          anna@contoso.example: removed, home was cloud

        apply: causeway route apply p2
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "route cancel p2",
        expect![[r#"
        plan p2: cancelled (by maria, of generation 2)
        exit 0
    "#]],
    )
    .await;
    check(&desk, "route plans --state cancelled --json", expect![[r#"
        {"id":"p2","state":"cancelled","base_generation":2,"generation":null,"author":"maria","approvers":[],"reason":null,"ticket":null,"created_at":"2026-01-05T08:00:00.000000Z","not_before":null,"canary":null,"canary_progress":null,"added":0,"changed":1,"removed":1,"unchanged":0,"impact":[{"domain":"contoso.example","from":"cloud","to":"on_prem","n":1},{"domain":"contoso.example","from":"cloud","to":"on_prem","n":1}],"blocked":[],"warnings":[],"remarks":[],"checked_at":"2026-01-05T08:00:00.000000Z","confirm":null,"second_person":false,"overrides":[],"plan_hash":"0000000000000000000000000000000000000000000000000000000000000000","expires_at":"2026-02-04T08:00:00.000000Z","failure":null}
        exit 0
    "#]]).await;
    check(&desk, "route verify", expect![[r#"
        2 revisions, each as it was written; the last is 0000000000000000000000000000000000000000000000000000000000000000
        exit 0
    "#]]).await;
    check(
        &desk,
        "route plans p9",
        expect![[r#"
        error: cannot show the plan: there is no plan p9
        exit 1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn each_rail_stops_a_plan_an_edit_and_an_import_with_exit_6() {
    let desk = Desk::new().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("table.csv");
    std::fs::write(&file, "address,home\na@x,cloud\n").unwrap();
    for (n, rail) in Rail::ALL.into_iter().enumerate() {
        desk.backend.state().blocked = vec![blocked(rail)];
        let (name, id) = (rail.as_str(), format!("p{}", n + 1));
        let shown = desk.run("route plan --set a@contoso.example --home cloud").await;
        assert_eq!(shown.exit, 0, "to look is no offence");
        assert!(shown.out.contains(&format!("blocked: {name}: {name} is in the way")), "{shown:?}");
        assert!(shown.out.contains("what to do: do what helps"), "{shown:?}");
        let import = format!("route import {}", file.display());
        for line in [format!("route apply {id}"), "route set a@x --home cloud".to_owned(), import] {
            let ran = desk.run(&line).await;
            assert_eq!(ran.exit, 6, "{line}: {ran:?}");
            assert!(ran.err.contains(&format!("blocked by the rail {name}")), "{ran:?}");
            assert!(ran.err.contains("what to do: do what helps"), "{ran:?}");
            let over = desk.run(&format!("{line} --override {name} --reason 'the merger'")).await;
            assert_eq!(over.exit == 0, rail != Rail::SecondPerson, "{line}: {over:?}");
        }
    }
    let asked = desk.backend.state().plans[0].plan.overrides[0].clone();
    assert_eq!((asked.rail, asked.reason.as_str()), (Rail::LargeChange, "the merger"));
}

#[tokio::test]
async fn a_row_that_others_changed_is_shown_three_ways() {
    let desk = Desk::new().await;
    desk.run("route plan --set anna@contoso.example --home cloud").await;
    let row = |home: &str, generation| Entry {
        address: "anna@contoso.example".to_owned(),
        home: home.to_owned(),
        state: MoveState::OnPrem,
        batch: (generation == 7).then(|| "b2".to_owned()),
        cloud_address: None,
        aliases: Vec::new(),
        note: None,
        changed_at: String::new(),
        generation,
    };
    desk.backend.state().conflicts = vec![RowConflict {
        address: "anna@contoso.example".to_owned(),
        base: None,
        theirs: Some(row("on_prem", 7)),
        yours: Some(row("cloud", 1)),
        ..RowConflict::default()
    }];
    check(
        &desk,
        "route apply p1",
        expect![[r#"
        error: cannot apply the plan: 1 of the rows are no longer what was seen
          anna@contoso.example
            the plan saw:  no entry
            it is now:     home on_prem, state on_prem, batch b2 (generation 7)
            the plan says: home cloud, state on_prem, batch none
        hint: look at `conflicts`, then make a new plan
        exit 4
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_plan_may_wait_for_a_time_or_a_person_or_go_a_few_rows_first() {
    let mut desk = Desk::new().await;
    check(
        &desk,
        "route plan --set anna@contoso.example --home cloud --second-person --canary 5% --canary-time 10m",
        expect![[r#"
            plan p1: awaiting approval (by maria, of generation 0)
            1 to add, 0 to change, 0 to remove, 0 as they should be
            canary: 5 % of the rows first

            DOMAIN           FROM     TO     MAILBOXES
            contoso.example  on_prem  cloud          1

            add (1)
              anna@contoso.example: new, home cloud, state on_prem

            approve, by somebody else: causeway route approve p1
            exit 0
        "#]],
    )
    .await;
    let refused = desk.run("route approve p1").await;
    assert_eq!(refused.exit, 5, "{refused:?}");
    assert!(refused.err.contains("an approval needs a named person"), "{refused:?}");
    assert!(refused.err.contains("hint: sign in with an account"), "{refused:?}");
    desk.become_one(api::Role::Approver);
    check(
        &desk,
        "route approve p1",
        expect![[r#"
        plan p1: ready (by maria, of generation 0)
        apply: causeway route apply p1
        exit 0
    "#]],
    )
    .await;
    let line =
        "route plan --set bert@contoso.example --home cloud --not-before 2026-11-28T22:00:00Z";
    desk.run(line).await;
    check(
        &desk,
        "route apply p2",
        expect![[r#"
        plan p2: scheduled (by token:approver, of generation 0)
        It is applied at 2026-11-28 22:00:00Z.
        undo: causeway route cancel p2
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "route plan --set bert@contoso.example --home cloud --canary many",
        expect![[r#"
        error: --canary: want a number of rows, or a share as in 5%
        exit 2
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_file_for_exchange_online_says_not_where_to() {
    let desk = Desk::new().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("microsoft.csv");
    std::fs::write(&file, "EmailAddress\nanna@contoso.example\nnobody\n").unwrap();
    let line = format!("route plan {} --home cloud --batch b7", file.display());
    check(
        &desk,
        &line,
        expect![[r#"
        error: cannot make the plan: 1 mistakes in the file
          line 3, column address: want an address
        exit 1
    "#]],
    )
    .await;
    std::fs::write(&file, "EmailAddress\nanna@contoso.example\n").unwrap();
    let ran = desk.run(&line).await;
    assert!(ran.out.contains("anna@contoso.example: new, home cloud"), "{ran:?}");
}
