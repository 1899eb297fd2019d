//! `route list` and `route show`.

use api::{Entry, EntryList, MoveState, path};

use crate::args::ListArgs;
use crate::client::Ask;
use crate::commands::Console;
use crate::exit::Result;
use crate::output::{Align, Cell, Colour, Screen, Table, clock, count, printable};

/// Entries of a request. The first page is on the screen before the second is asked for.
const PAGE: u64 = 1000;

pub(super) async fn run(args: ListArgs, console: &mut Console<'_>) -> Result {
    let mut table = heads();
    let mut left = args.limit.unwrap_or(u64::MAX);
    let (mut n_shown, mut cursor) = (0, None);
    while left > 0 {
        let page = page(&args, cursor, left.min(PAGE), console).await?;
        let n_entries = page.entries.len() as u64;
        show_page(page.entries, &mut table, console.screen)?;
        console.screen.flush()?;
        (n_shown, left) = (n_shown + n_entries, left.saturating_sub(n_entries));
        let Some(next) = page.next_cursor else {
            summary(n_shown, page.generation, console.screen);
            return Ok(());
        };
        cursor = Some(next);
    }
    if !console.screen.json {
        console.screen.note(&format!("The first {}; there are more.", count(n_shown, "entry")));
    }
    Ok(())
}

async fn page(
    args: &ListArgs,
    cursor: Option<String>,
    limit: u64,
    console: &Console<'_>,
) -> Result<EntryList> {
    let query = path::query(&[
        ("home", args.home.clone()),
        ("state", args.state.map(|it| MoveState::from(it).as_str().to_owned())),
        ("batch", args.batch.clone()),
        ("domain", args.domain.clone()),
        ("matching", args.matching.clone()),
        ("changed_after", args.changed_after.map(|it| it.to_string())),
        ("generation", args.generation.map(|it| it.to_string())),
        ("cursor", cursor),
        ("limit", Some(limit.to_string())),
    ]);
    console.client.ask(Ask::get("list the table", format!("{}{query}", path::ENTRIES))).await
}

fn show_page(entries: Vec<Entry>, table: &mut Table, screen: &mut Screen) -> Result {
    if screen.json {
        return entries.iter().try_for_each(|entry| screen.item(entry));
    }
    entries.iter().for_each(|entry| table.row(row(entry)));
    if table.is_empty() { Ok(()) } else { screen.table(table) }
}

fn summary(n_entries: u64, generation: u64, screen: &mut Screen) {
    if !screen.json {
        screen.note(&format!("{} of generation {generation}", count(n_entries, "entry")));
    }
}

fn heads() -> Table {
    Table::new(&[
        ("ADDRESS", Align::Left),
        ("HOME", Align::Left),
        ("STATE", Align::Left),
        ("BATCH", Align::Left),
        ("GENERATION", Align::Right),
        ("CHANGED", Align::Left),
        ("NOTE", Align::Left),
    ])
}

fn row(entry: &Entry) -> Vec<Cell> {
    let state = match entry.state {
        MoveState::Cutover => Cell::new("cutover").colour(Colour::Yellow),
        other => Cell::new(other.as_str()),
    };
    vec![
        Cell::new(&entry.address),
        Cell::new(&entry.home),
        state,
        Cell::maybe(entry.batch.as_ref()),
        Cell::number(entry.generation),
        Cell::new(clock(&entry.changed_at)),
        Cell::maybe(entry.note.as_ref()),
    ]
}

pub(super) async fn show(addresses: &[String], console: &mut Console<'_>) -> Result {
    for (n, address) in addresses.iter().enumerate() {
        let path = format!("{}/{}", path::ENTRIES, path::segment(address));
        let entry: Entry = console.client.ask(Ask::get("show the entry", path)).await?;
        match (console.screen.json, addresses.len()) {
            (true, 1) => console.screen.document(&entry)?,
            (true, _) => console.screen.item(&entry)?,
            (false, _) => {
                if n > 0 {
                    console.screen.line("")?;
                }
                fields(&entry, console.screen)?;
            }
        }
    }
    Ok(())
}

/// One field a line; empty ones are left out.
fn fields(entry: &Entry, screen: &mut Screen) -> Result {
    let generation = format!("{}, {}", entry.generation, clock(&entry.changed_at));
    for (name, value) in [
        ("address", entry.address.as_str()),
        ("home", &entry.home),
        ("state", entry.state.as_str()),
        ("batch", entry.batch.as_deref().unwrap_or_default()),
        ("cloud address", entry.cloud_address.as_deref().unwrap_or_default()),
        ("aliases", &entry.aliases.join(" ")),
        ("note", entry.note.as_deref().unwrap_or_default()),
        ("changed by generation", &generation),
    ] {
        if !value.is_empty() {
            screen.line(&format!("{name:<21}  {}", printable(value)))?;
        }
    }
    Ok(())
}
