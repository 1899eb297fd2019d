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
    check(&desk, "move transition cutover anna@contoso.example --dry-run", expect![[]]).await;
    check(
        &desk,
        "move transition cutover anna@contoso.example --reason 'change 4711'",
        expect![[]],
    )
    .await;
    check(&desk, "move transition cloud anna@contoso.example", expect![[]]).await;
    check(&desk, "move list --batch b1", expect![[]]).await;
    check(&desk, "move show anna@contoso.example", expect![[]]).await;
}

#[tokio::test]
async fn a_row_that_is_not_as_it_was_seen_is_a_conflict() {
    let desk = desk().await;
    check(&desk, "move transition cutover anna@contoso.example --generation 7", expect![[]]).await;
}

#[tokio::test]
async fn a_doubt_is_resolved_by_saying_what_was_found() {
    let desk = desk().await;
    check(
        &desk,
        "move resolve anna@contoso.example 0000000000001 --delivered --evidence 'uid 7'",
        expect![[]],
    )
    .await;
    check(&desk, "move resolve anna@contoso.example 0000000000009 --not-delivered", expect![[]])
        .await;
}
