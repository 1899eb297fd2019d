//! What schemathesis is told: names that are there, for each place where one is wanted. It takes
//! them most of the time, and its own inventions otherwise.

use std::fmt::Write as _;

use anyhow::Result;

use super::Gateway;
use super::seed::{PASSWORD, Seeds};

/// How often a name that is there is taken.
const MOSTLY: &str = "0.8";

/// The file `schemathesis.toml`.
pub(super) fn configuration(seeds: &Seeds, gateway: &Gateway) -> Result<String> {
    let mut text = String::new();
    let generation = generation(gateway)?;
    let generations: Vec<String> = (1..=generation).map(|it| it.to_string()).collect();
    let texts = |all: &[String]| all.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>();
    let fixed = |all: &[&str]| all.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>();
    let dictionaries = [
        ("addresses", texts(&seeds.addresses)),
        ("cut_over", texts(&seeds.cut_over)),
        ("plans", texts(&seeds.plans)),
        ("users", texts(&seeds.users)),
        ("tokens", texts(&seeds.tokens)),
        ("sessions", texts(&seeds.sessions)),
        ("messages", texts(&seeds.messages)),
        ("doubted", texts(std::slice::from_ref(&seeds.doubted))),
        ("doubts", texts(&seeds.doubts)),
        ("first", vec!["1".to_owned()]),
        ("generations", generations),
        ("sites", fixed(&["on_prem", "cloud"])),
        ("sources", fixed(&["people"])),
        ("kept", fixed(&["kept"])),
        ("batches", fixed(&["wave-0", "wave-1", "wave-2"])),
        ("passwords", vec![format!("{PASSWORD:?}")]),
        ("numbers", ["1", "7", "60"].map(str::to_owned).to_vec()),
        ("reasons", fixed(&["change 77"])),
        ("times", fixed(&["2027-01-05T08:00:00Z"])),
        ("zones", fixed(&["Europe/Berlin"])),
        ("limits", ["1", "100", "1000"].map(str::to_owned).to_vec()),
    ];
    for (name, values) in dictionaries {
        writeln!(text, "[dictionaries.{name}]\nvalues = [{}]\n", values.join(", "))?;
    }
    everywhere(&mut text)?;
    for (path, pairs) in PLACES {
        writeln!(text, "[[operations]]\ninclude-path = {path:?}\n[operations.parameters]")?;
        for (place, dictionary) in *pairs {
            bind(&mut text, place, dictionary)?;
        }
        writeln!(text)?;
    }
    Ok(text)
}

/// What means the same wherever it stands.
fn everywhere(text: &mut String) -> Result<()> {
    let all = [
        ("query.limit", "limits"),
        ("query.site", "sites"),
        ("query.home", "sites"),
        ("query.batch", "batches"),
        ("query.address", "addresses"),
        ("query.generation", "generations"),
        ("body.reason", "reasons"),
        ("body.home", "sites"),
        ("body.site", "sites"),
        ("body.batch", "batches"),
        ("body.plan", "plans"),
        ("body.password", "passwords"),
        ("body.not_before", "times"),
        ("body.time_zone", "zones"),
        ("body.for_seconds", "numbers"),
        ("body.edits[*].address", "addresses"),
        ("body.edits[*].entry.home", "sites"),
    ];
    writeln!(text, "[parameters]")?;
    for (place, dictionary) in all {
        bind(text, place, dictionary)?;
    }
    writeln!(text)?;
    Ok(())
}

fn bind(text: &mut String, place: &str, dictionary: &str) -> Result<()> {
    writeln!(text, "{place:?} = {{ dictionary = {dictionary:?}, probability = {MOSTLY} }}")?;
    Ok(())
}

type Place = (&'static str, &'static [(&'static str, &'static str)]);

#[rustfmt::skip]
const PLACES: &[Place] = &[
    ("/api/v1/table/entries/{name}", &[("path.name", "addresses")]),
    ("/api/v1/table/diff", &[("query.from", "generations"), ("query.to", "generations")]),
    ("/api/v1/plans/rollback", &[("body.to_generation", "generations"), ("body.undo_generation", "generations")]),
    ("/api/v1/plans/{name}", &[("path.name", "plans")]),
    ("/api/v1/plans/{name}/rows", &[("path.name", "plans")]),
    ("/api/v1/plans/{name}/approve", &[("path.name", "plans")]),
    ("/api/v1/plans/{name}/cancel", &[("path.name", "plans")]),
    ("/api/v1/plans/{name}/check", &[("path.name", "plans")]),
    ("/api/v1/plans/{name}/apply", &[("path.name", "plans"), ("body.expect_generation", "generations")]),
    ("/api/v1/moves/{name}", &[("path.name", "addresses")]),
    ("/api/v1/moves/{name}/cut", &[("path.name", "cut_over"), ("body.older_than_seconds", "numbers")]),
    ("/api/v1/moves/{name}/resolve", &[("path.name", "doubted"), ("body.message", "doubts")]),
    ("/api/v1/moves/transitions", &[("body.moves[*].address", "addresses"), ("body.moves[*].generation", "first"), ("body.moves[*].home", "sites")]),
    ("/api/v1/moves/sync", &[("body.reports[*].address", "addresses"), ("body.reports[*].items_done", "numbers"), ("body.reports[*].items_total", "limits"), ("body.reports[*].last_sync_at", "times")]),
    ("/api/v1/queue/messages/{name}", &[("path.name", "messages")]),
    ("/api/v1/queue/messages/{name}/content", &[("path.name", "messages")]),
    ("/api/v1/queue/actions", &[("body.selector.ids[*]", "messages"), ("body.selector.site", "sites"), ("body.selector.recipient", "addresses")]),
    ("/api/v1/sites/{name}/probe", &[("path.name", "sites")]),
    ("/api/v1/sites/{name}/override", &[("path.name", "sites")]),
    ("/api/v1/trace", &[("query.id", "messages")]),
    ("/api/v1/directory/recipients/{name}", &[("path.name", "addresses")]),
    ("/api/v1/directory/sources/{name}/sync", &[("path.name", "kept")]),
    ("/api/v1/directory/sources/{name}/import", &[("path.name", "sources")]),
    ("/api/v1/users/{name}", &[("path.name", "users")]),
    ("/api/v1/users/{name}/password", &[("path.name", "users")]),
    ("/api/v1/users/{name}/totp", &[("path.name", "users")]),
    ("/api/v1/tokens/{name}", &[("path.name", "tokens")]),
    ("/api/v1/sessions/{name}", &[("path.name", "sessions")]),
    ("/api/v1/session", &[("body.user", "users")]),
];

fn generation(gateway: &Gateway) -> Result<u64> {
    let text = gateway.causeway(&["route", "history", "--json"])?;
    let first = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>().next();
    let found = first.transpose()?.and_then(|it| it["generation"].as_u64());
    Ok(found.unwrap_or(1))
}
