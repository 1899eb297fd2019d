//! Steps of moves and the rails that they meet: those that go on meet all, those that go back meet
//! none but that of a loop.

use std::time::{Duration, Instant};

use admin::{BackendError, Moves as _, Plans as _};
use api::{
    ApplyRequest, MoveState, PlanRequest, Rail, RailOverride, TableEdits, Transition, Transitioned,
    Transitions,
};

use super::site::FakeSite;
use super::*;

const ANNA: &str = "anna@contoso.example";
/// These ask no site.
const QUIET: &str = "\n[rails]\nrecipient_check = \"off\"\n";
const FROZEN: &str = "freeze = [\"daily 00:00-12:00\", \"daily 12:00-24:00\"]\n";

fn with(more: &str) -> String {
    format!("{CONFIG}{QUIET}{more}")
}

fn set(address: &str, home: &str, state: MoveState) -> api::TableEdit {
    let entry = api::EntryPatch {
        home: Some(home.into()),
        state: Some(state),
        batch: Some(Some("b1".into())),
        ..api::EntryPatch::default()
    };
    api::TableEdit::Set { address: address.into(), entry }
}

/// Into the table, whatever stands in the way.
fn put(gateway: &Gateway, edits: Vec<api::TableEdit>) {
    let overrides = Rail::ALL.into_iter().filter(|it| *it != Rail::SecondPerson).collect();
    let reason = Some("first".to_owned());
    let edits = TableEdits { edits, reason, overrides, ..TableEdits::default() };
    gateway.ask(gateway.control().edit(edits, author())).unwrap();
}

fn to(gateway: &Gateway, to: MoveState) -> Transitions {
    let row = gateway.ask(gateway.control().entry(ANNA.into())).unwrap().1;
    let one = Transition { address: ANNA.into(), generation: row.generation, to, home: None };
    Transitions { moves: vec![one], ..Transitions::default() }
}

fn step(gateway: &Gateway, request: &Transitions) -> Result<Transitioned, BackendError> {
    gateway.ask(gateway.control().transitions(request.clone(), author()))
}

fn rails(result: Result<Transitioned, BackendError>) -> Vec<Rail> {
    match result {
        Err(BackendError::Blocked(blocked)) => blocked.iter().map(|it| it.rail).collect(),
        other => panic!("not blocked: {other:?}"),
    }
}

fn over(request: &Transitions, rail: Rail, reason: &str) -> Transitions {
    let overrides = vec![RailOverride { rail, reason: reason.into() }];
    Transitions { overrides, ..request.clone() }
}

