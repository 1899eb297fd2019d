//! `route history`.

use api::{Generation, History, path};

use crate::client::Ask;
use crate::commands::Console;
use crate::exit::Result;
use crate::output::{Align, Cell, Table, clock};

pub(super) async fn run(limit: u32, console: &mut Console<'_>) -> Result {
    let query = path::query(&[("limit", Some(limit.to_string()))]);
    let ask = Ask::get("list the generations", format!("{}{query}", path::HISTORY));
    let history: History = console.client.ask(ask).await?;
    if console.screen.json {
        return history.generations.iter().try_for_each(|it| console.screen.item(it));
    }
    if history.generations.is_empty() {
        return console.screen.line("The table was never changed.");
    }
    let mut table = Table::new(&[
        ("GENERATION", Align::Right),
        ("AT", Align::Left),
        ("BY", Align::Left),
        ("ADDED", Align::Right),
        ("CHANGED", Align::Right),
        ("REMOVED", Align::Right),
        ("REASON", Align::Left),
    ]);
    history.generations.iter().for_each(|it| table.row(row(it)));
    console.screen.table(&mut table)
}

fn row(it: &Generation) -> Vec<Cell> {
    vec![
        Cell::number(it.generation),
        Cell::new(clock(&it.at)),
        Cell::new(&it.author),
        Cell::number(it.added),
        Cell::number(it.changed),
        Cell::number(it.removed),
        Cell::maybe(it.reason.as_ref()),
    ]
}
