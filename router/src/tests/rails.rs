//! Every rail: what trips it, and what just does not.

use std::time::Duration;

use mail::{Address, AddressKey, Timestamp};

use super::{address, domains, edits, site, table};
use crate::{
    BatchSynced, Changes, Rail, RailFacts, RailPolicy, Refusal, SiteState, SiteStates, SyncFact,
    Table, Tripped, confirmation, rails,
};

fn policy() -> RailPolicy {
    RailPolicy {
        large_change_rows: Some(50),
        large_change_percent: Some(10),
        large_change_percent_from: 25,
        domain_row: true,
        site_not_healthy: true,
        loops: true,
        batch_synced: BatchSynced::WhenReported,
        batch_synced_age: Duration::from_secs(3600),
    }
}

/// Everything else is as it should be.
struct Case {
    policy: RailPolicy,
    table: Table,
    sites: SiteStates,
    refused: Vec<Refusal>,
    ourselves: Vec<mail::SiteName>,
    target: Option<Address>,
    sync: Option<SyncFact>,
    frozen: Option<&'static str>,
}

impl Case {
    fn new(rows: &str) -> Self {
        Self {
            policy: policy(),
            table: table(rows),
            sites: SiteStates::default(),
            refused: Vec::new(),
            ourselves: Vec::new(),
            target: None,
            sync: None,
            frozen: None,
        }
    }

    fn changes(&self, lines: &str) -> Changes {
        self.table.plan(&edits(lines), Timestamp::from_micros(2)).unwrap()
    }

    fn trips(&self, lines: &str) -> Vec<Tripped> {
        self.trips_by(&self.changes(lines))
    }

    fn trips_by(&self, changes: &Changes) -> Vec<Tripped> {
        rails(&RailFacts {
            policy: &self.policy,
            table: &self.table,
            domains: &domains(),
            sites: &self.sites,
            changes,
            refused: &self.refused,
            ourselves: &self.ourselves,
            target_address: &|_: &AddressKey| self.target.clone(),
            sync: &|_: &AddressKey| self.sync.clone(),
            frozen: self.frozen,
        })
    }

    #[track_caller]
    fn check(&self, lines: &str, want: &[Rail]) {
        let tripped = self.trips(lines);
        let got: Vec<Rail> = tripped.iter().map(|it| it.rail).collect();
        assert_eq!(got, want, "{tripped:?}");
    }
}

fn rows(n: usize, domain: &str, home: &str) -> String {
    (0..n).map(|it| format!("u{it}@{domain} {home}\n")).collect()
}

#[test]
fn a_change_is_large_by_its_rows_or_its_share() {
    let case = Case::new(&rows(400, "contoso.example", "on_prem"));
    case.check(&rows(40, "contoso.example", "cloud"), &[]);
    case.check(&rows(44, "contoso.example", "cloud"), &[Rail::LargeChange]);
    let said = &case.trips(&rows(60, "contoso.example", "cloud"))[0];
    assert_eq!((said.rows, said.examples.len()), (60, crate::EXAMPLES_MAX));
    assert!(said.message.contains("more than 50 mailboxes, 15 % of contoso.example"), "{said:?}");
    assert!(said.hint.contains(&confirmation(60)), "{said:?}");
    let removed: String = (0..60).map(|it| format!("- u{it}@contoso.example\n")).collect();
    case.check(&removed, &[Rail::LargeChange]);

    let small = Case::new(&rows(30, "contoso.example", "on_prem"));
    small.check(&rows(24, "contoso.example", "cloud"), &[]);
    let off = RailPolicy { large_change_rows: None, large_change_percent: None, ..policy() };
    let case = Case { policy: off, ..case };
    case.check(&rows(399, "contoso.example", "cloud"), &[]);
}

#[test]
fn a_first_table_that_says_what_is_so_anyway_moves_nobody() {
    let first = Case::new("");
    first.check(&rows(200, "contoso.example", "cloud"), &[]);
    let case = Case::new("anna@contoso.example on_prem");
    case.check(&rows(200, "contoso.example", "on_prem"), &[]);
    case.check(&rows(200, "contoso.example", "cloud"), &[Rail::LargeChange]);
    case.check(&rows(200, "fabrikam.example", "on_prem"), &[Rail::LargeChange]);
}

