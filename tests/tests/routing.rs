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

/// How many deliveries are compared with `explain --generation`.
const N_EXPLAINED: usize = 200;

/// Puts every user at `odd` or every user at `even`, as one generation.
fn move_all(gateway: &Gateway, folder: &std::path::Path, home: &str) -> Result<()> {
    let file = folder.join(format!("{home}.csv"));
    let rows: String = (0..N_USERS).map(|n| format!("user{n}@example.test,{home}\n")).collect();
    fs::write(&file, format!("address,home\n{rows}"))?;
    gateway.command(&["route", "import", &file.to_string_lossy()]).map(drop)
}

/// `token` and recipient to the side that took it.
type Sides = HashMap<(String, String), String>;

/// Each delivery's recorded generation, by `explain`, says the side where it arrived.
fn agree_with_explain(rig: &Rig, sides: &Sides) -> Result<()> {
    let mut n_compared = 0;
    for ((token, recipient), side) in sides.iter().take(N_EXPLAINED) {
        let message_id = format!("<{token}@e2e.example>");
        let story = rig.gateway.json(&["trace", &message_id])?;
        let generation = delivered_generation(&story, recipient)
            .with_context(|| format!("no delivery to {recipient} in {story}"))?;
        let number = generation.to_string();
        let said = rig.gateway.command(&["explain", recipient, "--generation", &number])?;
        ensure!(
            said.contains(&format!("=> deliver to {side}")),
            "{token} to {recipient} went to {side} by {generation}, but explain says:\n{said}"
        );
        n_compared += 1;
    }
    eprintln!("{n_compared} deliveries agree with explain --generation");
    ensure!(n_compared >= N_EXPLAINED.min(sides.len()), "only {n_compared} compared");
    Ok(())
}

/// Finds, anywhere in a trace document, the delivery of this recipient.
fn delivered_generation(story: &Value, recipient: &str) -> Option<u64> {
    match story {
        Value::Array(items) => items.iter().find_map(|item| delivered_generation(item, recipient)),
        Value::Object(fields) => {
            let names_it = fields.get("recipient").or_else(|| fields.get("address"));
            if names_it.and_then(Value::as_str) == Some(recipient) {
                return find_number(story, "generation");
            }
            fields.values().find_map(|value| delivered_generation(value, recipient))
        }
        _ => None,
    }
}

fn find_number(value: &Value, key: &str) -> Option<u64> {
    match value {
        Value::Array(items) => items.iter().rev().find_map(|item| find_number(item, key)),
        Value::Object(fields) => fields
            .get(key)
            .and_then(Value::as_u64)
            .or_else(|| fields.values().find_map(|value| find_number(value, key))),
        _ => None,
    }
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
