//! What operators do with mail that waits, and what it must survive.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::gateway::Settings;
use e2e::load::{Load, Plan, Sent};
use e2e::peers::Server;
use e2e::rig::{Rig, n_accepted};
use e2e::sink::{Delivery, Faults, Sink};
use e2e::wait;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

/// Notifications come back to the site `even`.
fn settings(delivery: &str) -> Settings {
    let sections = format!(
        "[[relay_domain]]\nname = \"e2e.example\"\nunlisted = \"even\"\n\
         [delivery]\nretry = [\"1s\"]\n{delivery}\n"
    );
    Settings { sections, ..Settings::default() }
}

/// `n` messages from one client, all accepted.
fn send(rig: &Rig, run: &str, n: usize, recipients: fn(usize) -> Vec<String>) -> Result<Vec<Sent>> {
    send_to(rig, "mx", run, n, recipients)
}

fn send_to(
    rig: &Rig,
    listener: &str,
    run: &str,
    n: usize,
    recipients: fn(usize) -> Vec<String>,
) -> Result<Vec<Sent>> {
    let mut plan = Plan::new(rig.gateway.listener(listener)?, run);
    plan.messages_max = n;
    plan.clients = 1;
    plan.recipients = recipients;
    let sent = Load::start(&plan).finish();
    ensure!(n_accepted(&sent) >= n, "{run}: not all was accepted: {sent:?}");
    Ok(sent)
}

fn user1(_: usize) -> Vec<String> {
    vec!["user1@example.test".into()]
}

fn tokens(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().filter_map(|it| it.token.clone()).collect()
}