#[test]
fn a_whole_domain_is_more_than_its_rows() {
    let rest = rows(20, "fabrikam.example", "cloud");
    let case = Case::new(&(rows(10, "contoso.example", "on_prem") + &rest));
    case.check(&rows(9, "contoso.example", "cloud"), &[]);
    case.check(&rows(10, "contoso.example", "cloud"), &[Rail::DomainRow]);
    let small = Case::new(&rows(9, "contoso.example", "on_prem"));
    small.check(&rows(9, "contoso.example", "cloud"), &[]);
    let off = Case { policy: RailPolicy { domain_row: false, ..policy() }, ..case };
    off.check(&rows(10, "contoso.example", "cloud"), &[]);
}

#[test]
fn nobody_moves_to_a_site_that_is_ill() {
    for state in [SiteState::Down, SiteState::Held] {
        let mut case = Case::new("anna@contoso.example on_prem\nbert@contoso.example cloud");
        case.sites.set(site("cloud"), state);
        case.check("anna@contoso.example cloud", &[Rail::SiteNotHealthy]);
        case.check("anna@contoso.example on_prem note=x", &[]);
        case.check("bert@contoso.example on_prem", &[]);
        case.check("bert@contoso.example cloud batch=b", &[]);
        case.policy.site_not_healthy = false;
        case.check("anna@contoso.example cloud", &[]);
    }
}

#[test]
fn what_the_future_site_says_is_repeated() {
    let refusal = Refusal {
        recipient: "anna@contoso.example".into(),
        site: site("cloud"),
        reply: "550 5.1.10 Recipient not found".into(),
    };
    let case = Case { refused: vec![refusal], ..Case::new("anna@contoso.example on_prem") };
    case.check("anna@contoso.example cloud", &[Rail::RecipientRefused]);
    assert!(case.trips("anna@contoso.example cloud")[0].message.contains("550 5.1.10"));
}

#[test]
fn a_site_that_would_send_it_back_is_no_home() {
    let mut case = Case::new("anna@contoso.example on_prem\nbert@contoso.example cloud");
    case.ourselves = vec![site("cloud")];
    case.check("anna@contoso.example cloud", &[Rail::Loop]);
    case.check("bert@contoso.example on_prem", &[]);

    case.ourselves.clear();
    case.target = Some(address("bert@fabrikam.example"));
    case.check("bert@contoso.example on_prem", &[Rail::Loop]);
    case.check("anna@contoso.example cloud", &[]);
    case.target = Some(address("bert@contoso.mail.example"));
    case.check("bert@contoso.example on_prem", &[]);
    case.policy.loops = false;
    case.target = Some(address("bert@fabrikam.example"));
    case.check("bert@contoso.example on_prem", &[]);
}

#[test]
fn a_mailbox_that_is_not_copied_is_not_cut_over() {
    let report = |done, age: u64| SyncFact {
        items_total: 100,
        items_done: done,
        age: Some(Duration::from_secs(age)),
    };
    let mut case = Case::new("anna@contoso.example on_prem state=syncing");
    let (cutover, cloud) =
        ("anna@contoso.example on_prem state=cutover", "anna@contoso.example cloud state=cloud");
    for line in [cutover, cloud] {
        case.policy.batch_synced = BatchSynced::WhenReported;
        case.sync = None;
        case.check(line, &[]);
        case.sync = Some(report(99, 1));
        case.check(line, &[Rail::BatchNotSynced]);
        case.sync = Some(report(100, 3601));
        case.check(line, &[Rail::BatchNotSynced]);
        case.sync = Some(report(100, 3600));
        case.check(line, &[]);
        case.policy.batch_synced = BatchSynced::Required;
        case.check(line, &[]);
        case.sync = None;
        case.check(line, &[Rail::BatchNotSynced]);
        case.policy.batch_synced = BatchSynced::Off;
        case.check(line, &[]);
    }
    let mut back = Case::new("anna@contoso.example cloud state=cloud");
    back.policy.batch_synced = BatchSynced::Required;
    back.check("anna@contoso.example on_prem state=on_prem", &[]);
    back.check("anna@contoso.example cloud state=settled", &[]);
}

#[test]
fn a_frozen_table_stays_as_it_is() {
    let case =
        Case { frozen: Some("Mon-Fri 08:00-18:00"), ..Case::new("anna@contoso.example cloud") };
    case.check("anna@contoso.example cloud note=x", &[Rail::FreezeWindow]);
    case.check("anna@contoso.example cloud", &[]);
}

