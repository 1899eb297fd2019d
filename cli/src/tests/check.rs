//! `causeway check`, which asks no gateway.

use std::fs;

use super::harness::run_locally;

const GOOD: &str = r#"
[server]
hostname = "gw.example"
data_dir = "data"
[[listener]]
name = "mx"
bind = "127.0.0.1:0"
role = "mx"
[site.cloud]
hosts = ["127.0.0.1:25"]
[[relay_domain]]
name = "contoso.example"
unlisted = "reject"
"#;

#[test]
fn every_mistake_is_printed_with_its_place_and_exits_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("causeway.toml");
    let name = file.display().to_string();
    fs::write(&file, GOOD).unwrap();
    let ran = run_locally(&format!("check --config {name}"));
    assert_eq!((ran.exit, ran.out), (0, format!("{name}: no mistakes\n")), "{}", ran.err);

    fs::write(&file, GOOD.replace("hostname", "hostnam").replace("\"reject\"", "\"mars\""))
        .unwrap();
    let ran = run_locally(&format!("check --config {name}"));
    assert_eq!(ran.exit, 2);
    assert!(ran.out.contains(&format!("{name}:3:1")) && ran.out.contains("mars"), "{}", ran.out);
    let ran = run_locally(&format!("check --json --config {name}"));
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(found["mistakes"].as_array().unwrap().len() >= 2);
    assert!(found["mistakes"].as_array().unwrap().iter().any(|it| it["line"] == 3));
}

#[test]
fn a_file_that_is_not_there_exits_2() {
    assert_eq!(run_locally("check --config /nothing/causeway.toml").exit, 2);
    assert_eq!(run_locally("serve --config /nothing/causeway.toml").exit, 2);
}

#[test]
fn completions_know_the_commands() {
    let ran = run_locally("completions bash");
    assert!(ran.exit == 0 && ran.out.contains("override"), "{}", ran.out);
}
