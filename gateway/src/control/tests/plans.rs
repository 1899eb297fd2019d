//! Plans and rails of a whole gateway.

use std::time::{Duration, Instant};

use admin::{BackendError, Plans as _};
use api::{
    ApplyRequest, Canary, DiffQuery, Plan, PlanImport, PlanRequest, PlanState, Rail, RailOverride,
    RollbackRequest, RowQuery, TableEdits,
};

use super::site::FakeSite;
use super::*;

/// Of nobody else: these plans ask no site.
const QUIET: &str = "\n[rails]\nrecipient_check = \"off\"\n";

fn with(more: &str) -> String {
    format!("{CONFIG}{more}")
}

fn set(address: &str, home: &str) -> api::TableEdit {
    let entry = api::EntryPatch { home: Some(home.into()), ..api::EntryPatch::default() };
    api::TableEdit::Set { address: address.into(), entry }
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|it| format!("user{it:03}@contoso.example")).collect()
}

fn moves(n: usize, home: &str) -> Vec<api::TableEdit> {
    names(n).iter().map(|it| set(it, home)).collect()
}

fn request(edits: Vec<api::TableEdit>) -> PlanRequest {
    PlanRequest { edits, reason: Some("wave 7".into()), ..PlanRequest::default() }
}

fn plan(gateway: &Gateway, edits: Vec<api::TableEdit>) -> Plan {
    gateway.ask(gateway.control().make_plan(request(edits), author())).unwrap()
}

fn apply(gateway: &Gateway, id: &str, how: ApplyRequest) -> Result<Plan, BackendError> {
    gateway.ask(gateway.control().apply_plan(id.into(), how, author()))
}

fn edit(gateway: &Gateway, edits: Vec<api::TableEdit>) -> Result<api::Changed, BackendError> {
    edit_over(gateway, edits, Vec::new())
}

fn edit_over(
    gateway: &Gateway,
    edits: Vec<api::TableEdit>,
    overrides: Vec<Rail>,
) -> Result<api::Changed, BackendError> {
    let reason = Some("change 77".to_owned());
    let edits = TableEdits { edits, reason, overrides, ..TableEdits::default() };
    gateway.ask(gateway.control().edit(edits, author()))
}

fn home(gateway: &Gateway, address: &str) -> Option<String> {
    gateway.ask(gateway.control().entry(address.into())).ok().map(|it| it.1.home)
}

/// The rails that a plan of these edits, and the edits themselves, run into; and that an override of
/// each with a reason lets the plan pass.
fn trips(gateway: &Gateway, edits: &[api::TableEdit], rail: Rail) {
    let made = plan(gateway, edits.to_vec());
    let rails: Vec<Rail> = made.blocked.iter().map(|it| it.rail).collect();
    assert_eq!(rails, [rail], "{:?}", made.blocked);
    let blocked = |it: BackendError| match it {
        BackendError::Blocked(blocked) => blocked,
        other => panic!("{other}"),
    };
    let said = blocked(apply(gateway, &made.id, ApplyRequest::default()).unwrap_err());
    assert_eq!(said[0].rail, rail);
    assert!(!said[0].message.is_empty() && !said[0].hint.is_empty() && said[0].rows > 0);
    if rail != Rail::RecipientRefused {
        let said = blocked(edit(gateway, edits.to_vec()).unwrap_err());
        assert_eq!(said[0].rail, rail, "an edit is held against the same rails");
    }
    let bare = ApplyRequest {
        overrides: vec![RailOverride { rail, reason: " ".into() }],
        ..ApplyRequest::default()
    };
    let refused = apply(gateway, &made.id, bare).unwrap_err();
    assert!(matches!(refused, BackendError::Invalid { .. }), "an override wants a reason");
    let over = ApplyRequest {
        overrides: vec![RailOverride { rail, reason: "the merger".into() }],
        ..ApplyRequest::default()
    };
    let applied = apply(gateway, &made.id, over).unwrap();
    assert_eq!(applied.state, PlanState::Applied);
    let history = gateway.ask(gateway.control().history(HistoryQuery::default())).unwrap();
    let last = &history.generations[0];
    assert_eq!(last.overrides, [format!("{}: the merger", rail.as_str())]);
    assert_eq!(last.plan.as_deref(), Some(made.id.as_str()));
}

