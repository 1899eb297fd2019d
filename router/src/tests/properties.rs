//! What holds for all edits.

use mail::{Address, Timestamp};
use proptest::prelude::*;

use super::{address, domains, edit, table};
use crate::{Admission, Edit, Facts, SiteStates, Table, decide};

/// Few names, so that edits meet.
fn name() -> impl Strategy<Value = String> {
    "[a-f]".prop_map(|it| format!("{it}@contoso.example"))
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let put = (
        name(),
        prop::sample::select(vec!["on_prem", "cloud"]),
        prop::option::of(prop::sample::select(vec!["syncing", "cutover", "settled"])),
        prop::option::of(prop::collection::vec(name(), 0..3)),
    );
    let put = put.prop_map(|(name, home, state, aliases)| {
        let state = state.map(|it| format!(" state={it}")).unwrap_or_default();
        let aliases = aliases
            .filter(|it| !it.is_empty())
            .map(|it| format!(" aliases={}", it.join(",")))
            .unwrap_or_default();
        edit(&format!("{name} {home}{state}{aliases}"))
    });
    prop_oneof![4 => put, 1 => name().prop_map(|it| edit(&format!("- {it}")))]
}

/// Where everybody's mail goes.
fn routes(table: &Table) -> Vec<String> {
    let (domains, sites) = (domains(), SiteStates::default());
    let facts = Facts {
        table,
        domains: &domains,
        sites: &sites,
        admission: Admission::RelayDomainsOnly,
        known: None,
    };
    ('a'..='g')
        .map(|it| {
            let recipient = address(&format!("{it}@contoso.example"));
            let decision = decide(&facts, &recipient);
            format!("{:?} {:?}", decision.route, decision.entry().map(|it| it.state))
        })
        .collect()
}

fn step(table: &Table, edits: &[Edit]) -> Option<Table> {
    table.plan(edits, Timestamp::default()).ok().map(|it| table.apply(&it))
}

/// Every alias leads to a mailbox that knows it, and every mailbox is found by all its addresses.
fn is_consistent(table: &Table) -> bool {
    let found = |key, entry: &crate::Entry| table.find(&key).is_some_and(|it| it.entry() == entry);
    let rows: Vec<&crate::Entry> = table.iter().collect();
    rows.len() == table.len()
        && rows.iter().all(|it| {
            found(it.address.key(), it) && it.aliases.iter().all(|alias| found(alias.key(), it))
        })
        && ('a'..='f').all(|it| {
            let key = address(&format!("{it}@contoso.example")).key();
            table.find(&key).is_none_or(|listed| {
                let entry = listed.entry();
                entry.address.key() == key || entry.aliases.iter().any(|it| it.key() == key)
            })
        })
}

proptest! {
    #[test]
    fn an_edit_and_its_inverse_leave_the_routes_as_they_were(
        before in prop::collection::vec(any_edit(), 0..12),
        edits in prop::collection::vec(any_edit(), 1..6),
    ) {
        let table = before.chunks(1).fold(Table::empty(), |table, it| step(&table, it).unwrap_or(table));
        if let Ok(changes) = table.plan(&edits, Timestamp::default()) {
            let there = table.apply(&changes);
            let back = there.apply(&changes.inverse());
            prop_assert_eq!(routes(&back), routes(&table));
            prop_assert_eq!(back.len(), table.len());
            prop_assert_eq!(back.generation(), table.generation() + 2);
            prop_assert!(is_consistent(&there) && is_consistent(&back));
        }
    }

    #[test]
    fn one_step_or_many_come_to_the_same(edits in prop::collection::vec(any_edit(), 1..12)) {
        let one_by_one = edits.iter().try_fold(Table::empty(), |table, it| step(&table, std::slice::from_ref(it)));
        let at_once = step(&Table::empty(), &edits);
        if let (Some(one_by_one), Some(at_once)) = (one_by_one, at_once) {
            prop_assert_eq!(routes(&one_by_one), routes(&at_once));
            prop_assert!(is_consistent(&at_once));
        }
    }

    /// No local part, however odd, is relayed to a stranger or refused without a 550. A listed
    /// name in front of it, with or without a tag, makes no difference.
    #[test]
    fn a_decision_is_made_for_every_address(
        name in "(a|\"a|)", tag in "(\\+|)", local in "\\PC{0,20}",
        domain in "(contoso|fabrikam|evil)\\.example",
    ) {
        let quote = if name.starts_with('"') { "\"" } else { "" };
        if let Ok(recipient) = format!("{name}{tag}{local}{quote}@{domain}").parse::<Address>() {
            let table = table("a@contoso.example cloud aliases=a@fabrikam.example");
            let (domains, sites) = (domains(), SiteStates::default());
            let facts = Facts { table: &table, domains: &domains, sites: &sites, admission: Admission::RelayDomainsOnly, known: None };
            let decision = decide(&facts, &recipient);
            let to_site = matches!(decision.route, crate::Route::Site { .. });
            prop_assert!(!to_site || domains.is_relay_domain(recipient.domain()));
            prop_assert!(!to_site || !recipient.local().contains(['%', '!', '@']));
        }
    }
}
