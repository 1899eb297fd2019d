//! `causeway directory …`.

use super::harness::Desk;

#[tokio::test]
async fn the_status_names_what_waits_and_the_command_for_it() {
    let desk = Desk::new().await;
    let said = desk.run("directory status").await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert!(said.out.contains("needs_confirmation  put off"), "{}", said.out);
    let removed = "1 recipient and 2 of 4 addresses would be removed, among them bert@";
    assert!(said.out.contains(removed), "{}", said.out);
    assert!(said.out.contains("causeway directory sync ad --accept-removals"), "{}", said.out);
}

#[tokio::test]
async fn recipients_are_listed_and_shown_by_any_address() {
    let desk = Desk::new().await;
    let listed = desk.run("directory list --match bert --json").await;
    assert!(listed.out.starts_with(r#"{"address":"bert@contoso.example""#), "{listed:?}");
    assert_eq!(listed.out.lines().count(), 1);
    let shown = desk.run("directory show anna.alias@contoso.example").await;
    assert!(shown.out.starts_with("anna@contoso.example\n  kind        user\n"), "{shown:?}");
    assert!(shown.out.contains("  x500        /o=contoso/cn=anna\n"), "{shown:?}");
    assert_eq!(desk.run("directory show nobody@contoso.example").await.exit, 1);
}

#[tokio::test]
async fn many_removals_exit_6_until_they_are_accepted() {
    let desk = Desk::new().await;
    let asked = desk.run("directory sync ad").await;
    assert_eq!(asked.exit, 6, "{asked:?}");
    assert!(asked.out.contains("Nothing was changed"), "{asked:?}");
    let accepted = desk.run("directory sync ad --accept-removals").await;
    assert_eq!(accepted.exit, 0, "{accepted:?}");
    assert_eq!(desk.run("directory sync ad --dry-run").await.exit, 0);
    let unknown = desk.run("directory sync nothing").await;
    assert_eq!(unknown.exit, 1);
    assert!(unknown.err.contains("there is ad"), "{unknown:?}");
}

#[tokio::test]
async fn a_disagreement_has_its_command_and_exits_1() {
    let desk = Desk::new().await;
    let said = desk.run("directory drift").await;
    assert_eq!(said.exit, 1, "{said:?}");
    assert!(said.out.contains("not_in_table"), "{}", said.out);
    let command = "causeway route set carl@contoso.example --home on_prem";
    assert!(said.out.contains(command), "{}", said.out);
}
