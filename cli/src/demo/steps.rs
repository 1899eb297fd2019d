//! The four things that the demo shows, in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use api::{
    Changed, EntryPatch, Explain, Explanation, Imported, MoveState, QueueSummary, SiteState,
    Traced, path,
};
use bytes::Bytes;
use hyper::Method;

use super::account::waits;
use super::mailbox::{CLOUD, MAILBOXES, ON_PREM, address, message_id};
use super::stage::{Planned, Stage, send, until};
use crate::client::{Ask, Body};
use crate::output::{count, printable};

/// How long the site stays away at least.
const AWAY_FOR: Duration = Duration::from_secs(3);
/// Between two messages of a connection where mail is to flow steadily.
const STEADY: Duration = Duration::from_millis(15);

/// Everybody alone, and one in three with somebody of the other side as well.
const BOTH_SIDES: [&[&str]; 12] = [
    &["anna"],
    &["emma"],
    &["bert", "felix"],
    &["carla"],
    &["greta"],
    &["david", "hugo"],
    &["felix"],
    &["bert"],
    &["emma", "anna"],
    &["hugo"],
    &["david"],
    &["greta", "carla"],
];

/// The table, as a file: who lives where.
pub(super) async fn fill_table(stage: &mut Stage<'_>) -> Result<()> {
    let rows = MAILBOXES.map(|(name, home)| format!("{},{home}\n", address(name)));
    let mut ask = Ask::post("import the table", path::IMPORT.to_owned());
    ask.body = Body::Csv(Bytes::from(format!("address,home\n{}", rows.concat())));
    let imported: Imported = stage.ask(ask).await?;
    let line = format!("  {} mailboxes: generation {}", imported.added, imported.generation);
    stage.say(&line)
}

/// Sends a plan and remembers what came of it.
async fn send_all(stage: &mut Stage<'_>, plan: &[Planned], pause: Duration) -> Result<()> {
    let sent = send(stage.gateway.address(), plan, pause, &AtomicUsize::new(0)).await?;
    stage.sent.extend(sent);
    Ok(())
}

/// 1: each recipient's copy goes to the side where the mailbox lives.
pub(super) async fn both_sides(stage: &mut Stage<'_>) -> Result<()> {
    stage.title("1. Mail for both sides")?;
    let plan = stage.plan(120, &BOTH_SIDES);
    let from = stage.sent.len();
    send_all(stage, &plan, Duration::ZERO).await?;
    stage.all_taken().await?;
    let n_recipients: usize = plan.iter().map(|it| it.mailboxes.len()).sum();
    let line = format!("   {} messages sent, for {n_recipients} recipients.", plan.len());
    stage.say(&line)?;
    for site in [ON_PREM, CLOUD] {
        let line = took(stage, site, from);
        stage.say(&line)?;
    }
    let stranger = stage.plan(1, &[&["nobody"]]);
    let sent =
        send(stage.gateway.address(), &stranger, Duration::ZERO, &AtomicUsize::new(0)).await?;
    let refused = sent.iter().flat_map(|it| &it.refused).next();
    ensure!(refused.is_some(), "a recipient whom nobody knows was accepted");
    let reply = refused.map(|it| printable(&it.1)).unwrap_or_default();
    stage.say(&format!("   {} is not in the table. At RCPT: {reply}", address("nobody")))
}

/// `   cloud   took  80; half of them within 4 ms of their 250.`, of the messages sent since `from`.
fn took(stage: &Stage<'_>, site: &str, from: usize) -> String {
    let sent = &stage.sent[from..];
    let taken = stage.taken.all();
    let ids: Vec<_> = sent.iter().map(|it| message_id(it.number)).collect();
    let n_taken = taken.iter().filter(|it| it.site == site && ids.contains(&it.message_id)).count();
    let middle = waits(sent, &taken, site).map_or(0, |it| it[1].as_millis());
    let within = middle + 1;
    format!("   {site:<7} took {n_taken:>3}; half of them within {within} ms of their 250.")
}

