//! `causeway status`: the screen one opens first at 3 a.m.

use api::{Readiness, SiteList, Stats, Version, path};
use serde::Serialize;

use super::{Console, site};
use crate::client::Ask;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Colour, Screen, bytes, count, printable, span};

#[derive(Serialize)]
struct Status {
    readiness: Readiness,
    version: Version,
    stats: Stats,
    sites: SiteList,
}

pub(super) async fn run(console: &mut Console<'_>) -> Result {
    let doing = "read the gateway's state";
    let client = &console.client;
    let status = Status {
        readiness: client.readiness().await?,
        version: client.ask(Ask::get(doing, path::VERSION.to_owned())).await?,
        stats: client.ask(Ask::get(doing, path::STATS.to_owned())).await?,
        sites: client.ask(Ask::get(doing, path::SITES.to_owned())).await?,
    };
    if console.screen.json {
        console.screen.document(&status)?;
    } else {
        show(&status, console.screen)?;
    }
    if status.readiness.ready { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}

fn show(status: &Status, screen: &mut Screen) -> Result {
    let Status { readiness, version, stats, sites } = status;
    let state = if readiness.ready {
        screen.paint.text(Colour::Green, "ready")
    } else {
        screen.paint.text(Colour::Red, "NOT READY")
    };
    screen.line(&format!(
        "{} is {state}: causeway {}, up {}",
        printable(&version.hostname),
        printable(&version.version),
        span(stats.uptime_seconds)
    ))?;
    for check in readiness.checks.iter().filter(|it| !it.ok) {
        let reason = check.reason.as_deref().unwrap_or("no reason given");
        screen.line(&format!("  {} fails: {}", printable(&check.name), printable(reason)))?;
    }
    screen.line(&format!(
        "table   generation {}, {}",
        stats.generation,
        count(stats.table_entries, "mailbox")
    ))?;
    screen.line(&spool_line(stats))?;
    screen.line(&format!(
        "since   the start: {} accepted; recipients: {} delivered, {} bounced, {} expired, {} discarded",
        count(stats.accepted_messages, "message"),
        stats.delivered_recipients,
        stats.bounced_recipients,
        stats.expired_recipients,
        stats.discarded_recipients
    ))?;
    screen.line(&format!("now     {}", count(stats.sessions, "session")))?;
    screen.line("")?;
    site::show(sites, screen)
}

fn spool_line(stats: &Stats) -> String {
    let oldest =
        stats.oldest_seconds.map_or_else(String::new, |it| format!(", oldest {}", span(it)));
    let indexing = if stats.recovering { " (still being indexed)" } else { "" };
    format!(
        "spool   {}, {}{oldest}; recipients: {} active, {} deferred, {} held; {} free{indexing}",
        count(stats.spool_messages, "message"),
        bytes(stats.spool_bytes),
        stats.active_recipients,
        stats.deferred_recipients,
        stats.held_recipients,
        bytes(stats.free_bytes)
    )
}
