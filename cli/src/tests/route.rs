//! The table, from the keyboard.

use expect_test::expect;

use super::check;
use super::harness::Desk;

#[tokio::test]
async fn an_edit_shows_what_it_did_and_how_to_go_back() {
    let desk = Desk::new().await;
    check(
        &desk,
        "route set anna@contoso.example --home on_prem --note 'on leave'",
        expect![[r#"
        anna@contoso.example: new, home on_prem, state on_prem
        generation 1
        undo: causeway route remove anna@contoso.example
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "route set anna@contoso.example --home cloud --state cloud --batch b1",
        expect![[r#"
            anna@contoso.example: home on_prem -> cloud, state on_prem -> cloud, batch none -> b1
            generation 2
            undo: causeway route set anna@contoso.example --home on_prem --state on_prem --batch ''
            exit 0
        "#]],
    )
    .await;
    check(
        &desk,
        "route remove anna@contoso.example --dry-run",
        expect![[r#"
        anna@contoso.example: removed, home was cloud
        Dry run: nothing was changed.
        exit 0
    "#]],
    )
    .await;
    check(&desk, "route remove anna@contoso.example --reason typo", expect![[r#"
        anna@contoso.example: removed, home was cloud
        generation 3
        undo: causeway route set anna@contoso.example --home cloud --state cloud --batch b1 --note 'on leave'
        exit 0
    "#]]).await;
    let log = desk.backend.state().log.clone();
    assert_eq!(log.last().unwrap(), &("maria".to_owned(), "typo".to_owned()));
}

#[tokio::test]
async fn the_printed_undo_restores_the_entry() {
    let desk = Desk::new().await;
    desk.run("route set anna@contoso.example --home on_prem --note 'on leave'").await;
    let before = desk.run("route show anna@contoso.example --json").await.out;
    let edited = desk.run("route set anna@contoso.example --home cloud --note '' --batch b1").await;
    let undo = edited.out.lines().find_map(|it| it.strip_prefix("undo: causeway ")).unwrap();
    desk.run(undo).await;
    let after = desk.run("route show anna@contoso.example --json").await.out;
    let fields = |text: &str| {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["generation"] = 0.into();
        value
    };
    assert_eq!(fields(&before), fields(&after), "{undo}");
}

#[tokio::test]
async fn a_stale_edit_exits_4() {
    let desk = Desk::new().await;
    desk.run("route set anna@contoso.example --home cloud").await;
    let line = "route set anna@contoso.example --home on_prem --expect-generation 0";
    check(
        &desk,
        line,
        expect![[r#"
        error: cannot edit the table: the table has changed: it is at generation 1 now
        hint: look with `route show`, then repeat it with the new --expect-generation
        exit 4
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_file_goes_in_whole_or_not_at_all() {
    let desk = Desk::new().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("table.csv");
    let name = file.display().to_string();
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("address,home\na@x,mars\nb@x,cloud\nc@x,venus\n");
    check(
        &desk,
        &format!("route import {name}"),
        expect![[r#"
        error: cannot import the file: 2 rows of the file are wrong; nothing was applied
          line 2, column home: home: no site is called mars
          line 4, column home: home: no site is called venus
        exit 1
    "#]],
    )
    .await;
    write("address,home\na@x,on_prem\nb@x,cloud\n");
    check(
        &desk,
        &format!("route import {name} --dry-run"),
        expect![[r#"
        2 rows: 2 added, 0 changed, 0 removed
        Dry run: nothing was changed.
        exit 0
    "#]],
    )
    .await;
    check(&desk, &format!("route import {name}"), expect![[r#"
        2 rows: 2 added, 0 changed, 0 removed
        generation 1
        undo: causeway route export --generation 0 | causeway route import --replace --yes --expect-generation 1 -
        exit 0
    "#]]).await;
    write("address,home\nb@x,cloud\n");
    check(&desk, &format!("route import {name} --replace"), expect![[r#"
        error: did not remove 1 entry that the file does not have: that wants a yes, and nobody is here to ask
        hint: add --yes if it is meant, or look at it with --dry-run
        exit 6
    "#]]).await;
    check(&desk, &format!("route import {name} --replace --yes"), expect![[r#"
        1 row: 1 added, 0 changed, 1 removed
        generation 2
        undo: causeway route export --generation 1 | causeway route import --replace --yes --expect-generation 2 -
        exit 0
    "#]]).await;
    check(
        &desk,
        "route export --generation 1",
        expect![[r#"
        address,home
        a@x,on_prem
        b@x,cloud
        exit 0
    "#]],
    )
    .await;
    let to = dir.path().join("out.csv");
    desk.run(&format!("route export {}", to.display())).await;
    assert_eq!(std::fs::read_to_string(to).unwrap(), "address,home\nb@x,cloud\n");
}

#[tokio::test]
async fn explain_prints_the_gateways_own_words() {
    let desk = Desk::new().await;
    desk.run("route set anna@contoso.example --home cloud").await;
    check(
        &desk,
        "explain anna@contoso.example --ip 10.0.0.1",
        expect![[r#"
            anna@contoso.example
              1. where does it live?  cloud
            => deliver to cloud
            exit 0
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_list_is_a_table_for_people_and_lines_for_scripts() {
    let desk = Desk::new().await;
    desk.run("route set anna@contoso.example b@contoso.example --home cloud").await;
    check(
        &desk,
        "route list",
        expect![[r#"
        ADDRESS               HOME   STATE    BATCH  GENERATION  CHANGED               NOTE
        anna@contoso.example  cloud  on_prem  -               1  2026-01-05 08:00:00Z  -
        b@contoso.example     cloud  on_prem  -               1  2026-01-05 08:00:00Z  -
        2 entries of generation 1
        exit 0
    "#]],
    )
    .await;
    check(&desk, "route list --json --limit 1", expect![[r#"
        {"address":"anna@contoso.example","home":"cloud","state":"on_prem","batch":null,"cloud_address":null,"aliases":[],"note":null,"changed_at":"2026-01-05T08:00:00.000000Z","generation":1}
        exit 0
    "#]]).await;
    check(
        &desk,
        "route list --home on_prem",
        expect![[r#"
        0 entries of generation 1
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "route show b@contoso.example",
        expect![[r#"
        address                b@contoso.example
        home                   cloud
        state                  on_prem
        changed by generation  1, 2026-01-05 08:00:00Z
        exit 0
    "#]],
    )
    .await;
    desk.run("route remove b@contoso.example").await;
    check(
        &desk,
        "route list --generation 1",
        expect![[r#"
        ADDRESS               HOME   STATE    BATCH  GENERATION  CHANGED               NOTE
        anna@contoso.example  cloud  on_prem  -               1  2026-01-05 08:00:00Z  -
        b@contoso.example     cloud  on_prem  -               1  2026-01-05 08:00:00Z  -
        2 entries of generation 1
        exit 0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn history_says_who_changed_the_table_and_why() {
    let desk = Desk::new().await;
    check(
        &desk,
        "route history",
        expect![[r#"
        The table was never changed.
        exit 0
    "#]],
    )
    .await;
    desk.run("route set anna@contoso.example --home cloud").await;
    desk.run("route remove anna@contoso.example").await;
    check(
        &desk,
        "route history",
        expect![[r#"
        GENERATION  AT                    BY     ADDED  CHANGED  REMOVED  REASON
                 2  2026-01-05 08:00:00Z  maria      0        0        1  -
                 1  2026-01-05 08:00:00Z  maria      1        0        0  first wave
        exit 0
    "#]],
    )
    .await;
    check(&desk, "route history --limit 1 --json", expect![[r#"
        {"generation":2,"at":"2026-01-05T08:00:00.000000Z","author":"maria","reason":null,"added":0,"changed":0,"removed":1,"parent":1,"ticket":null,"plan":null,"approvers":[],"overrides":[],"hash":null,"previous_hash":null}
        exit 0
    "#]]).await;
}

#[tokio::test]
async fn a_simulation_shows_what_would_have_gone_elsewhere() {
    let desk = Desk::new().await;
    check(
        &desk,
        "route simulate anna@contoso.example --home cloud",
        expect![[r#"
        ACCEPTED              MESSAGE        RECIPIENT             WENT     WOULD GO
        2026-01-05 08:00:00Z  0000000000001  anna@contoso.example  on_prem  cloud
        1 of 9 recipients of 7 messages would have gone elsewhere.
        exit 0
    "#]],
    )
    .await;
}
