//! `causeway directory …`.

use std::io::Read as _;
use std::path::Path;

use api::{
    DirectorySource, DirectoryState, DirectoryStatus, DirectorySync, DriftList, PendingRemovals,
    Recipient, RecipientList, SyncRequest, path,
};
use bytes::Bytes;
use hyper::Method;

use super::{Console, quoted};
use crate::args::{DirectoryCommand, SyncArgs};
use crate::client::{Ask, Body};
use crate::exit::{Exit, Failure, Result};
use crate::output::{Align, Cell, Colour, Table, count, printable, span};

pub(super) async fn run(command: DirectoryCommand, console: &mut Console<'_>) -> Result {
    match command {
        DirectoryCommand::Status => status(console).await,
        DirectoryCommand::List { matching, source, limit } => {
            list((matching, source), limit, console).await
        }
        DirectoryCommand::Show { address } => show(&address, console).await,
        DirectoryCommand::Sync { source, how } => {
            let path = format!("{}/{}/sync", path::DIRECTORY_SOURCES, path::segment(&source));
            let request =
                SyncRequest { dry_run: how.dry_run, accept_removals: how.accept_removals };
            let ask = Ask::get("read the directory", path).json(Method::POST, &request);
            let again = format!("{} directory sync {}", console.prefix, quoted(&source));
            synced(ask, how, &again, console).await
        }
        DirectoryCommand::Import { source, file, how } => {
            let flag = |it: bool| it.then(|| "true".to_owned());
            let query = path::query(&[
                ("dry_run", flag(how.dry_run)),
                ("accept_removals", flag(how.accept_removals)),
            ]);
            let path = path::segment(&source);
            let path = format!("{}/{path}/import{query}", path::DIRECTORY_SOURCES);
            let mut ask = Ask::post("import the file", path);
            ask.body = Body::Csv(read(&file)?);
            let (source, file) = (quoted(&source), quoted(&file.display().to_string()));
            let again = format!("{} directory import {source} {file}", console.prefix);
            synced(ask, how, &again, console).await
        }
        DirectoryCommand::Drift { limit } => drift(limit, console).await,
    }
}

async fn status(console: &mut Console<'_>) -> Result {
    let ask = Ask::get("ask for the directories", path::DIRECTORY.to_owned());
    let found: DirectoryStatus = console.client.ask(ask).await?;
    if console.screen.json {
        return console.screen.document(&found);
    }
    if found.sources.is_empty() {
        return console.screen.line("No directory is configured: see [directory.NAME].");
    }
    let mut table = Table::new(&[
        ("DIRECTORY", Align::Left),
        ("KIND", Align::Left),
        ("STATE", Align::Left),
        ("UNKNOWN ARE", Align::Left),
        ("AGE", Align::Right),
        ("RECIPIENTS", Align::Right),
        ("ADDRESSES", Align::Right),
    ]);
    for source in &found.sources {
        table.row(vec![
            Cell::new(&source.name),
            Cell::new(&source.kind),
            state(source.state),
            Cell::new(unknown(source)),
            Cell::maybe(source.age_seconds.map(span)),
            Cell::number(source.recipients),
            Cell::number(source.addresses),
        ]);
    }
    console.screen.table(&mut table)?;
    found.sources.iter().try_for_each(|it| remarks(it, console))
}

fn state(state: DirectoryState) -> Cell {
    let colour = match state {
        DirectoryState::Ok | DirectoryState::Asking => Colour::Green,
        DirectoryState::Waiting => Colour::Yellow,
        DirectoryState::Failed | DirectoryState::NeedsConfirmation => Colour::Red,
    };
    Cell::new(state.as_str()).colour(colour)
}

/// What becomes of recipients that it does not know.
fn unknown(source: &DirectorySource) -> &'static str {
    match source.state {
        DirectoryState::Asking => "asked",
        _ if source.fresh => "refused",
        _ => "put off",
    }
}

fn remarks(source: &DirectorySource, console: &mut Console<'_>) -> Result {
    let name = printable(&source.name);
    if let Some(error) = &source.last_error {
        console.screen.line(&format!("{name}: {}", printable(error)))?;
    }
    if let Some(pending) = &source.pending_removals {
        let again = format!("{} directory sync {}", console.prefix, quoted(&source.name));
        ask_about(&name, pending, &again, console)?;
    }
    if source.mistakes > 0 {
        let entries = count(source.mistakes, "mistake");
        console.screen.line(&format!("{name}: {entries} in its entries:"))?;
        for mistake in &source.mistakes_listed {
            let (entry, why) = (printable(&mistake.entry), printable(&mistake.message));
            console.screen.line(&format!("  {entry}: {why}"))?;
        }
    }
    Ok(())
}

fn ask_about(
    name: &str,
    pending: &PendingRemovals,
    again: &str,
    console: &mut Console<'_>,
) -> Result {
    let PendingRemovals { recipients, addresses, of_addresses, examples } = pending;
    console.screen.line(&format!(
        "{name}: {} and {addresses} of {of_addresses} addresses would be removed, among them {}",
        count(*recipients, "recipient"),
        examples.iter().map(|it| printable(it)).collect::<Vec<_>>().join(", ")
    ))?;
    console.screen.line(&format!("if that is right: {again} --accept-removals"))
}

