//! Mailboxes move back and forth while mail for them flows.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::checker::{Rules, check};
use e2e::gateway::{Gateway, N_USERS, Settings};
use e2e::load::{Load, Plan};
use e2e::peers::Server;
use e2e::rig::{Rig, n_accepted};
use e2e::wait;
use serde_json::Value;

const N_MESSAGES: usize = 10_000;

/// Puts every user at `odd` or every user at `even`, as one generation.
fn move_all(gateway: &Gateway, folder: &std::path::Path, home: &str) -> Result<()> {
    let file = folder.join(format!("{home}.csv"));
    let rows: String = (0..N_USERS).map(|n| format!("user{n}@example.test,{home}\n")).collect();
    fs::write(&file, format!("address,home\n{rows}"))?;
    gateway.import_whole(&file)
}

/// `token` and recipient to the side that took it.
type Sides = HashMap<(String, String), String>;

/// What the ledger says of one delivery.
struct Delivered {
    token: String,
    recipient: String,
    generation: u64,
}

/// Each delivery's recorded generation, by `explain`, says the side where it arrived.
fn agree_with_explain(rig: &Rig, sides: &Sides) -> Result<()> {
    let mut api = rig.gateway.api()?;
    let mut deliveries = Vec::new();
    for user in 0..N_USERS {
        let recipient = format!("user{user}@example.test");
        let traced = api.get(&format!("/api/v1/trace?limit=1000&address={recipient}"))?;
        deliveries.extend(deliveries_of(&traced, &recipient)?);
    }
    // One generation after the other: the gateway keeps few past tables at hand.
    deliveries.sort_by_key(|it| it.generation);
    let mut said = HashMap::new();
    for delivery in &deliveries {
        let Delivered { token, recipient, generation } = delivery;
        let side = sides
            .get(&(token.clone(), recipient.clone()))
            .with_context(|| format!("{token} to {recipient} never arrived"))?;
        let asked = (recipient.clone(), *generation);
        if !said.contains_key(&asked) {
            let path = format!("/api/v1/explain?address={recipient}&generation={generation}");
            said.insert(asked.clone(), api.get(&path)?);
        }
        let explanation = &said[&asked];
        ensure!(
            explanation["verdict"] == "deliver" && explanation["hop"] == side.as_str(),
            "{token} to {recipient} went to {side} by {generation}, but explain says:\n{explanation}"
        );
    }
    eprintln!(
        "{} deliveries agree with explain, asked {} times at their generations",
        deliveries.len(),
        said.len()
    );
    ensure!(deliveries.len() == sides.len(), "only {} compared", deliveries.len());
    Ok(())
}

/// The deliveries to `recipient` among the stories.
fn deliveries_of(traced: &Value, recipient: &str) -> Result<Vec<Delivered>> {
    let stories = traced["stories"].as_array().context("no stories")?;
    let mut found = Vec::new();
    for story in stories {
        let id = story["message_id"].as_str().context("no Message-ID")?;
        let token = id.trim_matches(['<', '>']).split('@').next().unwrap_or_default();
        let recipients = story["recipients"].as_array().context("no recipients")?;
        for one in recipients.iter().filter(|it| it["address"] == recipient) {
            let events = one["events"].as_array().context("no events")?;
            for event in events.iter().filter(|it| it["what"] == "delivered") {
                let generation = event["generation"].as_u64().context("no generation")?;
                let (token, recipient) = (token.to_owned(), recipient.to_owned());
                found.push(Delivered { token, recipient, generation });
            }
        }
    }
    Ok(found)
}

#[test]
fn each_message_follows_exactly_one_generation() -> Result<()> {
    let rig = Rig::new(&Settings::default())?;
    let mut plan = Plan::new(rig.gateway.address(), "m");
    plan.messages_max = N_MESSAGES;
    plan.bytes = |_| 700;
    // Two recipients each, at first on both sides.
    plan.recipients = |n| {
        vec![
            format!("user{}@example.test", n % N_USERS),
            format!("user{}@example.test", (n * 7 + 1) % N_USERS),
        ]
    };
    let moving = AtomicBool::new(true);
    let (sent, n_moves) = std::thread::scope(|scope| -> Result<_> {
        let mover = scope.spawn(|| -> Result<usize> {
            let mut n_moves = 0;
            while moving.load(Ordering::SeqCst) {
                let home = if n_moves % 2 == 0 { "odd" } else { "even" };
                move_all(&rig.gateway, rig.folder.path(), home)?;
                n_moves += 1;
            }
            Ok(n_moves)
        });
        let sent = Load::start(&plan).finish();
        moving.store(false, Ordering::SeqCst);
        Ok((sent, mover.join().expect("the mover does not panic")?))
    })?;
    let goal = n_accepted(&sent);
    wait::settled(goal, Duration::from_secs(20), || rig.n_arrived());
    let either = |_: &str| vec!["odd".to_string(), "even".to_string()];
    let deliveries = rig.deliveries();
    let verdict = check(&sent, &deliveries, &Rules { sides_of: &either, crashes: &[] });
    eprintln!("{n_moves} generations of {N_USERS} rows: {verdict}");
    ensure!(verdict.is_good() && verdict.delivered == goal, "{verdict}");
    ensure!(n_moves >= 4, "only {n_moves} generations while mail flowed");
    rig.gateway.verify_ledger()?;
    let mut sides = Sides::new();
    for delivery in &deliveries {
        let token = delivery.token.clone().context("a delivery without token")?;
        for recipient in &delivery.recipients {
            sides.insert((token.clone(), recipient.clone()), delivery.side.clone());
        }
    }
    ensure!(
        sides.values().any(|side| side == "odd") && sides.values().any(|side| side == "even"),
        "all mail went to one side"
    );
    agree_with_explain(&rig, &sides)
}