fn force_down(gateway: &Gateway, site: &str) {
    let order =
        OverrideRequest { to: OverrideTo::Down, reason: "change 77".into(), for_seconds: None };
    gateway.ask(gateway.control().force(site.into(), order, author())).unwrap();
    let started = Instant::now();
    while gateway.control().routes.sites().get(&SiteName::new(site)) == router::SiteState::Up {
        assert!(started.elapsed() < Duration::from_secs(10), "the site is held");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The step runs into exactly this rail: in a look, and when it is to be made; an override that
/// gives a reason lets it pass, and is in the history.
fn trips(gateway: &Gateway, request: &Transitions, rail: Rail) {
    let before = gateway.control().routes.generation();
    let counted = gateway.control().rails.counts(rail);
    let looked = step(gateway, &Transitions { dry_run: true, ..request.clone() }).unwrap();
    let seen: Vec<Rail> = looked.blocked.iter().map(|it| it.rail).collect();
    assert_eq!((seen, looked.dry_run), (vec![rail], true), "{:?}", looked.blocked);
    assert!(!looked.blocked[0].hint.is_empty());
    assert_eq!(rails(step(gateway, request)), [rail]);
    let bare = step(gateway, &over(request, rail, " ")).unwrap_err();
    assert!(matches!(bare, BackendError::Invalid { .. }), "an override wants a reason");
    assert_eq!(gateway.control().routes.generation(), before, "nothing was changed");
    let done = step(gateway, &over(request, rail, "the merger")).unwrap();
    assert_eq!((done.generation, done.blocked[0].rail), (before + 1, rail));
    let history = gateway.ask(gateway.control().history(HistoryQuery::default())).unwrap();
    assert_eq!(history.generations[0].overrides, [format!("{}: the merger", rail.as_str())]);
    let counts = gateway.control().rails.counts(rail);
    let more = (counts.0 - counted.0, counts.1 - counted.1);
    assert_eq!(more, (2, 1), "tripped when refused and when passed, overridden once");
}

#[test]
fn in_a_freeze_window_only_the_steps_back_are_open() {
    let dir = tempfile::tempdir().unwrap();
    let short = format!("{FROZEN}[routing]\ncutover_max = \"1s\"\n");
    let gateway = Gateway::start_with(dir.path(), &with(&short));
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::Syncing)]);
    trips(&gateway, &to(&gateway, MoveState::Cutover), Rail::FreezeWindow);
    // Nobody does anything: the cutover ends all the same.
    let started = Instant::now();
    while to(&gateway, MoveState::Cloud).moves[0].generation == 2 {
        assert!(started.elapsed() < Duration::from_secs(20), "the cutover goes back by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    let row = gateway.ask(gateway.control().entry(ANNA.into())).unwrap().1;
    assert_eq!((row.state, row.home.as_str()), (MoveState::Syncing, "on_prem"));
    step(&gateway, &to(&gateway, MoveState::OnPrem)).unwrap();
}

#[test]
fn the_way_back_is_open_whatever_the_sites_are_like() {
    let dir = tempfile::tempdir().unwrap();
    let required = "batch_synced = \"required\"\nlarge_change_rows = \"off\"\n";
    let gateway = Gateway::start_with(dir.path(), &with(&format!("{required}{FROZEN}")));
    let roads = [
        (MoveState::Syncing, MoveState::OnPrem, "on_prem"),
        (MoveState::Cutover, MoveState::OnPrem, "on_prem"),
        (MoveState::Cloud, MoveState::Cutover, "cloud"),
        (MoveState::Cloud, MoveState::OnPrem, "cloud"),
        (MoveState::Settled, MoveState::OnPrem, "cloud"),
    ];
    force_down(&gateway, "on_prem");
    force_down(&gateway, "cloud");
    for (from, back, home) in roads {
        put(&gateway, vec![set(ANNA, home, from)]);
        step(&gateway, &to(&gateway, back)).unwrap_or_else(|it| panic!("{from:?}: {it}"));
    }
    // A cutover that began in the cloud is given up there, and one that began in syncing there.
    put(&gateway, vec![set(ANNA, "cloud", MoveState::Cloud)]);
    step(&gateway, &to(&gateway, MoveState::Cutover)).unwrap();
    step(&gateway, &to(&gateway, MoveState::Cloud)).unwrap();
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::Syncing)]);
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::Cutover)]);
    step(&gateway, &to(&gateway, MoveState::Syncing)).unwrap();
}

#[test]
fn a_future_home_that_is_down_stops_the_cutover_and_the_flip() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(""));
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::Syncing)]);
    force_down(&gateway, "cloud");
    let cut = to(&gateway, MoveState::Cutover);
    trips(&gateway, &cut, Rail::SiteNotHealthy);
    // The answer was lost: what was made is made, whatever stands in the way by now.
    let again = step(&gateway, &cut).unwrap();
    assert_eq!((again.generation, again.blocked.len()), (2, 0));
    let flip = to(&gateway, MoveState::Cloud);
    assert_eq!(rails(step(&gateway, &flip)), [Rail::SiteNotHealthy]);
    step(&gateway, &over(&flip, Rail::SiteNotHealthy, "it comes back at noon")).unwrap();
    assert_eq!(step(&gateway, &flip).unwrap().generation, 3);
}

