//! A site goes away for thousands of messages and comes back.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::gateway::Settings;
use e2e::load::{Load, Outcome, Plan, Sent};
use e2e::rig::Rig;
use e2e::sink::Delivery;
use e2e::wait;

/// Messages while the site is down.
const N_DURING: usize = 4000;

/// One client a recipient group, so that the order of acceptance is known.
fn plan(rig: &Rig, run: &str, messages_max: usize) -> Result<Plan> {
    let mut plan = Plan::new(e2e::peers::Server::address(&rig.gateway), run);
    plan.messages_max = messages_max;
    plan.clients = 1;
    plan.bytes = |_| 600;
    plan.recipients = |n| vec![format!("user{}@example.test", n % 40)];
    Ok(plan)
}

/// Mail that one client sent to one recipient arrives in the order it was accepted.
fn check_order(sent: &[Sent], deliveries: &[Delivery]) -> Result<()> {
    let position: HashMap<&str, usize> =
        sent.iter().enumerate().map(|(at, one)| (one.token.as_str(), at)).collect();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for delivery in deliveries {
        let Some(&at) = delivery.token.as_deref().and_then(|token| position.get(token)) else {
            continue;
        };
        for recipient in &delivery.recipients {
            let before = last.insert(recipient, at);
            ensure!(before.is_none_or(|before| before < at), "{recipient}: {before:?} after {at}");
        }
    }
    Ok(())
}

#[test]
fn mail_for_a_site_that_is_down_waits_and_drains_in_order() -> Result<()> {
    let default = Settings::default();
    let sections = default.sections + "[limits]\nmessages_per_session_max = 100000\n";
    let mut rig = Rig::new(&Settings { sections, ..default })?;
    let mut sent = Load::start(&plan(&rig, "before", 100)?).finish();
    wait::settled(100, Duration::from_secs(10), || rig.n_arrived());

    rig.sinks[0].go_down();
    let during = Load::start(&plan(&rig, "during", N_DURING)?).finish();
    let accepted = |sent: &[Sent]| {
        sent.iter().filter(|one| matches!(one.outcome, Outcome::Accepted(_))).count()
    };
    ensure!(accepted(&during) == N_DURING, "new mail was refused during the outage");
    // The other side got all of its half without waiting for the first.
    let even = 50 + N_DURING / 2;
    let arrived = || rig.sinks[1].n_recipients();
    wait::until("the other side's mail", Duration::from_secs(30), || arrived() == even)?;
    let waiting = rig.gateway.command(&["queue", "summary"])?;
    eprintln!("while it is down:\n{waiting}");
    sent.extend(during);

    // New mail goes along while the backlog drains.
    rig.sinks[0].come_up()?;
    let after = Load::start(&plan(&rig, "after", 400)?).finish();
    ensure!(accepted(&after) == 400, "new mail was refused while the backlog drained");
    sent.extend(after);
    let verdict = rig.settle(&sent)?;
    eprintln!("{verdict}");
    check_order(&sent, &rig.sinks[0].deliveries())?;
    check_order(&sent, &rig.sinks[1].deliveries())
}
