//! Moves, from the keyboard.

use expect_test::expect;

use super::check;
use super::harness::Desk;

async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.run("route set anna@contoso.example --home on_prem --state syncing --batch b1").await;
    desk
}

#[tokio::test]
async fn a_step_says_where_the_mailbox_is_and_how_to_go_back() {
    let desk = desk().await;
    check(
        &desk,
        "move transition cutover anna@contoso.example --dry-run",
        expect![[r#"
            anna@contoso.example: would be cutover at on_prem
            Dry run: nothing was changed.
            exit 0
        "#]],
    )
    .await;
    check(
        &desk,
        "move transition cutover anna@contoso.example --reason 'change 4711'",
        expect![[r#"
            anna@contoso.example: cutover at on_prem, generation 2
            generation 2
            back: causeway move transition syncing anna@contoso.example
            exit 0
        "#]],
    )
    .await;
    check(
        &desk,
        "move transition cloud anna@contoso.example",
        expect![[r#"
        anna@contoso.example: cloud at cloud, generation 3
        generation 3
        back: causeway move transition on_prem anna@contoso.example
        exit 0
    "#]],
    )
    .await;
    check(&desk, "move list --batch b1", expect![[r#"
        MAILBOX               STATE  HOME   BATCH  GENERATION  SINCE                 GOES BACK  HELD  LEASES  IN DOUBT  COPIED
        anna@contoso.example  cloud  cloud  b1              3  2026-01-05 08:00:00Z  -             0       0         1       -
        exit 0
    "#]]).await;
    check(&desk, "move show anna@contoso.example", expect![[r#"
        anna@contoso.example: cloud at cloud, generation 3, since 2026-01-05 08:00:00Z
        attempts under way: 0
        deliveries in doubt: 1
          0000000000001 to anna@contoso.example at cloud: no answer after the message: timed out
        Look for each in the mailbox, then: causeway move resolve anna@contoso.example 0000000000001 --delivered|--not-delivered
        exit 0
    "#]]).await;
}

#[tokio::test]
async fn a_row_that_is_not_as_it_was_seen_is_a_conflict() {
    let desk = desk().await;
    check(
        &desk,
        "move transition cutover anna@contoso.example --generation 7",
        expect![[r#"
            error: cannot make the steps: not as you saw them: 1 of the mailboxes
              anna@contoso.example: syncing since generation 1, you saw generation 7
            hint: read the moves again; a step that you made yourself can be repeated as it was
            exit 4
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_doubt_is_resolved_by_saying_what_was_found() {
    let desk = desk().await;
    check(
        &desk,
        "move resolve anna@contoso.example 0000000000001 --delivered --evidence 'uid 7'",
        expect![[r#"
            0000000000001: settled as delivered; recipients: 1
            exit 0
        "#]],
    )
    .await;
    check(
        &desk,
        "move resolve anna@contoso.example 0000000000009 --not-delivered",
        expect![[r#"
            error: cannot resolve the doubt: nothing of 0000000000009 is in doubt for anna@contoso.example
            exit 1
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_rail_stops_a_step_with_exit_code_6_until_it_is_named() {
    let desk = desk().await;
    desk.backend.state().blocked = vec![api::Blocked {
        rail: api::Rail::FreezeWindow,
        message: "the table is frozen now: Mon-Fri 08:00-18:00".to_owned(),
        hint: "wait for its end; the steps back are open".to_owned(),
        rows: 1,
        examples: vec!["anna@contoso.example".to_owned()],
        overridable: true,
        overridden_by: None,
    }];
    check(
        &desk,
        "move transition cutover anna@contoso.example --dry-run",
        expect![[r#"
        anna@contoso.example: would be cutover at on_prem
        blocked: freeze_window: the table is frozen now: Mon-Fri 08:00-18:00
          what to do: wait for its end; the steps back are open
          rows: 1, as anna@contoso.example
        Dry run: nothing was changed.
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "move transition cutover anna@contoso.example",
        expect![[r#"
        error: cannot make the steps: blocked by the rail freeze_window
          freeze_window: the table is frozen now: Mon-Fri 08:00-18:00
            what to do: wait for its end; the steps back are open
            rows: 1, as anna@contoso.example
        exit 6
    "#]],
    )
    .await;
    check(
        &desk,
        "move transition cutover anna@contoso.example --override freeze_window --reason 'change 4711'",
        expect![[r#"
            overridden: freeze_window: the table is frozen now: Mon-Fri 08:00-18:00
              rows: 1, as anna@contoso.example
            anna@contoso.example: cutover at on_prem, generation 2
            generation 2
            back: causeway move transition syncing anna@contoso.example
            exit 0
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_cut_says_what_became_of_each_attempt() {
    let desk = desk().await;
    check(
        &desk,
        "move cut anna@contoso.example",
        expect![[r#"
        error: cannot cut the attempts: anna@contoso.example is not in cutover
        hint: cut it over first
        exit 1
    "#]],
    )
    .await;
    desk.run("move transition cutover anna@contoso.example").await;
    check(
        &desk,
        "move cut anna@contoso.example --dry-run",
        expect![[r#"
        0000000000001 to anna@contoso.example at on_prem since 2026-01-05 08:00:00Z: would be cut
        0000000000002 to anna@contoso.example at on_prem since 2026-01-05 08:00:00Z: would be cut
        Dry run: nothing was changed.
        exit 0
    "#]],
    )
    .await;
    check(&desk, "move cut anna@contoso.example --older-than 2m", expect![[r#"
        0000000000001 to anna@contoso.example at on_prem since 2026-01-05 08:00:00Z: in doubt, it was sent to its end
        0000000000002 to anna@contoso.example at on_prem since 2026-01-05 08:00:00Z: aborted before its end, the site has not got it
        on the same connections, in doubt now: 1 recipient
        next: causeway move show anna@contoso.example
        exit 0
    "#]]).await;
}
