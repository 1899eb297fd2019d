//! `causeway route simulate`.

use std::io::Read as _;

use anyhow::Context as _;
use api::{EntryPatch, Simulate, Simulation, TableEdit, TableEdits, path};
use hyper::Method;

use super::Console;
use crate::args::SimulateArgs;
use crate::client::Ask;
use crate::exit::Result;
use crate::output::{Align, Cell, Table, clock};

/// Page by page: each row as soon as it is known, the sum at the end.
pub(super) async fn run(args: SimulateArgs, console: &mut Console<'_>) -> Result {
    let edits = if args.plan.is_some() { Vec::new() } else { edits(&args)? };
    let (plan, since) = (args.plan.clone(), args.since.clone());
    let mut request = Simulate { edits, plan, since, ..Simulate::default() };
    let mut table = Table::new(&[
        ("ACCEPTED", Align::Left),
        ("MESSAGE", Align::Left),
        ("RECIPIENT", Align::Left),
        ("WENT", Align::Left),
        ("WOULD GO", Align::Left),
    ]);
    let (mut messages, mut recipients, mut changed) = (0, 0, 0);
    loop {
        let ask =
            Ask::get("simulate the edits", path::SIMULATE.to_owned()).json(Method::POST, &request);
        let page: Simulation = console.client.ask(ask).await?;
        messages += page.messages_seen;
        recipients += page.recipients_seen;
        changed += page.changed.len();
        for it in &page.changed {
            if console.screen.json {
                console.screen.item(it)?;
                continue;
            }
            table.row(vec![
                Cell::new(clock(&it.accepted_at)),
                Cell::new(&it.id),
                Cell::new(&it.recipient),
                Cell::new(&it.went),
                Cell::new(&it.would_go),
            ]);
        }
        if !console.screen.json && changed > 0 {
            console.screen.table(&mut table)?;
        }
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    if console.screen.json {
        return Ok(());
    }
    console.screen.line(&format!(
        "{changed} of {recipients} recipients of {messages} messages would have gone elsewhere."
    ))
}

fn edits(args: &SimulateArgs) -> Result<Vec<TableEdit>> {
    let Some(file) = &args.file else {
        let patch = EntryPatch { home: args.home.clone(), ..EntryPatch::default() };
        let set = |it: &String| TableEdit::Set { address: it.clone(), entry: patch.clone() };
        return Ok(args.addresses.iter().map(set).collect());
    };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
    }
    let edits: TableEdits = serde_json::from_str(&text)
        .with_context(|| format!("{}: want {{\"edits\":[…]}}", file.display()))?;
    Ok(edits.edits)
}