#[test]
fn a_plan_shows_what_it_does_and_does_exactly_that() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    let control = gateway.control();
    edit(&gateway, moves(3, "on_prem")).unwrap();
    let mut edits = moves(2, "cloud");
    edits.push(set("anna@contoso.example", "cloud"));
    edits.push(set("user002@contoso.example", "on_prem"));
    let made = plan(&gateway, edits);
    assert_eq!((made.added, made.changed, made.removed, made.unchanged), (1, 2, 0, 1));
    assert_eq!((made.state, made.base_generation), (PlanState::Ready, 1));
    let impact = &made.impact[0];
    assert_eq!((impact.domain.as_str(), impact.n), ("contoso.example", 3));
    assert_eq!((impact.from.as_deref(), impact.to.as_deref()), (Some("on_prem"), Some("cloud")));
    assert_eq!(home(&gateway, "user000@contoso.example").as_deref(), Some("on_prem"));
    // Somebody changes another row meanwhile: that is nobody's business.
    edit(&gateway, vec![set("zoe@contoso.example", "cloud")]).unwrap();
    let applied = apply(&gateway, &made.id, ApplyRequest::default()).unwrap();
    assert_eq!((applied.state, applied.generation), (PlanState::Applied, Some(3)));
    assert_eq!(home(&gateway, "user000@contoso.example").as_deref(), Some("cloud"));
    let again = apply(&gateway, &made.id, ApplyRequest::default()).unwrap_err();
    assert!(again.to_string().contains("applied already"), "{again}");

    let rows = gateway.ask(control.plan_rows(made.id, RowQuery::default())).unwrap().rows;
    assert_eq!(rows.len(), 3, "rows that stay are asked for by their kind");
    let query = DiffQuery { from: 2, ..DiffQuery::default() };
    let diff = gateway.ask(control.table_diff(query)).unwrap();
    assert_eq!((diff.from, diff.to, diff.rows.len()), (2, 3, 3));
    let chain = gateway.ask(control.verify_table()).unwrap();
    assert!(chain.whole && chain.revisions == 3, "{chain:?}");
    let history = gateway.ask(control.history(HistoryQuery::default())).unwrap().generations;
    assert_eq!(history[0].previous_hash, history[1].hash);
    assert_eq!((history[0].parent, &history[0].reason), (Some(2), &Some("wave 7".into())));
}

#[test]
fn of_two_who_change_a_row_one_gets_three_views() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    edit(&gateway, vec![set("anna@contoso.example", "on_prem")]).unwrap();
    let mine = plan(&gateway, vec![set("anna@contoso.example", "cloud")]);
    let theirs = api::EntryPatch { batch: Some(Some("b2".into())), ..api::EntryPatch::default() };
    let address = "anna@contoso.example".to_owned();
    edit(&gateway, vec![api::TableEdit::Set { address, entry: theirs }]).unwrap();
    let Err(BackendError::RowsChanged { generation, conflicts }) =
        apply(&gateway, &mine.id, ApplyRequest::default())
    else {
        panic!("no conflict")
    };
    assert_eq!((generation, conflicts.len()), (2, 1));
    let it = &conflicts[0];
    let batch = |it: &Option<api::Entry>| it.as_ref().unwrap().batch.clone();
    let home = |it: &Option<api::Entry>| it.as_ref().unwrap().home.clone();
    assert_eq!((batch(&it.base), batch(&it.theirs)), (None, Some("b2".into())));
    assert_eq!((home(&it.theirs), home(&it.yours)), ("on_prem".into(), "cloud".into()));
}