async fn list(
    (matching, source): (Option<String>, Option<String>),
    limit: Option<u64>,
    console: &mut Console<'_>,
) -> Result {
    let mut table = Table::new(&[
        ("ADDRESS", Align::Left),
        ("KIND", Align::Left),
        ("DIRECTORY", Align::Left),
        ("ALIASES", Align::Right),
        ("SENT ON TO", Align::Left),
    ]);
    let (mut cursor, mut left) = (None, limit.unwrap_or(u64::MAX));
    while left > 0 {
        let query = path::query(&[
            ("matching", matching.clone()),
            ("source", source.clone()),
            ("cursor", cursor),
            ("limit", Some(left.min(1000).to_string())),
        ]);
        let ask = Ask::get("list recipients", format!("{}{query}", path::DIRECTORY_RECIPIENTS));
        let page: RecipientList = console.client.ask(ask).await?;
        left = left.saturating_sub(page.recipients.len() as u64);
        for it in &page.recipients {
            if console.screen.json {
                console.screen.item(it)?;
                continue;
            }
            table.row(vec![
                Cell::new(&it.address),
                Cell::new(&it.kind),
                Cell::new(&it.source),
                Cell::number(it.aliases.len() as u64),
                Cell::maybe(it.target_address.as_ref()),
            ]);
        }
        if !console.screen.json {
            console.screen.table(&mut table)?;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

async fn show(address: &str, console: &mut Console<'_>) -> Result {
    let path = format!("{}/{}", path::DIRECTORY_RECIPIENTS, path::segment(address));
    let found: Recipient = console.client.ask(Ask::get("look up the recipient", path)).await?;
    if console.screen.json {
        return console.screen.document(&found);
    }
    let Recipient { address, aliases, x500, target_address, kind, source, id } = &found;
    console.screen.line(&printable(address))?;
    let mut lines = vec![("kind", kind), ("directory", source), ("id", id)];
    lines.extend(target_address.iter().map(|it| ("sent on to", it)));
    lines.extend(aliases.iter().map(|it| ("alias", it)));
    lines.extend(x500.iter().map(|it| ("x500", it)));
    let line = |(name, value): (&str, &String)| format!("  {name:<11} {}", printable(value));
    lines.into_iter().try_for_each(|it| console.screen.line(&line(it)))
}

async fn synced(ask: Ask<'_>, how: SyncArgs, again: &str, console: &mut Console<'_>) -> Result {
    let done: DirectorySync = console.client.ask(ask).await?;
    if console.screen.json {
        console.screen.document(&done)?;
    } else {
        let DirectorySync { added, changed, removed, entries, milliseconds, .. } = done;
        console.screen.line(&format!(
            "{} in {}.{:03} s: {added} added, {changed} changed, {removed} removed",
            count(entries, "entry"),
            milliseconds / 1000,
            milliseconds % 1000
        ))?;
        if how.dry_run {
            console.screen.line("Dry run: nothing was changed.")?;
        }
        if let Some(pending) = &done.pending_removals {
            console
                .screen
                .line("Nothing was changed: more would be removed than the bound allows.")?;
            ask_about("it", pending, again, console)?;
        }
    }
    match done.pending_removals {
        Some(_) if !how.dry_run => Err(Failure::silent(Exit::Blocked)),
        _ => Ok(()),
    }
}

async fn drift(limit: Option<u64>, console: &mut Console<'_>) -> Result {
    let mut table = Table::new(&[
        ("ADDRESS", Align::Left),
        ("WHAT", Align::Left),
        ("TABLE", Align::Left),
        ("DIRECTORY", Align::Left),
        ("COMMAND", Align::Left),
    ]);
    let (mut cursor, mut left, mut n_rows) = (None, limit.unwrap_or(u64::MAX), 0_u64);
    while left > 0 {
        let rows = left.min(1000).to_string();
        let query = path::query(&[("cursor", cursor), ("limit", Some(rows))]);
        let ask = Ask::get("compare", format!("{}{query}", path::DIRECTORY_DRIFT));
        let page: DriftList = console.client.ask(ask).await?;
        n_rows += page.rows.len() as u64;
        left = left.saturating_sub(page.rows.len() as u64);
        for it in &page.rows {
            if console.screen.json {
                console.screen.item(it)?;
                continue;
            }
            table.row(vec![
                Cell::new(&it.address),
                Cell::new(it.kind.as_str()),
                Cell::maybe(it.table.as_ref()),
                Cell::maybe(it.directory.as_ref()),
                Cell::maybe(it.suggestion.as_ref()),
            ]);
        }
        if !console.screen.json {
            console.screen.table(&mut table)?;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if n_rows > 0 {
        return Err(Failure::silent(Exit::Failed));
    }
    console.screen.note("The table and the directories agree.");
    Ok(())
}

fn read(file: &Path) -> Result<Bytes> {
    let mut text = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_end(&mut text).map(|_| text),
        false => std::fs::read(file),
    };
    read.map(Bytes::from)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))
}
