//! Every generation can be looked at again.

use expect_test::expect;
use prop::sample::select;
use proptest::prelude::*;
use router::Edit;

use super::{Bench, key, request, rows};
use crate::export_csv;

#[test]
fn a_mailbox_has_a_past() {
    let bench = Bench::new();
    for home in ["on_prem", "cloud", "on_prem"] {
        bench.edit(&format!("address,home\nanna@contoso.example,{home}\n")).unwrap();
    }
    bench.directory.edit(&request(vec![Edit::Remove(key("anna@contoso.example"))])).unwrap();
    bench.edit("address,home\nbert@contoso.example,cloud\n").unwrap();

    let past = bench.directory.history_of(&key("anna@contoso.example")).unwrap();
    let lines: Vec<String> = past
        .iter()
        .map(|it| format!("{} from {} until {:?}", it.entry.home, it.entry.generation, it.until))
        .collect();
    expect![[r#"
        on_prem from 1 until Some(2)
        cloud from 2 until Some(3)
        on_prem from 3 until Some(4)"#]]
    .assert_eq(&lines.join("\n"));

    let all = bench.directory.history(None, 10).unwrap();
    let line = |it: &crate::Generation| {
        format!(
            "{} {} {} +{} ~{} -{}",
            it.generation, it.author, it.reason, it.added, it.changed, it.removed
        )
    };
    expect![[r#"
        5 ops test +1 ~0 -0
        4 ops test +0 ~0 -1
        3 ops test +0 ~1 -0
        2 ops test +0 ~1 -0
        1 ops test +1 ~0 -0"#]]
    .assert_eq(&all.iter().map(line).collect::<Vec<_>>().join("\n"));
    assert_eq!(bench.directory.history(Some(3), 1).unwrap()[0].generation, 2);
    assert!(bench.directory.at(9).unwrap().is_none());
    assert!(bench.directory.at(0).unwrap().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What was exported at each generation is what the file says of it later.
    #[test]
    fn the_past_does_not_change(
        steps in prop::collection::vec(prop::collection::vec(
            (select(vec!["a", "b", "c", "d"]), select(vec!["on_prem", "cloud", "-"]), "[x-z]{0,2}"), 1..4), 1..8)
    ) {
        let bench = Bench::new();
        let mut seen = vec![bench.export()];
        for step in steps {
            let edits = step.iter().map(|(name, home, note)| match *home {
                "-" => Edit::Remove(key(&format!("{name}@contoso.example"))),
                home => rows(&format!("address,home,note\n{name}@contoso.example,{home},{note}\n")).remove(0),
            });
            bench.directory.edit(&request(edits.collect())).unwrap();
            let table = bench.directory.snapshot();
            if table.generation() as usize == seen.len() {
                seen.push(export_csv(&table));
            }
        }
        let bench = bench.reopened();
        prop_assert_eq!(bench.directory.current().generation() as usize + 1, seen.len());
        for (generation, text) in seen.iter().enumerate() {
            let table = bench.directory.at(generation as u64).unwrap().unwrap();
            prop_assert_eq!(&export_csv(&table), text);
            prop_assert_eq!(table.generation(), generation as u64);
        }
    }
}