#[test]
fn a_plan_outlives_a_restart_and_a_rollback_restores_the_export() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    let csv = "address,home,state,batch,cloud_address,aliases,note\n\
               Anna@contoso.example,cloud,cloud,b1,,a@contoso.example,\"says \"\"hi\"\"\"\n\
               bert@contoso.example,on_prem,on_prem,,,,\n";
    let options = PlanImport { reason: Some("first".into()), ..PlanImport::default() };
    let made = gateway.ask(gateway.control().plan_import(csv.into(), options, author())).unwrap();
    drop(gateway);

    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    apply(&gateway, &made.id, ApplyRequest::default()).unwrap();
    let export = || {
        use futures_util::StreamExt as _;
        gateway.ask(async {
            let mut body = gateway.control().export(None).await.unwrap().1;
            let mut all = Vec::new();
            while let Some(part) = body.next().await {
                all.extend_from_slice(&part.unwrap());
            }
            String::from_utf8(all).unwrap()
        })
    };
    assert_eq!(export(), csv, "an export is byte-equal to the canonical file that made it");
    edit(&gateway, vec![set("bert@contoso.example", "cloud")]).unwrap();
    edit(&gateway, vec![set("cleo@contoso.example", "cloud")]).unwrap();
    let back = |to, undo| {
        let request = RollbackRequest {
            to_generation: to,
            undo_generation: undo,
            ..RollbackRequest::default()
        };
        gateway.ask(gateway.control().plan_rollback(request, author()))
    };
    let one = back(None, Some(2)).unwrap();
    assert_eq!((one.added, one.changed, one.removed), (0, 1, 0), "only what generation 2 did");
    let all = back(Some(1), None).unwrap();
    assert_eq!((all.changed, all.removed), (1, 1));
    apply(&gateway, &all.id, ApplyRequest::default()).unwrap();
    assert_eq!(export(), csv);
    let nothing = back(None, Some(3)).unwrap();
    assert_eq!((nothing.changed, nothing.removed), (0, 0), "it is undone already");
}

#[test]
fn large_changes_and_whole_domains_are_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let rails = format!("{QUIET}large_change_rows = 11\ndomain_row = \"off\"\n");
    let gateway = Gateway::start_with(dir.path(), &with(&rails));
    edit(&gateway, moves(11, "cloud")).unwrap();
    edit(&gateway, moves(11, "on_prem")).unwrap();
    trips(&gateway, &moves(12, "cloud"), Rail::LargeChange);
    let made = plan(&gateway, moves(12, "on_prem"));
    assert_eq!(made.confirm.as_deref(), Some("12 recipients"));
    let confirm =
        |text: &str| ApplyRequest { confirm: Some(text.into()), ..ApplyRequest::default() };
    assert!(apply(&gateway, &made.id, confirm("11 recipients")).is_err());
    assert_eq!(
        apply(&gateway, &made.id, confirm("12 recipients")).unwrap().state,
        PlanState::Applied
    );
    let over = edit_over(&gateway, moves(12, "cloud"), vec![Rail::LargeChange]).unwrap();
    assert_eq!(over.blocked[0].overridden_by.as_deref(), Some("maria"));

    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    edit(&gateway, moves(10, "on_prem")).unwrap();
    trips(&gateway, &moves(10, "cloud"), Rail::DomainRow);
}

#[test]
fn an_unhealthy_site_a_freeze_and_a_copy_that_is_not_done_stop_a_move() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    let order =
        OverrideRequest { to: OverrideTo::Down, reason: "change 77".into(), for_seconds: None };
    gateway.ask(gateway.control().force("cloud".into(), order, author())).unwrap();
    let started = Instant::now();
    while gateway.control().routes.sites().get(&SiteName::new("cloud")) == router::SiteState::Up {
        assert!(started.elapsed() < Duration::from_secs(10), "the site is held");
        std::thread::sleep(Duration::from_millis(5));
    }
    trips(&gateway, &moves(1, "cloud"), Rail::SiteNotHealthy);
    edit(&gateway, moves(1, "on_prem")).unwrap();

    let always = "freeze = [\"daily 00:00-12:00\", \"daily 12:00-24:00\"]\n";
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(&format!("{QUIET}{always}")));
    trips(&gateway, &moves(1, "cloud"), Rail::FreezeWindow);

    let dir = tempfile::tempdir().unwrap();
    let required = format!("{QUIET}batch_synced = \"required\"\n");
    let gateway = Gateway::start_with(dir.path(), &with(&required));
    trips(&gateway, &moves(1, "cloud"), Rail::BatchNotSynced);
}

