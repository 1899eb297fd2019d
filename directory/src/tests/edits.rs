//! Edits: durable, atomic, counted.

use expect_test::expect;
use prometheus::{Registry, TextEncoder};
use router::Edit;
use rusqlite::Connection;

use super::{Bench, key, metrics, request, rows};
use crate::{Committed, Directory, DirectoryError, DirectoryMetrics, EditError};

const THREE: &str = "address,home,batch,aliases
anna@contoso.example,cloud,one,sales@contoso.example
bert@contoso.example,on_prem,,
cleo@contoso.example,cloud,,
";

#[test]
fn an_edit_is_there_after_a_restart() {
    let bench = Bench::new();
    let committed = bench.edit(THREE).unwrap();
    assert_eq!((committed.generation, committed.added), (1, 3));
    let keys: Vec<&str> = committed.changed.iter().map(mail::AddressKey::as_str).collect();
    assert_eq!(keys[2..], ["cleo@contoso.example", "sales@contoso.example"]);
    let before = bench.export();
    let bench = bench.reopened();
    assert_eq!(bench.export(), before);
    assert_eq!(bench.directory.current().generation(), 1);
    assert!(bench.directory.current().resolve_alias(&key("sales@contoso.example")).is_some());
}

#[test]
fn an_edit_that_changes_nothing_makes_no_generation() {
    let bench = Bench::new();
    bench.edit(THREE).unwrap();
    let again = bench.edit(THREE).unwrap();
    assert_eq!(
        again,
        Committed { generation: 1, changed: vec![], added: 0, changed_n: 0, removed: 0 }
    );
}

#[test]
fn who_looked_at_another_table_is_told() {
    let bench = Bench::new();
    bench.edit(THREE).unwrap();
    let mut late = request(vec![Edit::Remove(key("anna@contoso.example"))]);
    late.expect_generation = Some(0);
    let error = bench.directory.edit(&late).unwrap_err();
    assert!(matches!(error, EditError::Conflict { expected: 0, actual: 1 }), "{error}");
    late.expect_generation = Some(1);
    assert_eq!(bench.directory.edit(&late).unwrap().removed, 1);
}

#[test]
fn a_conflict_with_the_table_refuses_the_whole_request() {
    let bench = Bench::new();
    bench.edit(THREE).unwrap();
    let csv = "address,home,aliases
dora@contoso.example,cloud,bert@contoso.example
sales@contoso.example,cloud,
";
    let Err(EditError::Problems(problems)) = bench.edit(csv) else { panic!("is refused") };
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    expect![[r#"
        dora@contoso.example: aliases: bert@contoso.example is a mailbox of its own
        sales@contoso.example: address: sales@contoso.example is an alias of anna@contoso.example already"#]].assert_eq(&text.join("\n"));
    assert_eq!(bench.directory.current().generation(), 1);
    assert_eq!(bench.reopened().directory.current().len(), 3);
}

#[test]
fn an_edit_that_the_disk_refuses_is_not_seen() {
    let bench = Bench::new();
    bench.edit(THREE).unwrap();
    let before = bench.export();
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("ALTER TABLE past_entry RENAME TO gone").unwrap();
    let error = bench.edit("address,home\nanna@contoso.example,on_prem\n").unwrap_err();
    assert!(matches!(error, EditError::Store(DirectoryError::Store { .. })), "{error}");
    assert_eq!(bench.export(), before);

    other.execute_batch("ALTER TABLE gone RENAME TO past_entry").unwrap();
    let committed = bench.edit("address,home\nanna@contoso.example,on_prem\n").unwrap();
    assert_eq!((committed.generation, committed.changed_n), (2, 1));
}

#[test]
fn a_full_disk_leaves_the_table_as_it_was() {
    let bench = Bench::new();
    bench.edit(THREE).unwrap();
    bench.directory.limit_pages(40);
    let mut csv = "address,home\n".to_owned();
    for n in 0..5000 {
        csv.push_str(&format!("user{n}@contoso.example,cloud\n"));
    }
    assert!(matches!(bench.edit(&csv), Err(EditError::Store(_))));
    assert_eq!(bench.directory.current().len(), 3);
    bench.directory.limit_pages(1 << 30);
    assert_eq!(bench.edit(&csv).unwrap().generation, 2);
    assert_eq!(bench.reopened().directory.current().len(), 5003);
}

#[test]
fn a_second_writer_is_found_out() {
    let bench = Bench::new();
    let other = Directory::open(&bench.path(), metrics()).unwrap();
    other.edit(&request(rows(THREE))).unwrap();
    assert!(matches!(bench.edit(THREE), Err(EditError::Store(_))));
    assert_eq!(bench.reopened().directory.current().generation(), 1);
}

#[test]
fn a_file_of_another_version_or_with_odd_rows_is_refused() {
    let bench = Bench::new();
    bench.edit(THREE).unwrap();
    let path = bench.path();
    let file = Connection::open(&path).unwrap();
    file.execute("UPDATE entry SET state = 'gone' WHERE key LIKE 'bert%'", []).unwrap();
    let error = Directory::open(&path, metrics()).unwrap_err().to_string();
    assert!(error.contains("bert@contoso.example: state: want on_prem, syncing"), "{error}");
    file.execute_batch("PRAGMA user_version = 9").unwrap();
    let error = Directory::open(&path, metrics()).unwrap_err().to_string();
    assert!(error.contains("has layout 9, and this version knows 2"), "{error}");
}

#[test]
fn the_file_of_the_first_version_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.db");
    let file = Connection::open(&path).unwrap();
    file.execute_batch(include_str!("../../fixtures/table-v1.sql")).unwrap();
    drop(file);
    let directory = Directory::open(&path, metrics()).unwrap();
    expect![[r#"
        address,home,state,batch,cloud_address,aliases,note
        Anna@contoso.example,cloud,cloud,pilot,anna@contoso.mail.example,"sales@contoso.example ""a b""@contoso.example",the first
        Jörg@xn--bcher-kva.example,on_prem,syncing,,,,
    "#]].assert_eq(&crate::export_csv(&directory.current()));
    assert_eq!(directory.at(1).unwrap().unwrap().len(), 1);
    let history = directory.history_of(&key("anna@contoso.example")).unwrap();
    assert_eq!(history.iter().map(|it| it.until).collect::<Vec<_>>(), [Some(2), None]);
}

#[test]
fn what_happens_is_counted() {
    let registry = Registry::new();
    let dir = tempfile::tempdir().unwrap();
    let metrics = DirectoryMetrics::register(&registry).unwrap();
    let directory = Directory::open(&dir.path().join("table.db"), metrics).unwrap();
    directory.edit(&request(rows(THREE))).unwrap();
    directory.edit(&request(rows("address,home\nanna@contoso.example,on_prem\n"))).unwrap();
    directory.edit(&request(vec![Edit::Remove(key("cleo@contoso.example"))])).unwrap();
    directory.edit(&request(vec![])).unwrap();
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let lines: Vec<&str> =
        text.lines().filter(|it| !it.starts_with('#') && !it.contains("seconds")).collect();
    expect![[r#"
        causeway_cutovers_expired_total 0
        causeway_table_changed_rows_total{change="added"} 3
        causeway_table_changed_rows_total{change="changed"} 1
        causeway_table_changed_rows_total{change="removed"} 1
        causeway_table_edits_total{outcome="committed"} 3
        causeway_table_edits_total{outcome="unchanged"} 1
        causeway_table_generation 3
        causeway_table_rows{home="cloud"} 0
        causeway_table_rows{home="on_prem"} 2"#]]
    .assert_eq(&lines.join("\n"));
}