#[test]
fn rows_are_carried_over_to_a_later_table_or_conflict() {
    let old = table("anna@contoso.example on_prem\nbert@contoso.example on_prem");
    let plan = old
        .plan(
            &edits("anna@contoso.example cloud\n- bert@contoso.example"),
            Timestamp::from_micros(3),
        )
        .unwrap();
    let later = super::edited(&old, "cleo@contoso.example cloud");
    let changes = later.carry(&plan.rows, Timestamp::from_micros(9)).unwrap();
    assert_eq!((changes.generation, changes.rows.len()), (3, 2));
    assert_eq!(changes.rows[0].after.as_ref().unwrap().changed_at, Timestamp::from_micros(9));
    // As wished already: no change, and no conflict.
    let half = super::edited(&later, "- bert@contoso.example");
    assert_eq!(half.carry(&plan.rows, Timestamp::from_micros(9)).unwrap().rows.len(), 1);
    let other = super::edited(&later, "anna@contoso.example on_prem batch=b");
    let Err(crate::Misfit::Conflicts(rows)) = other.carry(&plan.rows, Timestamp::from_micros(9))
    else {
        panic!("no conflict")
    };
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].theirs.as_ref().unwrap().batch.as_deref(), Some("b"));
    let taken = super::edited(&old, "dora@contoso.example cloud aliases=emil@contoso.example");
    let new = old.plan(&edits("emil@contoso.example cloud"), Timestamp::from_micros(3)).unwrap();
    assert!(matches!(
        taken.carry(&new.rows, Timestamp::from_micros(9)),
        Err(crate::Misfit::Problems(_))
    ));
    let back = later.difference(&old);
    assert_eq!(later.apply(&later.carry(&back, Timestamp::from_micros(9)).unwrap()).len(), 2);
}

#[test]
fn an_address_that_is_lost_weighs_as_much_as_a_move() {
    let named = |it: usize| {
        format!(
            "u{it}@contoso.example cloud state=cloud aliases=a{it}@contoso.example \
             cloud_address=u{it}@t.example\n"
        )
    };
    let case = Case::new(&(0..60).map(named).collect::<String>());
    let changed = |line: fn(usize) -> String| (0..60).map(line).collect::<String>();
    let both = [Rail::LargeChange, Rail::DomainRow];
    let cleared = |what: fn(&mut crate::Put)| {
        let lines = changed(|it| format!("u{it}@contoso.example cloud state=cloud\n"));
        let mut wishes = edits(&lines);
        for wish in &mut wishes {
            let crate::Edit::Put(put) = wish else { unreachable!() };
            what(put);
        }
        let changes = case.table.plan(&wishes, Timestamp::from_micros(2)).unwrap();
        assert_eq!(changes.rows.len(), 60);
        case.trips_by(&changes).iter().map(|it| it.rail).collect::<Vec<_>>()
    };
    assert_eq!(cleared(|it| it.aliases = crate::Field::Clear), both);
    assert_eq!(cleared(|it| it.cloud_address = crate::Field::Clear), both);
    case.check(
        &changed(|it| format!("u{it}@contoso.example cloud aliases=b{it}@contoso.example\n")),
        &both,
    );
    case.check(
        &changed(|it| format!("u{it}@contoso.example cloud cloud_address=v{it}@t.example\n")),
        &both,
    );
    // One more alias, or another note, is nobody's loss.
    case.check(
        &changed(|it| {
            format!(
                "u{it}@contoso.example cloud note=x \
                 aliases=a{it}@contoso.example,b{it}@contoso.example\n"
            )
        }),
        &[],
    );
    // A name that is written down for the day of the move changes nothing yet.
    let later = Case::new(&rows(60, "contoso.example", "on_prem"));
    later.check(
        &changed(|it| format!("u{it}@contoso.example on_prem cloud_address=u{it}@t.example\n")),
        &[],
    );
}

#[test]
fn mail_that_is_held_weighs_at_the_beginning_of_a_cutover_and_not_at_its_end() {
    let state = |state: &str, home: &str| {
        (0..60)
            .map(|it| format!("u{it}@contoso.example {home} state={state}\n"))
            .collect::<String>()
    };
    let both = [Rail::LargeChange, Rail::DomainRow];
    let syncing = Case::new(&state("syncing", "on_prem"));
    syncing.check(&state("cutover", "on_prem"), &both);
    assert!(syncing.trips(&state("cutover", "on_prem"))[0].message.contains("mail held"));
    let cut = Case::new(&state("cutover", "on_prem"));
    cut.check(&state("cloud", "cloud"), &[]);
    cut.check(&state("syncing", "on_prem"), &[]);
    let removed: String = (0..60).map(|it| format!("- u{it}@contoso.example\n")).collect();
    cut.check(&removed, &both);
    let moved = Case::new(&state("syncing", "on_prem"));
    moved.check(&state("cloud", "cloud"), &both);
}