#[test]
fn a_copy_that_is_not_done_and_a_loop_stop_the_cutover() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with("batch_synced = \"required\"\n"));
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::OnPrem)]);
    step(&gateway, &to(&gateway, MoveState::Syncing)).unwrap();
    trips(&gateway, &to(&gateway, MoveState::Cutover), Rail::BatchNotSynced);

    let dir = tempfile::tempdir().unwrap();
    let cloud = CONFIG.replace(
        "[site.cloud]\nhosts = [\"127.0.0.1:9\"]",
        "[site.cloud]\nmx = \"contoso.example\"",
    );
    let gateway = Gateway::start_with(dir.path(), &format!("{cloud}{QUIET}"));
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::Syncing)]);
    trips(&gateway, &to(&gateway, MoveState::Cutover), Rail::Loop);

    // The other way round: an old home that leads here would get its mail in circles.
    let dir = tempfile::tempdir().unwrap();
    let old = CONFIG.replace(
        "[site.on_prem]\nhosts = [\"127.0.0.1:9\"]",
        "[site.on_prem]\nmx = \"contoso.example\"",
    );
    let gateway = Gateway::start_with(dir.path(), &format!("{old}{QUIET}"));
    put(&gateway, vec![set(ANNA, "cloud", MoveState::Cloud)]);
    trips(&gateway, &to(&gateway, MoveState::OnPrem), Rail::Loop);
}

#[test]
fn a_recipient_that_the_future_home_refuses_stops_the_cutover() {
    let dir = tempfile::tempdir().unwrap();
    let site = FakeSite::start(true);
    let hosts = format!("[site.cloud]\nhosts = [\"127.0.0.1:{}\"]", site.port);
    let config = CONFIG.replace("[site.cloud]\nhosts = [\"127.0.0.1:9\"]", &hosts);
    let gateway = Gateway::start_with(dir.path(), &config);
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::Syncing)]);
    trips(&gateway, &to(&gateway, MoveState::Cutover), Rail::RecipientRefused);
}

#[test]
fn a_large_batch_stops_before_its_mail_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with("large_change_rows = 1\n"));
    let bert = "bert@contoso.example";
    put(
        &gateway,
        vec![set(ANNA, "on_prem", MoveState::Syncing), set(bert, "on_prem", MoveState::Syncing)],
    );
    let batch = Transitions {
        batch: Some("b1".into()),
        from: Some(MoveState::Syncing),
        to: Some(MoveState::Cutover),
        ..Transitions::default()
    };
    trips(&gateway, &batch, Rail::LargeChange);
}

#[test]
fn where_everything_needs_two_a_plan_begins_the_cutover_and_the_flip_needs_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(""));
    put(&gateway, vec![set(ANNA, "on_prem", MoveState::Syncing)]);
    drop(gateway);
    let gateway = Gateway::start_with(dir.path(), &with("second_person = \"always\"\n"));
    let cut = over(&to(&gateway, MoveState::Cutover), Rail::SecondPerson, "I am in a hurry");
    assert_eq!(rails(step(&gateway, &cut)), [Rail::SecondPerson], "nobody overrides this one");
    let control = gateway.control();
    let plan = PlanRequest {
        edits: vec![set(ANNA, "on_prem", MoveState::Cutover)],
        ..PlanRequest::default()
    };
    let plan = gateway.ask(control.make_plan(plan, author())).unwrap();
    gateway.ask(control.approve_plan(plan.id.clone(), Author("bert".into()))).unwrap();
    gateway.ask(control.apply_plan(plan.id, ApplyRequest::default(), author())).unwrap();
    let flipped = step(&gateway, &to(&gateway, MoveState::Cloud)).unwrap();
    assert_eq!(flipped.moves[0].home, "cloud");
}

#[test]
fn a_large_wave_that_two_agreed_on_is_finished_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let large = "second_person = \"large\"\nlarge_change_rows = 11\n";
    let gateway = Gateway::start_with(dir.path(), &with(large));
    let names: Vec<String> = (0..12).map(|it| format!("user{it:03}@contoso.example")).collect();
    let rows = names.iter().map(|it| set(it, "on_prem", MoveState::Cutover)).collect();
    put(&gateway, rows);
    let all = Transitions {
        batch: Some("b1".into()),
        from: Some(MoveState::Cutover),
        to: Some(MoveState::Cloud),
        ..Transitions::default()
    };
    let done = step(&gateway, &all).unwrap();
    assert_eq!((done.moves.len(), done.blocked.len()), (12, 0));
    assert!(done.moves.iter().all(|it| it.home == "cloud"));
}