#[test]
fn a_site_that_is_found_by_our_own_name_would_send_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let config = CONFIG.replace(
        "[site.cloud]\nhosts = [\"127.0.0.1:9\"]",
        "[site.cloud]\nmx = \"contoso.example\"",
    );
    let gateway = Gateway::start_with(dir.path(), &format!("{config}{QUIET}"));
    trips(&gateway, &moves(1, "cloud"), Rail::Loop);
}

#[test]
fn a_recipient_that_the_future_site_refuses_stops_a_plan() {
    let dir = tempfile::tempdir().unwrap();
    let site = FakeSite::start(true);
    let hosts = format!("[site.cloud]\nhosts = [\"127.0.0.1:{}\"]", site.port);
    let config = CONFIG.replace("[site.cloud]\nhosts = [\"127.0.0.1:9\"]", &hosts);
    let gateway = Gateway::start_with(dir.path(), &config);
    trips(&gateway, &moves(2, "cloud"), Rail::RecipientRefused);
    assert_eq!(site.taken.load(std::sync::atomic::Ordering::Relaxed), 0, "no mail was sent");

    let dir = tempfile::tempdir().unwrap();
    let all = format!("{config}\n[rails]\nrecipient_check = \"all\"\n");
    let gateway = Gateway::start_with(dir.path(), &all);
    let said = edit(&gateway, moves(2, "cloud")).unwrap_err();
    assert!(said.to_string().contains("550 5.1.1 No such mailbox"), "{said}");
}

#[test]
fn a_second_person_agrees_and_no_author_alone() {
    let dir = tempfile::tempdir().unwrap();
    let rails = format!("{QUIET}second_person = \"always\"\n");
    let gateway = Gateway::start_with(dir.path(), &with(&rails));
    let said = edit(&gateway, moves(1, "cloud")).unwrap_err();
    assert!(matches!(said, BackendError::Blocked(_)), "{said}");
    let made = plan(&gateway, moves(1, "cloud"));
    assert_eq!(made.state, PlanState::AwaitingApproval);
    let said = apply(&gateway, &made.id, ApplyRequest::default()).unwrap_err();
    let BackendError::Blocked(blocked) = said else { panic!("{said}") };
    assert_eq!((blocked[0].rail, blocked[0].overridable), (Rail::SecondPerson, false));
    let approve =
        |by: &str| gateway.ask(gateway.control().approve_plan(made.id.clone(), Author(by.into())));
    assert!(approve("maria").is_err(), "the author is not a second person");
    assert_eq!(approve("jonas").unwrap().state, PlanState::Ready);
    apply(&gateway, &made.id, ApplyRequest::default()).unwrap();
    let history = gateway.ask(gateway.control().history(HistoryQuery::default())).unwrap();
    assert_eq!(history.generations[0].approvers, ["jonas"]);
}

fn until(gateway: &Gateway, id: &str, state: PlanState) -> Plan {
    let started = Instant::now();
    loop {
        let plan = gateway.ask(gateway.control().one_plan(id.into())).unwrap();
        if plan.state == state {
            return plan;
        }
        let late = started.elapsed() > Duration::from_secs(20);
        assert!(!late, "{id} is {} and not {}: {plan:?}", plan.state.as_str(), state.as_str());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_scheduled_plan_is_applied_when_its_time_has_come_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    let soon = gateway.control().now().plus(Duration::from_secs(3)).to_string();
    let wish = PlanRequest { not_before: Some(soon), ..request(moves(1, "cloud")) };
    let made = gateway.ask(gateway.control().make_plan(wish, author())).unwrap();
    let kept = apply(&gateway, &made.id, ApplyRequest::default()).unwrap();
    assert_eq!(kept.state, PlanState::Scheduled);
    assert_eq!(home(&gateway, "user000@contoso.example"), None);
    drop(gateway);
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    until(&gateway, &made.id, PlanState::Applied);
    assert_eq!(home(&gateway, "user000@contoso.example").as_deref(), Some("cloud"));
}

/// A gateway whose site `cloud` is `site`, with a plan of ten rows of which five go first.
fn canary(dir: &Path, site: &FakeSite, after: u32) -> (Gateway, String) {
    let hosts = format!("[site.cloud]\nhosts = [\"127.0.0.1:{}\"]", site.port);
    let config = with(QUIET).replace("[site.cloud]\nhosts = [\"127.0.0.1:9\"]", &hosts);
    let gateway = Gateway::start_with(dir, &config);
    let canary = Canary {
        recipients: Some(5),
        percent: None,
        after_deliveries: Some(after),
        after_seconds: None,
        bounce_percent_max: None,
    };
    let wish = PlanRequest { canary: Some(canary), ..request(moves(10, "cloud")) };
    let made = gateway.ask(gateway.control().make_plan(wish, author())).unwrap();
    let begun = apply(&gateway, &made.id, ApplyRequest::default()).unwrap();
    assert_eq!(begun.state, PlanState::Canary);
    assert_eq!(home(&gateway, "user004@contoso.example").as_deref(), Some("cloud"));
    assert_eq!(home(&gateway, "user005@contoso.example"), None, "only the first five");
    // From here on the gateway counts.
    let started = Instant::now();
    while !gateway.control().planner.is_watching() {
        assert!(started.elapsed() < Duration::from_secs(10), "it watches");
        std::thread::sleep(Duration::from_millis(10));
    }
    (gateway, made.id)
}

#[test]
fn a_canary_that_gets_its_mail_brings_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let site = FakeSite::start(false);
    let (gateway, id) = canary(dir.path(), &site, 2);
    send(&gateway, "user001@contoso.example");
    send(&gateway, "user002@contoso.example");
    let plan = until(&gateway, &id, PlanState::Applied);
    assert_eq!(plan.generation, Some(2));
    assert_eq!(home(&gateway, "user009@contoso.example").as_deref(), Some("cloud"));
}

