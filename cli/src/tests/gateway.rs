//! The gateway and its sites, and how commands fail.

use expect_test::expect;

use super::check;
use super::harness::Desk;

#[tokio::test]
async fn what_the_gateway_refuses_exits_1_and_says_why() {
    let desk = Desk::new().await;
    check(
        &desk,
        "route set anna@contoso.example --home mars",
        expect![[r#"
        error: cannot edit the table: home: no site is called mars
        exit 1
    "#]],
    )
    .await;
    check(
        &desk,
        "route show nobody@contoso.example",
        expect![[r#"
        error: cannot show the entry: there is no entry for nobody@contoso.example
        exit 1
    "#]],
    )
    .await;
    check(
        &desk,
        "queue show 9999999999999",
        expect![[r#"
        error: cannot show the message: there is no message 9999999999999 in the spool
        hint: if it is settled: causeway trace 9999999999999
        exit 1
    "#]],
    )
    .await;
    check(
        &desk,
        "site override mars down --reason x",
        expect![[r#"
        error: there is no site mars
        hint: there are: cloud, on_prem
        exit 1
    "#]],
    )
    .await;
    check(
        &desk,
        "trace 0000000000009",
        expect![[r#"
        error: no message is known by 0000000000009
        hint: an id has 13 letters and digits; --as id|address|message-id says what it is
        exit 1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_to_change_is_wrong_usage() {
    let desk = Desk::new().await;
    check(
        &desk,
        "route set anna@contoso.example",
        expect![[r#"
        error: nothing to change is named
        hint: give --home SITE, or --state, --batch, --cloud-address, --aliases, --note
        exit 2
    "#]],
    )
    .await;
    check(
        &desk,
        "queue hold",
        expect![[r#"
        error: hold of what? Nothing is selected by
        hint: name ids, --site, --recipient, --sender, --state, --older-than, or --all
        exit 2
    "#]],
    )
    .await;
    check(
        &desk,
        "queue hold --all --site cloud",
        expect![[r#"
        error: --all cannot be given with another selector
        hint: leave one out
        exit 2
    "#]],
    )
    .await;
    check(
        &desk,
        "queue discard --site cloud --yes",
        expect![[r#"
        error: discard wants a --reason, for the ledger
        exit 2
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_wrong_token_exits_5() {
    let mut desk = Desk::new().await;
    desk.target.token = "wrong".to_owned();
    check(
        &desk,
        "route list",
        expect![[r#"
            error: cannot list the table: a valid bearer token is needed
            hint: the token is the content of DATA_DIR/admin.token: run this as a user who can read it, or set CAUSEWAY_TOKEN
            exit 5
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_gateway_that_is_not_there_exits_3() {
    let mut desk = Desk::new().await;
    desk.target.address = "127.0.0.1:1".to_owned();
    check(&desk, "status", expect![[r#"
        error: cannot read the gateway's health: no answer from the gateway at 127.0.0.1:1: Connection refused (os error 111)
        hint: is it running, and is that its admin address? (CAUSEWAY_ADMIN, or --config)
        exit 3
    "#]]).await;
    check(&desk, "status --json", expect![[r#"
        {"details":[],"error":"cannot read the gateway's health: no answer from the gateway at 127.0.0.1:1: Connection refused (os error 111)","exit":3,"hint":"is it running, and is that its admin address? (CAUSEWAY_ADMIN, or --config)"}
        exit 3
    "#]]).await;
}

#[tokio::test]
async fn sites_are_probed_and_overridden() {
    let desk = Desk::new().await;
    check(
        &desk,
        "site list",
        expect![[r#"
        SITE     STATE  CONNECTIONS  WAITING  HELD      OLDEST  REASON
        cloud    DOWN          0/15        1     0  1 min 30 s  -
        on_prem  up            0/15        1     0  1 min 30 s  -
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "site probe cloud",
        expect![[r#"
        HOST              STAGE    MS          ANSWER
        cloud.example:25  connect   3  FAILED  connection refused
        exit 1
    "#]],
    )
    .await;
    check(
        &desk,
        "site override cloud down --reason 'change 77' --dry-run",
        expect![[r#"
        cloud: auto would become down
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "site override cloud down --reason 'change 77' --for 2h",
        expect![[r#"
            SITE   STATE  CONNECTIONS  WAITING  HELD      OLDEST  REASON
            cloud  DOWN          0/15        1     0  1 min 30 s  -
            cloud: down by maria's word until somebody says auto: change 77
            undo: causeway site override cloud auto
            exit 0
        "#]],
    )
    .await;
    check(
        &desk,
        "site override cloud auto",
        expect![[r#"
            SITE   STATE  CONNECTIONS  WAITING  HELD      OLDEST  REASON
            cloud  DOWN          0/15        1     0  1 min 30 s  -
            undo: causeway site override cloud down --reason 'change 77'
            exit 0
        "#]],
    )
    .await;
}

#[tokio::test]
async fn the_ledger_decides_the_exit_code() {
    let desk = Desk::new().await;
    desk.backend.state().verification = api::Verification {
        balanced: true,
        accepted_messages: 1200,
        accepted: 1500,
        delivered: 1490,
        bounced: 4,
        queued: 6,
        maybe_duplicate: 2,
        ..api::Verification::default()
    };
    check(
        &desk,
        "ledger verify",
        expect![[r#"
        OUTCOME     RECIPIENTS
        delivered         1490
        bounced              4
        expired              0
        discarded            0
        in a queue           6
        together          1500
        accepted          1500
        2 deliveries may have come twice: the site's reply was lost.
        The ledger balances: 1,200 accepted messages, 1,500 recipients.
        exit 0
    "#]],
    )
    .await;
    {
        let mut state = desk.backend.state();
        state.verification.balanced = false;
        state.verification.problems.push("0000000000007: recipient 1 has no outcome".to_owned());
    }
    assert_eq!(desk.run("ledger verify --json").await.exit, 1);
    let ran = desk.run("ledger verify").await;
    assert!(ran.exit == 1 && ran.out.contains("0000000000007: recipient 1"), "{}", ran.out);
}

#[tokio::test]
async fn status_says_ready_or_why_not() {
    let desk = Desk::new().await;
    check(&desk, "status", expect![[r#"
        gw.example is ready: causeway 0.0.0, up 0 s
        table   generation 0, 0 mailboxes
        spool   2 messages, 0 B; recipients: 0 active, 0 deferred, 0 held; 0 B free
        since   the start: 0 messages accepted; recipients: 0 delivered, 0 bounced, 0 expired, 0 discarded
        now     0 sessions

        SITE     STATE  CONNECTIONS  WAITING  HELD      OLDEST  REASON
        cloud    DOWN          0/15        1     0  1 min 30 s  -
        on_prem  up            0/15        1     0  1 min 30 s  -
        exit 0
    "#]]).await;
    desk.backend.state().ready = false;
    let ran = desk.run("health").await;
    assert_eq!(ran.exit, 1);
    assert!(ran.out.contains("NOT READY") && ran.out.contains("still indexing"), "{}", ran.out);
}

#[tokio::test]
async fn a_reload_with_mistakes_exits_2_with_their_places() {
    let desk = Desk::new().await;
    check(
        &desk,
        "reload",
        expect![[r#"
        in force: site.cloud.connections_max
        waits for a restart: server.data_dir
        exit 0
    "#]],
    )
    .await;
    for line in [3, 9] {
        let mistake = api::FieldError::new(format!("causeway.toml:{line}:1"), "unknown key");
        desk.backend.state().mistakes.push(mistake);
    }
    check(
        &desk,
        "reload",
        expect![[r#"
        error: cannot reload the configuration: the configuration has mistakes; the old one stays
          causeway.toml:3:1: unknown key
          causeway.toml:9:1: unknown key
        exit 2
    "#]],
    )
    .await;
}
