//! Explanations and simulations of a whole gateway.

use admin::{Backend as _, BackendError, Moves as _};
use api::{Explain, Simulate, Simulation, SiteState};
use tempfile::TempDir;

use super::tests::{Gateway, author, send};

fn edits(json: &str) -> Vec<api::TableEdit> {
    serde_json::from_str(json).unwrap()
}

const ANNA_MOVES: &str =
    r#"[{"op":"set","address":"anna@contoso.example","entry":{"home":"cloud"}}]"#;

fn simulate(gateway: &Gateway, what: Simulate) -> Result<Simulation, BackendError> {
    gateway.ask(gateway.control().simulate(what))
}

#[test]
fn an_explanation_names_the_way_to_the_site() {
    let dir = TempDir::new().unwrap();
    let gateway = Gateway::start(dir.path());
    let control = gateway.control();
    let ask = |address: &str| {
        let address = address.to_owned();
        gateway.ask(control.explain(Explain { address, ..Explain::default() })).unwrap()
    };
    let it = ask("anna@contoso.example");
    assert_eq!(it.steps.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((it.site_state, it.tls.as_deref()), (Some(SiteState::Up), Some("opportunistic")));
    assert_eq!(it.hosts[0].name, "127.0.0.1:9");
    assert_eq!(it.limits.unwrap().connections_max, 15);
    let at_once = "250 at RCPT; delivered at once to on_prem as anna@contoso.example";
    assert_eq!(it.expected, at_once);
    let it = ask("anna@elsewhere.example");
    assert_eq!((it.hosts.len(), it.tls, it.limits), (0, None, None));
    assert!(it.expected.starts_with("550 5.7.1"), "{}", it.expected);
}

#[test]
fn a_simulation_lists_the_mail_that_would_have_gone_elsewhere_page_by_page() {
    let dir = TempDir::new().unwrap();
    let gateway = Gateway::start(dir.path());
    for _ in 0..3 {
        send(&gateway, "anna@contoso.example");
        send(&gateway, "bert@contoso.example");
    }
    let mut what = Simulate { edits: edits(ANNA_MOVES), limit: Some(2), ..Simulate::default() };
    let first = simulate(&gateway, what.clone()).unwrap();
    assert_eq!((first.changed.len(), first.generation), (2, 0));
    let row = &first.changed[0];
    assert_eq!((row.recipient.as_str(), row.went.as_str()), ("anna@contoso.example", "on_prem"));
    assert_eq!((row.would_go.as_str(), row.why.as_str()), ("cloud", "deliver to cloud"));
    what.cursor = first.next_cursor;
    assert!(what.cursor.is_some());
    let second = simulate(&gateway, what.clone()).unwrap();
    assert_eq!((second.changed.len(), second.next_cursor), (1, None));
    assert_eq!(first.messages_seen + second.messages_seen, 6);
    assert_eq!(gateway.control().routes.generation(), 0, "nothing is changed");

    what = Simulate { since: Some("2999-01-01T00:00:00Z".into()), cursor: None, ..what };
    assert_eq!(simulate(&gateway, what).unwrap().messages_seen, 0);
}

#[test]
fn a_plan_is_simulated_by_its_id() {
    let dir = TempDir::new().unwrap();
    let gateway = Gateway::start(dir.path());
    send(&gateway, "anna@contoso.example");
    let control = gateway.control();
    let request = api::PlanRequest { edits: edits(ANNA_MOVES), ..api::PlanRequest::default() };
    let plan = gateway.ask(admin::Plans::make_plan(&*control, request, author())).unwrap();
    let what = Simulate { plan: Some(plan.id), ..Simulate::default() };
    let found = simulate(&gateway, what).unwrap();
    assert_eq!((found.changed.len(), found.changed[0].would_go.as_str()), (1, "cloud"));
    let none = Simulate { plan: Some("p77".into()), ..Simulate::default() };
    assert!(matches!(simulate(&gateway, none), Err(BackendError::NotFound { .. })));
}

#[test]
fn a_simulation_of_what_cannot_be_says_so() {
    let dir = TempDir::new().unwrap();
    let gateway = Gateway::start(dir.path());
    let mars = ANNA_MOVES.replace("cloud", "mars");
    let wrong = Simulate { edits: edits(&mars), ..Simulate::default() };
    assert!(matches!(simulate(&gateway, wrong), Err(BackendError::Invalid { .. })));
    for (since, cursor) in [(Some("yesterday"), None), (None, Some("7"))] {
        let what = Simulate {
            edits: edits(ANNA_MOVES),
            since: since.map(str::to_owned),
            cursor: cursor.map(str::to_owned),
            ..Simulate::default()
        };
        assert!(matches!(simulate(&gateway, what), Err(BackendError::Invalid { .. })));
    }
}
