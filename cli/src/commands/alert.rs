//! `causeway alert list` and `causeway alert test`.

use api::{Alert, AlertList, AlertState, AlertTest, Severity, path};

use super::Console;
use crate::args::AlertCommand;
use crate::client::Ask;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Align, Cell, Colour, Table, clock, printable};

pub(super) async fn run(command: &AlertCommand, console: &mut Console<'_>) -> Result {
    match command {
        AlertCommand::List => list(console).await,
        AlertCommand::Test => test(console).await,
    }
}

async fn list(console: &mut Console<'_>) -> Result {
    let ask = Ask::get("list the alerts", path::ALERTS.to_owned());
    let found: AlertList = console.client.ask(ask).await?;
    if console.screen.json {
        found.alerts.iter().try_for_each(|it| console.screen.item(it))?;
    } else if found.alerts.is_empty() {
        console.screen.line("Nothing is wrong.")?;
    } else {
        let mut table = Table::new(&[
            ("ALERT", Align::Left),
            ("STATE", Align::Left),
            ("SINCE", Align::Left),
            ("SUMMARY", Align::Left),
            ("PAGE", Align::Left),
        ]);
        for alert in &found.alerts {
            table.row(vec![
                Cell::new(&alert.name),
                state(alert),
                Cell::new(clock(&alert.since)),
                Cell::new(&alert.summary),
                Cell::new(&alert.runbook),
            ]);
        }
        console.screen.table(&mut table)?;
    }
    match found.alerts.iter().any(|it| it.state == AlertState::Firing) {
        true => Err(Failure::silent(Exit::Failed)),
        false => Ok(()),
    }
}

fn state(alert: &Alert) -> Cell {
    let (word, colour) = match (alert.state, alert.severity) {
        (AlertState::Firing, Severity::Page) => ("firing", Colour::Red),
        (AlertState::Firing, _) => ("firing", Colour::Yellow),
        (AlertState::Pending, _) => ("pending", Colour::Dim),
        (AlertState::Resolved, _) => ("resolved", Colour::Green),
    };
    Cell::new(word).colour(colour)
}

async fn test(console: &mut Console<'_>) -> Result {
    let ask = Ask::post("send a test", path::ALERTS_TEST.to_owned());
    let done: AlertTest = console.client.ask(ask).await?;
    if console.screen.json {
        console.screen.document(&done)?;
    } else {
        for sent in &done.sent {
            let (to, detail) = (printable(&sent.to), printable(&sent.detail));
            console.screen.line(&format!("To {to}: {detail}"))?;
        }
    }
    if done.sent.is_empty() {
        return Err(Failure::failed("nobody is told of alerts").hint(
            "set alerts.mail_to or alerts.webhook_url in the configuration, then `causeway reload`",
        ));
    }
    match done.sent.iter().all(|it| it.ok) {
        true => Ok(()),
        false => Err(Failure::silent(Exit::Failed)),
    }
}