/// What `queue list` prints, a document a line.
fn listed(rig: &Rig, args: &[&str]) -> Result<Vec<Value>> {
    let text = rig.gateway.command(&[&["queue", "list", "--json"], args].concat())?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn n_listed(rig: &Rig, args: &[&str]) -> Result<usize> {
    Ok(listed(rig, args)?.len())
}

/// Does it, with a reason, and without being asked.
fn act(rig: &Rig, args: &[&str]) -> Result<String> {
    rig.gateway.command(&[args, &["--reason", "test"]].concat())
}

fn act_on_mail(rig: &Rig, args: &[&str]) -> Result<String> {
    act(rig, &[args, &["--yes"]].concat())
}

fn arrives(sink: &Sink, n: usize) -> Result<()> {
    wait::until(&format!("{n} recipients at a site"), SOON, || sink.n_recipients() >= n)?;
    let arrived = sink.n_recipients();
    ensure!(arrived == n, "{arrived} recipients arrived instead of {n}");
    Ok(())
}

/// Waits until some site is said to be in this state.
fn site_is(rig: &Rig, state: &str) -> Result<()> {
    let mut last = String::new();
    let found = wait::until(&format!("a site to be {state}"), SOON, || {
        last = rig.gateway.command(&["site", "list", "--json"]).unwrap_or_default();
        last.contains(&format!("\"{state}\""))
    });
    found.with_context(|| last)
}

#[test]
fn mail_waits_for_a_cutover_and_follows_the_mailbox_in_order() -> Result<()> {
    let rig = Rig::new(&settings(""))?;
    let route = |home: &str, state: &str| {
        act(&rig, &["route", "set", "user1@example.test", "--home", home, "--state", state])
    };
    route("odd", "cutover")?;
    let mut sent = send(&rig, "held", 40, user1)?;
    send(&rig, "others", 5, |_| vec!["user3@example.test".into()])?;
    arrives(&rig.sinks[0], 5)?;
    ensure!(n_listed(&rig, &["--state", "held"])? == 40, "not all is held");
    // Nobody can let it go but the table.
    let said = rig.gateway.cli(&["queue", "release", "--all", "--yes"])?;
    ensure!(n_listed(&rig, &["--state", "held"])? == 40, "a cutover was cut short: {said:?}");
    route("even", "cloud")?;
    arrives(&rig.sinks[1], 40)?;
    sent.extend(send(&rig, "after", 5, user1)?);
    arrives(&rig.sinks[1], 45)?;
    let expected: Vec<String> = sent.iter().map(|it| it.token.clone()).collect();
    ensure!(tokens(&rig.sinks[1].deliveries()) == expected, "out of order");
    rig.gateway.verify_ledger()
}

#[test]
fn held_mail_stays_until_it_is_released_and_what_is_given_up_is_accounted_for() -> Result<()> {
    let mut rig = Rig::new(&settings(""))?;
    rig.sinks[0].go_down();
    send(&rig, "two", 6, |_| vec!["user1@example.test".into(), "user3@example.test".into()])?;
    site_is(&rig, "down")?;
    let held = |rig: &Rig| n_listed(rig, &["--state", "held"]);
    act_on_mail(&rig, &["queue", "hold", "--recipient", "user1@example.test"])?;
    ensure!(held(&rig)? == 6, "not held");
    // One recipient of a message does not take the other along.
    let said = act_on_mail(&rig, &["queue", "discard", "--recipient", "user3@example.test"])?;
    ensure!(held(&rig)? == 6, "discarding one recipient let the other go");
    rig.sinks[0].come_up()?;
    send(&rig, "later", 1, |_| vec!["user3@example.test".into()])?;
    arrives(&rig.sinks[0], 1).with_context(|| format!("{said}{}", rig.gateway.log()))?;
    ensure!(held(&rig)? == 6, "a site that came up let held mail go");

    rig.gateway.terminate()?;
    rig.gateway.start()?;
    rig.gateway.verify_ledger()?;
    ensure!(held(&rig)? == 6, "a restart let held mail go");
    let list = listed(&rig, &["--state", "held"])?;
    let id = list[0]["id"].as_str().context("an id")?;
    act_on_mail(&rig, &["queue", "bounce", id])?;
    act_on_mail(&rig, &["queue", "release", "--all"])?;
    arrives(&rig.sinks[0], 6)?;
    arrives(&rig.sinks[1], 1)?;
    let sum = rig.gateway.json(&["ledger", "verify"])?;
    ensure!(sum["bounced"] == 1 && sum["discarded"] == 6, "{sum}");
    Ok(())
}

#[test]
fn a_site_that_does_not_know_us_gets_nothing_bounced() -> Result<()> {
    let rig = Rig::new(&settings(""))?;
    rig.sinks[0].set_faults(Faults { refuse_us: 1.0, ..Faults::default() });
    let sent = send(&rig, "fault", 30, |n| vec![format!("user{}@example.test", 2 * n + 1)])?;
    site_is(&rig, "held")?;
    ensure!(rig.sinks[1].n_recipients() == 0, "a sender was told of a failure");
    // A thread of its own writes it.
    let says_why = || rig.gateway.log().contains("TenantAttribution");
    wait::until("the log to say why", SOON, says_why)?;
    rig.sinks[0].set_faults(Faults::default());
    act(&rig, &["site", "override", "odd", "up"])?;
    arrives(&rig.sinks[0], 30)?;
    eprintln!("{}", rig.settle(&sent)?);
    Ok(())
}

#[test]
fn an_override_keeps_a_site_closed_through_a_restart() -> Result<()> {
    let mut rig = Rig::new(&settings(""))?;
    act(&rig, &["site", "override", "odd", "down"])?;
    send(&rig, "closed", 10, user1)?;
    rig.gateway.sandbox().kill_all()?;
    rig.gateway.start()?;
    send(&rig, "restarted", 10, user1)?;
    // Long enough for a delivery that ought not to happen.
    send(&rig, "others", 200, |_| vec!["user2@example.test".into()])?;
    arrives(&rig.sinks[1], 200)?;
    ensure!(rig.sinks[0].n_recipients() == 0, "mail went to a site that an operator closed");
    act(&rig, &["site", "override", "odd", "auto"])?;
    arrives(&rig.sinks[0], 20)?;
    rig.gateway.verify_ledger()
}

#[test]
fn mail_for_the_world_waits_for_the_smart_host_and_goes_when_it_is_back() -> Result<()> {
    let mut world = Sink::start("world")?;
    let smart_host = format!("smart_host = [\"{}\"]", world.address());
    let rig = Rig::new(&settings(&smart_host))?;
    let stranger = |n: usize| vec![format!("somebody{n}@elsewhere.example")];
    send_to(&rig, "relay", "first", 10, stranger)?;
    arrives(&world, 10)?;
    world.go_down();
    send_to(&rig, "relay", "second", 20, stranger)?;
    // Several failures in a row, each noted.
    wait::until("attempts that fail", SOON, || {
        rig.gateway.log().matches("Cannot connect.").count() >= 4
    })?;
    ensure!(n_listed(&rig, &["--site", "smart_host"])? == 20, "it does not wait");
    world.come_up()?;
    arrives(&world, 30).with_context(|| rig.gateway.log())?;
    rig.gateway.verify_ledger()
}

#[test]
fn late_mail_is_announced_once_then_returned_but_not_what_is_held() -> Result<()> {
    let spans = "lifetime = \"100s\"\ndsn_lifetime = \"60s\"\ndelay_notice_after = \"60s\"";
    let mut rig = Rig::new(&settings(spans))?;
    rig.sinks[0].go_down();
    send(&rig, "kept", 1, user1)?;
    act_on_mail(&rig, &["queue", "hold", "--all"])?;
    send(&rig, "late", 1, |_| vec!["user3@example.test".into()])?;
    let told = |action: &str| {
        let wanted = format!("Action: {action}");
        let is = |it: &&Delivery| {
            it.sender.is_empty() && String::from_utf8_lossy(&it.content).contains(&wanted)
        };
        rig.deliveries().iter().filter(is).count()
    };
    wait::until("the bounce", Duration::from_secs(170), || told("failed") == 1)?;
    // Its sender is told of both delays, and of one failure.
    ensure!(told("delayed") == 2, "{} notices of delay", told("delayed"));
    ensure!(n_listed(&rig, &["--state", "held"])? == 1, "what is held does not expire");
    rig.gateway.verify_ledger()
}
