//! Steps of a move.

use expect_test::{Expect, expect};

use super::{address, domains, site, table};
use crate::{
    Course, EDGES, Entry, MoveState, Rail, Standing, WayHere, future_home, step, step_back,
};

fn row(home: &str, state: MoveState) -> Entry {
    let line = format!("anna@contoso.example {home} state={state}");
    table(&line).get(&address("anna@contoso.example").key()).unwrap().clone()
}

fn at(state: MoveState, home: &str) -> Standing {
    Standing { state, home: site(home) }
}

fn way(before: Option<Standing>, origin: Option<&str>) -> WayHere {
    WayHere { before_cutover: before, origin: origin.map(site) }
}

fn check(row: &Entry, way: &WayHere, to: MoveState, home: Option<&str>, want: Expect) {
    let home = home.map(site);
    let got = match step(&domains(), row, way, to, home.as_ref()) {
        Ok(it) => format!("{} {}", it.state, it.home),
        Err(error) => error.to_string(),
    };
    want.assert_eq(&got);
}

#[test]
fn there_are_these_steps_and_no_others() {
    let way = way(Some(at(MoveState::Syncing, "on_prem")), Some("on_prem"));
    let mut lines = String::new();
    for from in MoveState::ALL {
        for to in MoveState::ALL {
            let home = match from {
                MoveState::OnPrem | MoveState::Syncing | MoveState::Cutover => "on_prem",
                MoveState::Cloud | MoveState::Settled => "cloud",
            };
            if let Ok(it) = step(&domains(), &row(home, from), &way, to, None) {
                lines.push_str(&format!("{from} at {home} -> {} at {}\n", it.state, it.home));
            }
        }
    }
    expect![[r#"
        on_prem at on_prem -> syncing at on_prem
        syncing at on_prem -> on_prem at on_prem
        syncing at on_prem -> cutover at on_prem
        cutover at on_prem -> on_prem at on_prem
        cutover at on_prem -> syncing at on_prem
        cutover at on_prem -> cloud at cloud
        cloud at cloud -> on_prem at on_prem
        cloud at cloud -> cutover at cloud
        cloud at cloud -> settled at cloud
        settled at cloud -> on_prem at on_prem
    "#]]
    .assert_eq(&lines);
    assert_eq!(lines.lines().count(), EDGES.len());
}

#[test]
fn every_state_has_a_way_back_to_on_prem() {
    for from in MoveState::ALL.into_iter().filter(|it| *it != MoveState::OnPrem) {
        assert!(EDGES.iter().any(|it| it.from == from && it.to == MoveState::OnPrem), "{from}");
    }
}

#[test]
fn a_cutover_that_began_in_the_cloud_flips_back_or_is_given_up() {
    let cut = row("cloud", MoveState::Cutover);
    let way = way(Some(at(MoveState::Cloud, "cloud")), Some("on_prem"));
    check(&cut, &way, MoveState::OnPrem, None, expect!["on_prem on_prem"]);
    check(&cut, &way, MoveState::Cloud, None, expect!["cloud cloud"]);
    check(
        &cut,
        &way,
        MoveState::Syncing,
        None,
        expect!["its cutover did not begin in syncing: want cloud or syncing or on_prem"],
    );
    assert_eq!(step_back(&cut, &way, &domains()), at(MoveState::Cloud, "cloud"));
}

#[test]
fn a_home_that_makes_no_sense_is_refused_with_what_to_write_instead() {
    let way = way(Some(at(MoveState::Syncing, "on_prem")), Some("on_prem"));
    let cut = row("on_prem", MoveState::Cutover);
    check(&cut, &way, MoveState::Cloud, Some("cloud"), expect!["cloud cloud"]);
    check(
        &cut,
        &way,
        MoveState::Cloud,
        Some("on_prem"),
        expect!["it lives at on_prem already: want another site"],
    );
    check(
        &cut,
        &way,
        MoveState::Cloud,
        Some("mars"),
        expect!["there is no site mars: want on_prem or cloud"],
    );
    check(
        &cut,
        &way,
        MoveState::Syncing,
        Some("cloud"),
        expect!["its home stays on_prem in this step: leave home out"],
    );
    let settled = row("cloud", MoveState::Settled);
    check(
        &settled,
        &WayHere::default(),
        MoveState::Syncing,
        None,
        expect!["there is no step from settled to syncing: want on_prem"],
    );
}

#[test]
fn a_row_that_came_into_the_table_in_cutover_goes_back_by_its_home() {
    let back = |home| step_back(&row(home, MoveState::Cutover), &WayHere::default(), &domains());
    assert_eq!(back("on_prem"), at(MoveState::OnPrem, "on_prem"));
    assert_eq!(back("cloud"), at(MoveState::Cloud, "cloud"));
}

#[test]
fn a_way_back_meets_no_rail_but_that_of_the_loop() {
    let from_syncing = way(Some(at(MoveState::Syncing, "on_prem")), Some("on_prem"));
    let from_cloud = way(Some(at(MoveState::Cloud, "cloud")), Some("on_prem"));
    let mut lines = String::new();
    for edge in EDGES {
        let home = if matches!(edge.from, MoveState::Cloud | MoveState::Settled) {
            "cloud"
        } else {
            "on_prem"
        };
        let course = Course::of(&row(home, edge.from), &from_syncing, edge.to);
        lines.push_str(&format!("{} -> {}: {course:?}\n", edge.from, edge.to));
    }
    expect![[r#"
        on_prem -> syncing: On
        syncing -> cutover: On
        cutover -> cloud: On
        cloud -> settled: On
        syncing -> on_prem: Back
        cutover -> syncing: Back
        cutover -> on_prem: Back
        cloud -> cutover: Back
        cloud -> on_prem: Back
        settled -> on_prem: Back
    "#]]
    .assert_eq(&lines);
    let given_up = Course::of(&row("cloud", MoveState::Cutover), &from_cloud, MoveState::Cloud);
    assert_eq!(given_up, Course::Back);
    let met = |course: Course| Rail::ALL.into_iter().filter(|it| course.meets(*it)).collect();
    let (on, back): (Vec<Rail>, Vec<Rail>) = (met(Course::On), met(Course::Back));
    assert_eq!((on.len(), back), (Rail::ALL.len(), vec![Rail::Loop]));
}

#[test]
fn with_two_sites_the_future_home_is_known_before_the_flip() {
    let home = future_home(&domains(), &row("on_prem", MoveState::Syncing)).cloned();
    assert_eq!(home, Some(site("cloud")));
}