#[test]
fn a_canary_that_bounces_goes_back_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let site = FakeSite::start(true);
    let (gateway, id) = canary(dir.path(), &site, 50);
    for name in names(5) {
        send(&gateway, &name);
    }
    let plan = until(&gateway, &id, PlanState::RolledBack);
    assert!(plan.failure.as_deref().unwrap_or_default().contains("5 of 5"), "{plan:?}");
    assert_eq!(home(&gateway, "user001@contoso.example"), None, "as before");
    assert!(site.refuses.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn a_plan_whose_author_may_plan_no_more_does_not_happen_at_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &with(QUIET));
    let control = gateway.control();
    for name in ["anna", "ben"] {
        let user = api::NewUser {
            name: name.into(),
            role: api::Role::Operator,
            domains: Vec::new(),
            batches: Vec::new(),
            password: "correct horse battery".into(),
        };
        control.access.add_user(user, "admin", control.now()).unwrap();
    }
    let later = control.now().plus(Duration::from_secs(4)).to_string();
    let scheduled = |author: &str, address: &str| {
        let request =
            PlanRequest { not_before: Some(later.clone()), ..request(vec![set(address, "cloud")]) };
        let made = gateway.ask(control.make_plan(request, Author(author.into()))).unwrap();
        let how = ApplyRequest::default();
        let applied = gateway.ask(control.apply_plan(made.id.clone(), how, Author(author.into())));
        assert_eq!(applied.unwrap().state, PlanState::Scheduled);
        made.id
    };
    let of_anna = scheduled("anna", "a@contoso.example");
    let of_ben = scheduled("ben", "b@contoso.example");
    let of_nobody_known = scheduled("maria", "m@contoso.example");
    let disabled = api::UserPatch { disabled: Some(true), ..api::UserPatch::default() };
    control.access.change_user("anna", &disabled, control.now()).unwrap();
    let state = |id: &String| gateway.ask(control.one_plan(id.clone())).unwrap();
    let begun = Instant::now();
    while [&of_anna, &of_ben, &of_nobody_known]
        .iter()
        .any(|it| state(it).state == PlanState::Scheduled)
    {
        assert!(begun.elapsed() < Duration::from_secs(60), "their time has come");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(state(&of_ben).state, PlanState::Applied);
    assert_eq!(
        state(&of_nobody_known).state,
        PlanState::Applied,
        "whom admin.token says is nobody's affair"
    );
    let failed = state(&of_anna);
    assert_eq!(failed.state, PlanState::Failed);
    let why = failed.failure.unwrap();
    assert!(why.starts_with("blocked: its author anna may make no plans any more"), "{why}");
    assert_eq!(home(&gateway, "a@contoso.example"), None);
}
