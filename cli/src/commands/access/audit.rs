//! `causeway audit …`.

use api::{AuditList, AuditRecord, AuditVerification, path};

use crate::args::AuditCommand;
use crate::client::Ask;
use crate::commands::Console;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Align, Cell, Table, clock};

pub(crate) async fn run(command: AuditCommand, console: &mut Console<'_>) -> Result {
    match command {
        AuditCommand::List { actor, action, after, before, limit } => {
            let query = path::query(&[
                ("actor", actor),
                ("action", action),
                ("after", after),
                ("before", before),
                ("limit", Some(limit.to_string())),
            ]);
            let ask = Ask::get("read the audit log", format!("{}{query}", path::AUDIT));
            let list: AuditList = console.client.ask(ask).await?;
            if console.screen.json {
                return list.records.iter().try_for_each(|it| console.screen.item(it));
            }
            show(&list, console)
        }
        AuditCommand::Verify { expect } => verify(expect.as_deref(), console).await,
        AuditCommand::Export => {
            let ask = Ask::get("export the audit log", path::AUDIT_EXPORT.to_owned());
            console.client.copy(ask, console.screen.writer()).await.map(drop)
        }
    }
}

fn show(list: &AuditList, console: &mut Console<'_>) -> Result {
    if list.records.is_empty() {
        return console.screen.line("There is no such record.");
    }
    let mut table = Table::new(&[
        ("SEQ", Align::Right),
        ("AT", Align::Left),
        ("KIND", Align::Left),
        ("WHO", Align::Left),
        ("FROM", Align::Left),
        ("ACTION", Align::Left),
        ("TARGET", Align::Left),
        ("STATUS", Align::Right),
        ("DETAILS", Align::Left),
    ]);
    list.records.iter().for_each(|it| table.row(row(it)));
    console.screen.table(&mut table)
}

fn row(it: &AuditRecord) -> Vec<Cell> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let status = it.status.map(|status| match some(&it.code) {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    });
    let details = match it.begun {
        Some(seq) => Some(format!("began as {seq}")),
        None => some(&it.details),
    };
    vec![
        Cell::number(it.seq),
        Cell::new(clock(&it.at)),
        Cell::new(&it.kind),
        Cell::maybe(some(&it.actor)),
        Cell::maybe(some(&it.source)),
        Cell::new(&it.action),
        Cell::maybe(some(&it.target)),
        Cell::maybe(status),
        Cell::maybe(details),
    ]
}

async fn verify(expect: Option<&str>, console: &mut Console<'_>) -> Result {
    let anchor = expect.map(|it| {
        it.split_once(':').ok_or_else(|| {
            Failure::usage("--expect: want SEQ:HASH").hint("as `audit verify` printed it")
        })
    });
    let anchor = anchor.transpose()?;
    let query = path::query(&[
        ("seq", anchor.map(|it| it.0.to_owned())),
        ("hash", anchor.map(|it| it.1.to_owned())),
    ]);
    let ask = Ask::get("verify the audit log", format!("{}{query}", path::AUDIT_VERIFY));
    let found: AuditVerification = console.client.ask(ask).await?;
    if console.screen.json {
        console.screen.document(&found)?;
    } else if found.intact {
        let (n, last) = (found.records, found.last_seq);
        console.screen.line(&format!("Whole: {n} records, {} to {last}.", found.first_seq))?;
        console.screen.line(&format!("head {last}:{}", found.head_hash))?;
    } else {
        let (seq, why) = (found.broken_seq.unwrap_or(0), found.broken.unwrap_or_default());
        console.screen.line(&format!("BROKEN at record {seq}: {why}"))?;
        console.screen.line("The log was changed by something else than this gateway.")?;
    }
    if found.intact { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}
