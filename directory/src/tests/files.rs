//! Files of the table, right and wrong.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Bench, domains, rows};
use crate::parse_csv;

fn check_wrong(file: &[u8], want: Expect) {
    let errors = parse_csv(file, &domains()).unwrap_err();
    want.assert_eq(&errors.iter().map(|it| format!("{it}\n")).collect::<String>());
}

fn check_right(file: &str, want: Expect) {
    let bench = Bench::new();
    bench.edit(file).unwrap();
    want.assert_eq(&bench.export());
}

#[test]
fn columns_come_by_name_in_any_order() {
    check_right(
        "\u{feff}home,EmailAddress\r\ncloud, Anna@contoso.example \r\n\r\non_prem,bert@contoso.example",
        expect![[r#"
            address,home,state,batch,cloud_address,aliases,note
            Anna@contoso.example,cloud,cloud,,,,
            bert@contoso.example,on_prem,on_prem,,,,
        "#]],
    );
    check_right(
        r#"note,aliases,cloud_address,batch,state,home,address
"says ""hi"", twice","s@contoso.example ""a b""@contoso.example",a@t.example,finance-2,cutover,cloud,anna@contoso.example
"#,
        expect![[r#"
            address,home,state,batch,cloud_address,aliases,note
            anna@contoso.example,cloud,cutover,finance-2,a@t.example,"""a b""@contoso.example s@contoso.example","says ""hi"", twice"
        "#]],
    );
}

#[test]
fn every_bad_row_is_listed() {
    check_wrong(
        br#"address,home,state,batch,cloud_address,aliases,note
anna@contoso.example,mars,,,,,
anna,cloud,moved,,,,
Bert@contoso.example,cloud,,,,,
bert@contoso.example,cloud,,,,,
cleo@elsewhere.example,cloud,,,,,
dora@contoso.example,cloud
eve@contoso.example,,,,x,"bert@contoso.example bad@",
finn@contoso.example,cloud,,"two
lines",a@[10.0.0.1],s@contoso.example s@elsewhere.example,
gus@contoso.example,cloud,,,,s@contoso.example,
x"y@contoso.example,cloud,,,,,
"hugo"@contoso.example,cloud,,,,,
,,,,,,
"never closed
"#,
        expect![[r#"
            line 2: home: there is no site mars: want on_prem or cloud
            line 3: address: address has no @: "anna"
            line 3: state: want on_prem, syncing, cutover, cloud or settled, not "moved"
            line 5: address: bert@contoso.example is in line 4 already
            line 6: address: elsewhere.example is not a relay domain: add it to the configuration
            line 7: want 7 fields as in the header, not 2
            line 8: home: want the name of a site
            line 8: cloud_address: address has no @: "x"
            line 8: aliases: domain is empty: "bad@"
            line 9: batch: want one line, without spaces at its ends
            line 9: aliases: the domain of s@elsewhere.example is not a relay domain
            line 9: cloud_address: want a domain name after the @
            line 11: aliases: s@contoso.example is in line 9 already
            line 12: a quote inside a field: put the whole field in quotes and write "" for it
            line 13: text after a closing quote: want a comma or the end of the line
            line 15: a quote is opened and never closed
        "#]],
    );
}

#[test]
fn headers_are_checked_first() {
    check_wrong(
        b"",
        expect![[r#"
        line 1: the file is empty: want a header such as address,home
    "#]],
    );
    check_wrong(
        b"\n\n",
        expect![[r#"
        line 1: the file is empty: want a header such as address,home
    "#]],
    );
    check_wrong(
        b"address;home\na@contoso.example;cloud\n",
        expect![[r#"
        line 1: address;home: separate columns by commas; there are address, home, state, batch, cloud_address, aliases, note
        line 1: address: this column is missing from the header
        line 1: home: this column is missing from the header
    "#]],
    );
    check_wrong(
        b"EmailAddress,Password,address,Home,homes\n",
        expect![[r#"
        line 1: Password: passwords have no place here: remove the column
        line 1: address: address is there by another name already
        line 1: homes: unknown column: there are address, home, state, batch, cloud_address, aliases, note
    "#]],
    );
    check_wrong(
        b"\xff\xfea\0d\0",
        expect![[r#"
        line 1: ad: unknown column: there are address, home, state, batch, cloud_address, aliases, note
        line 1: address: this column is missing from the header
        line 1: home: this column is missing from the header
    "#]],
    );
    check_wrong(
        b"address,home\nanna@contoso.example,cloud\nb\xe4rt@contoso.example,cloud\n",
        expect![[r#"
            line 3: not UTF-8: save the file as "CSV UTF-8"
        "#]],
    );
}

#[test]
fn an_empty_field_clears_and_a_missing_column_keeps() {
    let bench = Bench::new();
    bench.edit("address,home,batch,note,state\na@contoso.example,cloud,one,n,settled\n").unwrap();
    bench.edit("address,home,note,state\na@contoso.example,cloud,,\n").unwrap();
    expect![[r#"
        address,home,state,batch,cloud_address,aliases,note
        a@contoso.example,cloud,settled,one,,,
    "#]]
    .assert_eq(&bench.export());
}

#[test]
fn fifty_thousand_rows_are_one_generation() {
    let mut csv = "address,home\n".to_owned();
    for n in 0..50_000 {
        csv.push_str(&format!("user{n}@contoso.example,{}\n", ["cloud", "on_prem"][n % 2]));
    }
    let bench = Bench::new();
    let committed = bench.edit(&csv).unwrap();
    assert_eq!((committed.generation, committed.added), (1, 50_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_export_imports_back_to_the_same_bytes(
        entries in prop::collection::btree_map("[a-z]{1,3}", (
            "(on_prem|cloud)", "(on_prem|syncing|cutover|cloud|settled)", "[a-z,\"\u{e4}]{0,4}", "([a-z!-,]{0,6}|\"\"\"x)",
            prop::option::of("[A-Z]{1,3}"), prop::collection::vec("[A-Z]{4,6}", 0..2),
        ), 0..8)
    ) {
        let mut csv = "address,home,state,batch,note,cloud_address,aliases\n".to_owned();
        let quoted = |it: &str| format!("\"{}\"", it.replace('"', "\"\""));
        let mut aliases_seen = std::collections::HashSet::new();
        for (name, (home, state, batch, note, cloud, aliases)) in &entries {
            let cloud = cloud.as_ref().map(|it| format!("{it}@tenant.example")).unwrap_or_default();
            let aliases: Vec<String> = aliases.iter().filter(|it| aliases_seen.insert((*it).clone()))
                .map(|it| format!("\"{it} x\"@contoso.example")).collect();
            let line = [home.as_str(), state, &quoted(batch.trim()), &quoted(note.trim()), &cloud, &quoted(&aliases.join(" "))].join(",");
            csv.push_str(&format!("{name}@contoso.example,{line}\n"));
        }
        let first = Bench::new();
        first.edit(&csv).unwrap();
        let second = Bench::new();
        second.directory.edit(&super::request(rows(&first.export()))).unwrap();
        prop_assert_eq!(second.export(), first.export());
        prop_assert_eq!(second.reopened().export(), first.reopened().export());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_csv(&bytes, &domains());
    }

    #[test]
    fn no_text_panics(text in "(address|home|aliases|,|\"|\r?\n|@|a@contoso\\.example|cloud| |\u{e4}){0,40}") {
        let text = format!("address,home,aliases\n{text}");
        if let Err(errors) = parse_csv(text.as_bytes(), &domains()) {
            prop_assert!(!errors.is_empty());
        }
    }
}