/// 2: `route set` while mail for that mailbox flows.
pub(super) async fn a_move(stage: &mut Stage<'_>) -> Result<()> {
    stage.title("2. A mailbox moves while its mail flows")?;
    let plan = stage.plan(90, &[&["anna"]]);
    stage.say("   90 messages go to anna. In the middle of them:")?;
    let n_done = AtomicUsize::new(0);
    let client = stage.gateway.client()?;
    let patch = EntryPatch {
        home: Some(CLOUD.to_owned()),
        state: Some(MoveState::Cloud),
        ..EntryPatch::default()
    };
    let entry = format!("{}/{}", path::ENTRIES, path::segment(&address("anna")));
    let move_anna = async {
        until("half of the mail", async || Ok(n_done.load(Ordering::Relaxed) >= plan.len() / 2))
            .await?;
        let ask = Ask::get("move the mailbox", entry).json(Method::PUT, &patch);
        client.ask::<Changed>(ask).await.map_err(|failure| anyhow::anyhow!(failure.message))
    };
    let sending = send(stage.gateway.address(), &plan, STEADY, &n_done);
    let (sent, changed) = tokio::try_join!(sending, move_anna)?;
    stage.sent.extend(sent);
    stage
        .say(&format!("   $ causeway route set {} --home cloud --state cloud", address("anna")))?;
    stage.say(&format!("   generation {}", changed.generation))?;
    stage.all_taken().await?;
    by_generation(stage, &plan, changed.generation).await?;
    explained(stage, "anna").await
}

/// Each delivery names the generation that decided it; it must agree with where the mail went.
async fn by_generation(stage: &mut Stage<'_>, plan: &[Planned], moved: u64) -> Result<()> {
    let query =
        path::query(&[("address", Some(address("anna"))), ("limit", Some("1000".to_owned()))]);
    let ids: Vec<_> = plan.iter().map(|it| message_id(it.number)).collect();
    let mut went: BTreeMap<(u64, String), usize> = BTreeMap::new();
    // The ledger is written after the reply is read: an instant later than the site's note.
    until("the ledger to have every delivery", async || {
        let traced: Traced = stage.get(format!("{}{query}", path::TRACE)).await?;
        Ok(deliveries(&traced, &ids).values().sum::<usize>() >= plan.len())
    })
    .await?;
    let traced: Traced = stage.get(format!("{}{query}", path::TRACE)).await?;
    went.append(&mut deliveries(&traced, &ids));
    for ((generation, hop), number) in went {
        let home = if generation < moved { ON_PREM } else { CLOUD };
        ensure!(hop == home, "generation {generation} sent {number} of them to {hop}");
        stage.say(&format!("   generation {generation} sent {number} of them to {hop}"))?;
    }
    Ok(())
}

/// How many of the messages each generation delivered where.
fn deliveries(traced: &Traced, ids: &[String]) -> BTreeMap<(u64, String), usize> {
    let mut went = BTreeMap::new();
    for story in &traced.stories {
        let id = story.message_id.as_deref().unwrap_or_default().trim_matches(['<', '>']);
        if !ids.iter().any(|it| it == id) {
            continue;
        }
        let events = story.recipients.iter().flat_map(|it| &it.events);
        for event in events.filter(|it| it.what == "delivered") {
            let hop = event.hop.clone().unwrap_or_default();
            *went.entry((event.generation.unwrap_or(0), hop)).or_default() += 1;
        }
    }
    went
}

async fn explained(stage: &mut Stage<'_>, mailbox: &str) -> Result<()> {
    let question = Explain { address: address(mailbox), ..Explain::default() };
    let query = path::query(&[("address", Some(question.address))]);
    let found: Explanation = stage.get(format!("{}{query}", path::EXPLAIN)).await?;
    stage.say(&format!("   $ causeway explain {}", address(mailbox)))?;
    found.text.lines().try_for_each(|line| stage.say(&format!("   {}", printable(line))))
}

