//! `route diff` and `route verify`.

use api::{ChainReport, TableDiff, path};

use super::edit::sentence;
use crate::client::Ask;
use crate::commands::Console;
use crate::exit::{Exit, Failure, Result};
use crate::output::count;

const PAGE: u64 = 1000;

pub(super) async fn run(from: u64, to: Option<u64>, console: &mut Console<'_>) -> Result {
    let (mut cursor, mut n_shown) = (None, 0);
    loop {
        let query = path::query(&[
            ("from", Some(from.to_string())),
            ("to", to.map(|it| it.to_string())),
            ("cursor", cursor),
            ("limit", Some(PAGE.to_string())),
        ]);
        let ask = Ask::get("compare the generations", format!("{}{query}", path::DIFF));
        let page: TableDiff = console.client.ask(ask).await?;
        n_shown += page.rows.len() as u64;
        for it in &page.rows {
            match console.screen.json {
                true => console.screen.item(it)?,
                false => {
                    let words = sentence(&it.address, it.before.as_ref(), it.after.as_ref());
                    console.screen.line(&words)?;
                }
            }
        }
        let Some(next) = page.next_cursor else {
            if !console.screen.json {
                let rows = count(n_shown, "row");
                let TableDiff { from, to, .. } = page;
                let line = format!("{rows} differ between generation {from} and {to}");
                console.screen.note(&line);
            }
            return Ok(());
        };
        cursor = Some(next);
    }
}

pub(super) async fn verify(console: &mut Console<'_>) -> Result {
    let ask = Ask::get("verify the history", path::TABLE_VERIFY.to_owned());
    let report: ChainReport = console.client.ask(ask).await?;
    if console.screen.json {
        console.screen.document(&report)?;
    } else if report.whole {
        let head = report.head.as_deref().unwrap_or("none");
        let n = count(report.revisions, "revision");
        console.screen.line(&format!("{n}, each as it was written; the last is {head}"))?;
    }
    match (report.whole, report.broken_at) {
        (true, _) => Ok(()),
        (false, _) if console.screen.json => Err(Failure::silent(Exit::Failed)),
        (false, at) => {
            let problem = report.problem.unwrap_or_default();
            let message = format!("generation {}: {problem}", at.unwrap_or_default());
            Err(Failure::failed(message)
                .hint("compare with a backup of table.db: docs/ops/restore.md"))
        }
    }
}
