//! What an explanation says is what the decision does: in 10,000 random cases, now and at every
//! past generation.

use mail::{Address, Timestamp};
use proptest::prelude::*;

use super::{address, domains, edit, site};
use crate::{
    Admission, Decision, Edit, Facts, HoldReason, MoveState, Route, SiteState, SiteStates, Table,
    decide, explain,
};

/// Random histories, and recipients for each.
const HISTORIES: u32 = 250;
const RECIPIENTS: usize = 40;

fn any_edit() -> impl Strategy<Value = Edit> {
    let states = MoveState::ALL.map(MoveState::as_str).to_vec();
    let put = (
        "[a-e]",
        prop::sample::select(vec!["on_prem", "cloud", "mars"]),
        prop::sample::select(states),
        prop::option::of("[a-j]"),
        prop::sample::select(vec!["contoso", "fabrikam"]),
    );
    let put = put.prop_map(|(name, home, state, alias, domain)| {
        let alias = alias.map(|it| format!(" aliases={it}@fabrikam.example")).unwrap_or_default();
        edit(&format!("{name}@{domain}.example {home} state={state}{alias}"))
    });
    prop_oneof![
        5 => put,
        1 => "[a-e]".prop_map(|it| edit(&format!("- {it}@contoso.example"))),
    ]
}

fn any_recipient() -> impl Strategy<Value = Address> {
    let local = prop_oneof![
        6 => "[a-j]".prop_map(|it| it),
        2 => "[a-e]\\+[a-c]".prop_map(|it| it),
        1 => "[a-c]%x".prop_map(|it| it),
        1 => Just("postmaster".to_owned()),
    ];
    let domain = prop_oneof![
        4 => Just("contoso.example"), 4 => Just("fabrikam.example"), 1 => Just("evil.example"),
        1 => Just("[192.0.2.1]"),
    ];
    (local, domain).prop_map(|(local, domain)| address(&format!("{local}@{domain}")))
}

/// Reads an explanation as an operator does: the last question about a site, and the conclusion.
fn read(decision: &Decision<'_>) -> Route {
    let text = explain(decision);
    assert!(text.to_string().ends_with(&format!("=> {}", text.conclusion)));
    let asked = |question: &str| {
        text.steps.iter().find(|it| it.question.starts_with(question)).map(|it| it.answer.as_str())
    };
    let first_word = |it: &str| it.split([',', ' ']).next().unwrap_or_default().to_owned();
    let said = text.conclusion.as_str();
    let copy_of = |it: &str| it.split_once(", with a copy to ").map(|it| site(it.1));
    if let Some(rest) = said.strip_prefix("deliver to ") {
        assert_eq!(asked(&format!("is {} up?", first_word(rest))), Some("yes"), "{text}");
        return Route::Site { site: site(&first_word(rest)), copy_to: copy_of(rest), up: true };
    }
    if let Some(rest) = said.strip_prefix("keep until ") {
        assert_ne!(asked(&format!("is {} up?", first_word(rest))), Some("yes"), "{text}");
        return Route::Site { site: site(&first_word(rest)), copy_to: copy_of(rest), up: false };
    }
    if said == "hold until the cutover is over" {
        let home = asked("where does it live?").map(first_word).unwrap();
        assert!(asked("where does it live?").unwrap().contains("state cutover"), "{text}");
        return Route::Hold { site: site(&home), reason: HoldReason::Cutover };
    }
    if let Some(name) = said.strip_prefix("hold until there is a site ") {
        assert_eq!(asked(&format!("is {name} up?")), Some("it is not configured"), "{text}");
        return Route::Hold { site: site(name), reason: HoldReason::UnknownSite };
    }
    if let Some(rest) = said.strip_prefix("deliver by the MX of ") {
        assert_eq!(asked("may this client send to other domains?"), Some("yes"), "{text}");
        let domain = first_word(rest).parse().unwrap();
        return Route::Remote { domain };
    }
    let reply = said.strip_prefix("reject with ").expect("no other conclusion");
    let Route::Reject(real) = &decision.route else { panic!("{text}") };
    assert_eq!(reply, real.to_string());
    decision.route.clone()
}

/// The rules once more, as docs/ops/routing-rules.md has them, over a plain list of rows.
fn by_the_book(table: &Table, sites: &SiteStates, admission: Admission, to: &Address) -> String {
    let domain = to.domain().as_str();
    if domain.starts_with('[') {
        return "reject".into();
    }
    if !["contoso.example", "fabrikam.example"].contains(&domain) {
        let may = admission == Admission::Any;
        return if may { "remote".into() } else { "reject".into() };
    }
    let named = |name: &str| {
        table.iter().find(|it| {
            it.address.to_string() == name || it.aliases.iter().any(|it| it.to_string() == name)
        })
    };
    let (local, whole) = (to.local(), to.to_string());
    let base = local.split('+').next().unwrap_or_default();
    let row = named(&whole).or_else(|| named(&format!("{base}@{domain}")));
    if local.contains('%') {
        return "reject".into();
    }
    let at = |home: &str| match sites.get(&site(home)) {
        SiteState::Up => format!("{home} now"),
        SiteState::Down | SiteState::Held => format!("{home} later"),
    };
    match row {
        Some(row) if row.home.as_str() == "mars" => "hold".into(),
        Some(row) if row.state == MoveState::Cutover => "hold".into(),
        Some(row) => at(row.home.as_str()),
        None if domain == "contoso.example" || local == "postmaster" => at("on_prem"),
        None => "reject".into(),
    }
}

fn short(route: &Route) -> String {
    match route {
        Route::Site { site, up: true, .. } => format!("{site} now"),
        Route::Site { site, up: false, .. } => format!("{site} later"),
        Route::Hold { .. } => "hold".into(),
        Route::Remote { .. } => "remote".into(),
        Route::Reject(_) => "reject".into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: HISTORIES, ..ProptestConfig::default() })]

    #[test]
    fn an_explanation_says_what_is_done_now_and_at_past_generations(
        history in prop::collection::vec(any_edit(), 1..12),
        recipients in prop::collection::vec(
            (any_recipient(), any::<prop::sample::Index>(), any::<bool>(), 0_usize..9),
            RECIPIENTS,
        ),
    ) {
        let mut tables = vec![Table::empty()];
        for edit in history {
            let last = tables.last().unwrap();
            if let Ok(changes) = last.plan(&[edit], Timestamp::from_micros(1)) {
                tables.push(last.apply(&changes));
            }
        }
        let domains = domains();
        let states = [SiteState::Up, SiteState::Down, SiteState::Held];
        for (recipient, generation, inside, health) in recipients {
            let table = &tables[generation.index(tables.len())];
            let sites = SiteStates::from_iter([
                (site("on_prem"), states[health % 3]),
                (site("cloud"), states[health / 3]),
            ]);
            let admission =
                if inside { Admission::Any } else { Admission::RelayDomainsOnly };
            let facts = Facts { table, domains: &domains, sites: &sites, admission, known: None };
            let decision = decide(&facts, &recipient);
            prop_assert_eq!(decision.generation, table.generation());
            prop_assert_eq!(&read(&decision), &decision.route);
            let book = by_the_book(table, &sites, admission, &recipient);
            prop_assert_eq!(short(&decision.route), book, "{}", explain(&decision));
        }
    }
}