/// 3: mail for a side that is down waits, and the other side does not notice.
pub(super) async fn an_outage(stage: &mut Stage<'_>) -> Result<()> {
    stage.title("3. A site goes away and comes back")?;
    stage.cloud.stop().await;
    let away = Instant::now();
    let plan =
        stage.plan(120, &[&["bert"], &["emma"], &["carla"], &["felix"], &["david"], &["hugo"]]);
    let from = stage.sent.len();
    send_all(stage, &plan, Duration::ZERO).await?;
    stage.all_taken_for(&["bert", "carla", "david"]).await?;
    stage.say("   cloud is stopped; 120 messages, half of them for it: all acknowledged.")?;
    let line = took(stage, ON_PREM, from);
    stage.say(&line)?;
    stage.site_is(CLOUD, SiteState::Down).await?;
    let waiting: QueueSummary = stage.get(path::QUEUE_SUMMARY.to_owned()).await?;
    let hop = waiting.hops.iter().find(|it| it.name == CLOUD);
    let n_waiting = hop.map_or(0, |it| it.active + it.deferred + it.held);
    stage
        .say(&format!("   {CLOUD:<7} is down for the gateway, which keeps {n_waiting} for it."))?;
    tokio::time::sleep(AWAY_FOR.saturating_sub(away.elapsed())).await;
    stage.cloud.restart().await?;
    let (back, was_away) = (Instant::now(), away.elapsed());
    stage.all_taken_after_trouble().await?;
    let drained = back.elapsed();
    let line = format!(
        "   {CLOUD:<7} is back after {:.1} s; {:.1} s later it has everything, {}.",
        was_away.as_secs_f64(),
        drained.as_secs_f64(),
        order(stage, from)
    );
    stage.say(&line)?;
    let held = waits(&stage.sent[from..], &stage.taken.all(), CLOUD);
    let [shortest, middle, longest] = held.unwrap_or_default().map(|it| it.as_secs_f64());
    stage.say(&format!(
        "   Held for {shortest:.1} to {longest:.1} s, half of them under {middle:.1} s."
    ))
}

/// Whether each mailbox got its mail in the order in which it was acknowledged.
fn order(stage: &Stage<'_>, from: usize) -> &'static str {
    let number: BTreeMap<_, _> =
        stage.sent[from..].iter().map(|it| (message_id(it.number), it.acknowledged_at)).collect();
    let mut latest = BTreeMap::new();
    for it in stage.taken.all().iter().filter(|it| it.site == CLOUD) {
        let Some(at) = number.get(&it.message_id) else { continue };
        // One connection may read its 250 a moment after another whose message came later.
        let before = latest.insert(it.mailbox().to_owned(), *at);
        if before.is_some_and(|before| before > *at + Duration::from_millis(50)) {
            return "but not in order";
        }
    }
    "each mailbox in order"
}

/// 4: SIGKILL in the middle of it all.
pub(super) async fn a_crash(stage: &mut Stage<'_>) -> Result<()> {
    stage.title("4. The gateway is killed")?;
    let plan = stage.plan(90, &BOTH_SIDES);
    let n_done = AtomicUsize::new(0);
    let address = stage.gateway.address();
    let sending = send(address, &plan, STEADY, &n_done);
    let gateway = &mut stage.gateway;
    let killing = async {
        until("half of the mail", async || Ok(n_done.load(Ordering::Relaxed) >= plan.len() / 2))
            .await?;
        gateway.kill().await?;
        let killed = Instant::now();
        gateway.restart().await?;
        Ok(killed.elapsed())
    };
    let (sent, gone) = tokio::try_join!(sending, killing)?;
    let unanswered: u32 = sent.iter().map(|it| it.unanswered).sum();
    stage.sent.extend(sent);
    stage.all_taken_after_trouble().await?;
    stage.say("   90 messages, and kill -9 in the middle of them.")?;
    stage.say(&format!("   It took mail again after {:.2} s.", gone.as_secs_f64()))?;
    let again = match unanswered {
        0 => "   The sender heard a reply to every message that it had sent".to_owned(),
        n => format!("   The sender missed {} and sent again", count(n.into(), "reply")),
    };
    stage.say(&format!("{again}; all that was acknowledged has arrived."))
}
