//! `causeway user`, `token`, `session` and `audit`, typed.

use super::harness::Desk;

#[tokio::test]
async fn a_user_is_made_shown_changed_and_removed() {
    let mut desk = Desk::new().await;
    let refused = desk.run("user add anna --role operator").await;
    assert_eq!(refused.exit, 2, "no password and nobody to ask: {}", refused.err);
    desk.answers = "correct horse battery\n";
    let line = "user add anna --role operator --domain contoso.example --password-file -";
    let made = desk.run(line).await;
    assert_eq!(made.exit, 0, "{}", made.all());
    assert!(made.out.contains("domains contoso.example"), "{}", made.out);
    assert!(made.out.contains("undo: causeway user remove anna"), "{}", made.out);
    let again = desk.run(line).await;
    assert!(again.exit == 1 && again.err.contains("a user anna already"), "{}", again.err);
    let set = desk.run("user set anna --role viewer --no-limit --disable").await;
    assert!(set.out.contains("disabled"), "{}", set.all());
    let undo = "undo: causeway user set anna --role operator --domain contoso.example --enable";
    assert!(set.out.contains(undo), "{}", set.out);
    assert_eq!(desk.run("user set anna").await.exit, 2, "nothing was asked");
    let shown = desk.run("user show anna --json").await;
    assert!(shown.out.contains(r#""role": "viewer""#), "{}", shown.out);
    assert!(!shown.out.contains("argon2"));
    desk.answers = "";
    let kept = desk.run("user remove anna").await;
    assert_eq!(kept.exit, 6, "{}", kept.all());
    assert_eq!(desk.run("user remove anna --yes").await.exit, 0);
    assert!(desk.run("user list").await.out.contains("no local account"));
}

#[tokio::test]
async fn a_weak_password_says_what_is_wanted() {
    let mut desk = Desk::new().await;
    desk.answers = "short\n";
    let ran = desk.run("user add anna --role viewer --password-file -").await;
    assert!(ran.exit == 1 && ran.err.contains("want 12 characters or more"), "{}", ran.err);
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_by_what_is_seen_of_it() {
    let desk = Desk::new().await;
    let made = desk.run("token make sidecar --role operator --for 30d").await;
    assert_eq!(made.exit, 0, "{}", made.all());
    let token = made.out.trim();
    assert!(token.starts_with("causeway_"), "{token}");
    let list = desk.run("token list").await;
    assert!(list.out.contains("sidecar") && !list.out.contains(token), "{}", list.out);
    let revoked = desk.run(&format!("token revoke {token}")).await;
    assert_eq!(revoked.exit, 0, "{}", revoked.all());
    assert!(desk.run("token list").await.out.contains("There is no token"));
    assert_eq!(desk.run("token revoke 123456789abc").await.exit, 1);
}

#[tokio::test]
async fn who_may_not_is_told_why_and_exits_5() {
    let mut desk = Desk::new().await;
    let made = desk.run("token make eyes --role viewer").await;
    desk.target.token = made.out.trim().to_owned();
    let ran = desk.run("route set anna@contoso.example --home cloud").await;
    assert_eq!(ran.exit, 5, "{}", ran.all());
    assert!(ran.err.contains("token:eyes is viewer, and this wants operator"), "{}", ran.err);
    assert!(!ran.err.contains("admin.token"), "{}", ran.err);
}

#[tokio::test]
async fn the_log_is_listed_verified_and_written_out() {
    let desk = Desk::new().await;
    desk.run("route set anna@contoso.example --home cloud --reason 'change 77'").await;
    let list = desk.run("audit list").await;
    assert!(
        list.out.contains("change 77") && list.out.contains("POST /api/v1/table/edits"),
        "{}",
        list.out
    );
    let whole = desk.run("audit verify").await;
    assert_eq!(whole.exit, 0, "{}", whole.all());
    let head = whole.out.lines().find_map(|it| it.strip_prefix("head ")).unwrap();
    assert_eq!(desk.run(&format!("audit verify --expect {head}")).await.exit, 0);
    let other = desk.run("audit verify --expect 1:00").await;
    assert!(other.exit == 1 && other.out.contains("BROKEN at record 1"), "{}", other.all());
    assert_eq!(desk.run("audit verify --expect rubbish").await.exit, 2);
    let lines = desk.run("audit export").await.out;
    assert!(lines.lines().all(|it| it.starts_with(r#"{"seq":"#)), "{lines}");
    assert!(desk.run("session list").await.out.contains("Nobody is signed in."));
}
