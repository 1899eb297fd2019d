//! Queues and traces, from the keyboard.

use expect_test::expect;

use super::check;
use super::harness::Desk;

#[tokio::test]
async fn what_cannot_be_undone_is_not_done_unasked() {
    let desk = Desk::new().await;
    check(
        &desk,
        "queue bounce --site cloud",
        expect![[r#"
            error: did not bounce 1 recipient of 1 message: that wants a yes, and nobody is here to ask
            hint: add --yes if it is meant, or look at it with --dry-run
            exit 6
        "#]],
    )
    .await;
    check(
        &desk,
        "queue bounce --site cloud --dry-run",
        expect![[r#"
        Would bounce 1 recipient of 1 message.
        exit 0
    "#]],
    )
    .await;
    assert_eq!(desk.backend.state().queue.len(), 2);
    check(
        &desk,
        "queue bounce --site cloud --yes",
        expect![[r#"
        Bounced 1 recipient of 1 message.
        exit 0
    "#]],
    )
    .await;
    assert_eq!(desk.backend.state().queue.len(), 1);
}

#[tokio::test]
async fn a_person_is_asked_first() {
    let mut desk = Desk::new().await;
    desk.answers = "n\n";
    check(
        &desk,
        "queue hold --site cloud",
        expect![[r#"
        Would hold 1 recipient of 1 message. Go on? [y/N] Nothing was done.
        exit 0
    "#]],
    )
    .await;
    desk.answers = "y\n";
    check(
        &desk,
        "queue hold --site cloud",
        expect![[r#"
        Held 1 recipient of 1 message.
        undo: causeway queue release --site cloud
        Would hold 1 recipient of 1 message. Go on? [y/N] exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "queue discard 0000000000002 --reason spam",
        expect![[r#"
        Discarded 1 recipient of 1 message.
        Would discard 1 recipient of 1 message. Go on? [y/N] exit 0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_retry_without_a_selector_is_of_everything() {
    let desk = Desk::new().await;
    check(
        &desk,
        "queue retry",
        expect![[r#"
        Retried 2 recipients of 2 messages.
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "queue hold --recipient @contoso.example --sender @elsewhere.example",
        expect![[r#"
            Held 2 recipients of 2 messages.
            undo: causeway queue release --recipient @contoso.example --sender @elsewhere.example
            exit 0
        "#]],
    )
    .await;
}

#[tokio::test]
async fn mail_can_be_taken_out_as_files() {
    let desk = Desk::new().await;
    let dir = tempfile::tempdir().unwrap();
    let ran = desk.run(&format!("queue export --site cloud --to {}", dir.path().display())).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let mail = std::fs::read_to_string(dir.path().join("0000000000001.eml")).unwrap();
    assert_eq!(mail, "Subject: hi\r\n\r\nhello\r\n");
    let envelope = std::fs::read_to_string(dir.path().join("0000000000001.json")).unwrap();
    assert!(envelope.contains("anna@contoso.example"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_story_is_told_in_order_and_harmlessly() {
    let desk = Desk::new().await;
    desk.backend.state().stories.push(story());
    check(&desk, "trace 0000000000007", expect![[r#"
        0000000000007  accepted 2026-01-05 08:00:00Z  2.0 KiB  from <eve@elsewhere.example>
          through mx from 203.0.113.9 as out.elsewhere.example
          Message-ID m1@elsewhere.example
          <anna@contoso.example> delivered (it may have come twice)
            2026-01-05 08:00:01Z deferred at cloud (mx1.cloud.example:25), attempt 1, generation 418: 451 4.3.0 \u{1b}[2Jlater
            2026-01-05 08:00:31Z delivered at cloud (mx1.cloud.example:25), attempt 1, generation 418: 250 2.0.0 queued as 77
        exit 0
    "#]]).await;
    check(&desk, "trace m1@elsewhere.example", expect![[r#"
        0000000000007  accepted 2026-01-05 08:00:00Z  2.0 KiB  from <eve@elsewhere.example>
          through mx from 203.0.113.9 as out.elsewhere.example
          Message-ID m1@elsewhere.example
          <anna@contoso.example> delivered (it may have come twice)
            2026-01-05 08:00:01Z deferred at cloud (mx1.cloud.example:25), attempt 1, generation 418: 451 4.3.0 \u{1b}[2Jlater
            2026-01-05 08:00:31Z delivered at cloud (mx1.cloud.example:25), attempt 1, generation 418: 250 2.0.0 queued as 77
        exit 0
    "#]]).await;
}

fn story() -> api::Story {
    let event = |at: &str, what: &str, reply: &str| api::StoryEvent {
        at: format!("2026-01-05T08:00:{at}.000001Z"),
        what: what.to_owned(),
        hop: Some("cloud".to_owned()),
        host: Some("mx1.cloud.example:25".to_owned()),
        generation: Some(418),
        attempt: Some(1),
        reply: Some(reply.to_owned()),
        remark: None,
    };
    api::Story {
        id: "0000000000007".to_owned(),
        accepted_at: "2026-01-05T08:00:00.000001Z".to_owned(),
        reverse_path: "eve@elsewhere.example".to_owned(),
        message_id: Some("m1@elsewhere.example".to_owned()),
        size_bytes: 2048,
        listener: "mx".to_owned(),
        peer: Some("203.0.113.9".to_owned()),
        helo: Some("out.elsewhere.example".to_owned()),
        tls: None,
        recipients: vec![api::StoryRecipient {
            address: "anna@contoso.example".to_owned(),
            outcome: "delivered".to_owned(),
            maybe_duplicate: true,
            events: vec![
                event("01", "deferred", "451 4.3.0 \x1b[2Jlater"),
                event("31", "delivered", "250 2.0.0 queued as 77"),
            ],
        }],
    }
}

#[tokio::test]
async fn what_waits_is_shown_by_message_and_by_hop() {
    let desk = Desk::new().await;
    check(&desk, "queue list", expect![[r#"
        ID                    AGE     SIZE  STATE     HOP      TRIES  RECIPIENT             REASON
        0000000000001  1 min 30 s  2.0 KiB  deferred  cloud        1  anna@contoso.example  451 4.3.0 Try again
        0000000000002  1 min 30 s  2.0 KiB  held      on_prem      1  bert@contoso.example  451 4.3.0 Try again
        2 messages
        exit 0
    "#]]).await;
    check(
        &desk,
        "queue summary",
        expect![[r#"
        HOP      ACTIVE  DEFERRED  HELD  <60s  <5m  older than 5m
        cloud         0         1     0     0    1              0
        on_prem       0         1     0     0    1              0
        2 messages for 2 recipients, 4.0 KiB
        exit 0
    "#]],
    )
    .await;
    check(&desk, "queue show 0000000000001", expect![[r#"
        0000000000001  accepted 2026-01-05 08:00:00Z (1 min 30 s ago)  2.0 KiB  from <eve@elsewhere.example>
          <anna@contoso.example> deferred for cloud, 1 attempt
            last reply: 451 4.3.0 Try again
        exit 0
    "#]]).await;
}
