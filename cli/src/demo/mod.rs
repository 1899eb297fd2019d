//! `causeway demo`: the whole product on loopback, with nothing else installed.
//!
//! ```text
//!  sender ──SMTP──> causeway serve ──SMTP──> site on_prem     the sites and the sender are tasks
//!  (3 connections)  (a process)    ──SMTP──> site cloud       of this process
//!                        ▲
//!                        └─ admin API: import, route set, explain, trace, ledger verify
//! ```
//!
//! The account at the end is ours, made from what the sender was told and what the sites took; the
//! gateway's ledger is asked afterwards and has to say the same.

mod account;
mod gateway;
mod mailbox;
mod sender;
mod site;
mod stage;
mod steps;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use api::{Verification, path};
use tempfile::TempDir;

use crate::output::{Align, Cell, Colour, Screen, Table};
use account::{Account, settle};
use gateway::log_path;
use mailbox::{CLOUD, ON_PREM};
use stage::{Stage, until};

/// The demo is given up after this. It takes about 15 s.
const DEMO_FOR: Duration = Duration::from_secs(90);

/// Runs the demo; true if every message is accounted for.
pub(crate) async fn run(keep: bool, screen: &mut Screen) -> Result<bool> {
    let dir = tempfile::Builder::new().prefix("causeway-demo-").tempdir()?;
    let played = tokio::select! {
        played = tokio::time::timeout(DEMO_FOR, play(&dir, keep, screen)) => {
            played.unwrap_or_else(|_| Err(anyhow::anyhow!("not done after {} s", DEMO_FOR.as_secs())))
        }
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let (good, stage) = match played {
        Ok(played) => played,
        Err(error) => return Err(leave(dir, error)),
    };
    if keep {
        stay(stage).await?
    } else {
        end(stage).await?
    }
    Ok(good)
}

/// What went wrong can be looked at afterwards.
fn leave(dir: TempDir, error: anyhow::Error) -> anyhow::Error {
    let log = log_path(&dir.keep());
    error.context(format!("the demo failed; the gateway's log is {}", log.display()))
}

async fn play<'a>(dir: &TempDir, keep: bool, screen: &'a mut Screen) -> Result<(bool, Stage<'a>)> {
    let begun = Instant::now();
    let mut stage = Stage::set(dir.path(), screen).await?;
    introduce(&mut stage)?;
    steps::fill_table(&mut stage).await?;
    steps::both_sides(&mut stage).await?;
    steps::a_move(&mut stage).await?;
    steps::an_outage(&mut stage).await?;
    steps::a_crash(&mut stage).await?;
    let good = conclude(&mut stage).await?;
    stage.say(&format!("Done in {:.1} s.", begun.elapsed().as_secs_f64()))?;
    if keep {
        stage.title("It is still running, until you press Ctrl-C. Try:")?;
        let config = crate::commands::quoted(&stage.gateway.config().display().to_string());
        for command in
            ["status", "route list", "explain anna@contoso.example", "trace emma@contoso.example"]
        {
            stage.say(&format!("  causeway --config {config} {command}"))?;
        }
        let address = *stage.gateway.address().borrow();
        stage.say(&format!("It takes mail for contoso.example at {address}."))?;
    }
    Ok((good, stage))
}

fn introduce(stage: &mut Stage<'_>) -> Result<()> {
    let address = *stage.gateway.address().borrow();
    let sites =
        format!("{ON_PREM} at {}, {CLOUD} at {}", stage.on_prem.address, stage.cloud.address);
    stage.title(
        "contoso.example moves its mailboxes from on_prem to cloud, and its MX is Causeway",
    )?;
    stage.say(&format!("  the gateway takes mail at {address}; behind it {sites}"))
}

/// Our account, then the gateway's own.
async fn conclude(stage: &mut Stage<'_>) -> Result<bool> {
    stage.title("The account")?;
    let flagged = stage.flagged().await?;
    let account = settle(&stage.sent, &stage.taken.all(), &flagged);
    until("the ledger to settle", async || {
        let found: Verification = stage.get(path::LEDGER_VERIFY.to_owned()).await?;
        Ok(found.queued == 0)
    })
    .await?;
    let ledger: Verification = stage.get(path::LEDGER_VERIFY.to_owned()).await?;
    let screen = stage.screen();
    let shown = if screen.json {
        screen.document(&serde_json::json!({ "account": account, "ledger": ledger }))
    } else {
        show(&account, screen).and_then(|()| crate::commands::show_ledger(&ledger, screen))
    };
    shown.map_err(|failure| anyhow::anyhow!(failure.message))?;
    let good = account.wrong.is_empty() && ledger.balanced;
    let verdict = if good {
        stage.screen().paint.text(Colour::Green, "Every message is accounted for.")
    } else {
        stage.screen().paint.text(Colour::Red, "NOT every message is accounted for.")
    };
    stage.say(&verdict)?;
    Ok(good)
}

fn show(account: &Account, screen: &mut Screen) -> crate::exit::Result {
    let mut table = Table::new(&[
        ("MAILBOX", Align::Left),
        ("ACKNOWLEDGED", Align::Right),
        ("AT ON_PREM", Align::Right),
        ("AT CLOUD", Align::Right),
        ("TWICE", Align::Right),
        ("LONGEST WAIT", Align::Right),
    ]);
    for row in &account.rows {
        let at = |site| Cell::number(row.got.get(site).copied().unwrap_or(0) as u64);
        table.row(vec![
            Cell::new(&row.mailbox),
            Cell::number(row.acknowledged as u64),
            at(ON_PREM),
            at(CLOUD),
            Cell::number(row.twice as u64),
            Cell::new(format!("{:.2} s", row.longest_wait_ms as f64 / 1000.0)),
        ]);
    }
    screen.table(&mut table)?;
    if account.resent + account.flagged > 0 {
        screen.line(&format!(
            "Came twice: {} because the sender missed the gateway's reply, {} because the gateway \
             missed a site's reply and flagged it.",
            account.resent, account.flagged
        ))?;
    }
    account.wrong.iter().try_for_each(|it| screen.line(&format!("WRONG: {it}")))?;
    screen.line("")
}

/// Until Ctrl-C.
async fn stay(stage: Stage<'_>) -> Result<()> {
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    end(stage).await
}

async fn end(mut stage: Stage<'_>) -> Result<()> {
    let status = stage.gateway.stop().await?;
    anyhow::ensure!(status.success(), "the gateway ended with {status} after SIGTERM");
    stage.on_prem.stop().await;
    stage.cloud.stop().await;
    Ok(())
}
