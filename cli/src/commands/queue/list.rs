//! `queue list`, `queue show`, `queue summary`.

use api::{QueueList, QueueState, QueueSummary, QueuedMessage, QueuedRecipient, Selector, path};

use crate::client::Ask;
use crate::commands::Console;
use crate::exit::Result;
use crate::output::{Align, Cell, Colour, Screen, Table, bytes, clock, count, printable, span};

/// Messages of a request.
const PAGE: u64 = 200;

pub(super) async fn run(
    selector: &Selector,
    limit: Option<u64>,
    console: &mut Console<'_>,
) -> Result {
    let mut table = heads();
    let mut left = limit.unwrap_or(u64::MAX);
    let (mut n_messages, mut cursor) = (0, None);
    while left > 0 {
        let page = page(selector, cursor, left.min(PAGE), &*console).await?;
        let n_page = page.messages.len() as u64;
        show_page(&page.messages, &mut table, console.screen)?;
        console.screen.flush()?;
        (n_messages, left) = (n_messages + n_page, left.saturating_sub(n_page));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if !console.screen.json {
        let more = if cursor.is_some() { "; there are more" } else { "" };
        console.screen.note(&format!("{}{more}", count(n_messages, "message")));
    }
    Ok(())
}

/// One page of what `selector` matches.
pub(super) async fn page(
    selector: &Selector,
    cursor: Option<String>,
    limit: u64,
    console: &Console<'_>,
) -> Result<QueueList> {
    let ids = (!selector.ids.is_empty()).then(|| selector.ids.join(","));
    let query = path::query(&[
        ("ids", ids),
        ("site", selector.site.clone()),
        ("recipient", selector.recipient.clone()),
        ("sender", selector.sender.clone()),
        ("state", selector.state.map(|it| it.as_str().to_owned())),
        ("older_than_seconds", selector.older_than_seconds.map(|it| it.to_string())),
        ("cursor", cursor),
        ("limit", Some(limit.to_string())),
    ]);
    console.client.ask(Ask::get("list the queue", format!("{}{query}", path::QUEUE))).await
}

fn heads() -> Table {
    Table::new(&[
        ("ID", Align::Left),
        ("AGE", Align::Right),
        ("SIZE", Align::Right),
        ("STATE", Align::Left),
        ("HOP", Align::Left),
        ("TRIES", Align::Right),
        ("RECIPIENT", Align::Left),
        ("REASON", Align::Left),
    ])
}

/// A row per recipient; what belongs to the message stands in its first.
fn show_page(messages: &[QueuedMessage], table: &mut Table, screen: &mut Screen) -> Result {
    if screen.json {
        return messages.iter().try_for_each(|message| screen.item(message));
    }
    for message in messages {
        for (n, recipient) in message.recipients.iter().enumerate() {
            let of_message = |text: String| Cell::new(if n == 0 { text } else { String::new() });
            table.row(vec![
                of_message(message.id.clone()),
                of_message(span(message.age_seconds)),
                of_message(bytes(message.size_bytes)),
                state(recipient.state),
                Cell::new(&recipient.hop),
                Cell::number(recipient.attempts.into()),
                Cell::new(&recipient.address),
                Cell::maybe(why(recipient)),
            ]);
        }
    }
    if table.is_empty() { Ok(()) } else { screen.table(table) }
}

fn why(recipient: &QueuedRecipient) -> Option<&String> {
    recipient.reason.as_ref().or(recipient.last_reply.as_ref())
}

fn state(state: QueueState) -> Cell {
    Cell::new(state.as_str()).colour(match state {
        QueueState::Active => Colour::Green,
        QueueState::Deferred => Colour::Plain,
        QueueState::Held => Colour::Yellow,
    })
}

pub(super) async fn show(ids: &[String], console: &mut Console<'_>) -> Result {
    for id in ids {
        let path = format!("{}/{}", path::QUEUE_MESSAGES, path::segment(id));
        let ask = Ask::get("show the message", path);
        let message: QueuedMessage = console.client.ask(ask).await.map_err(|failure| {
            // What is settled is no longer here, but it is known.
            failure.hint(format!("if it is settled: {} trace {id}", console.prefix))
        })?;
        match (console.screen.json, ids.len()) {
            (true, 1) => console.screen.document(&message)?,
            (true, _) => console.screen.item(&message)?,
            (false, _) => describe(&message, console.screen)?,
        }
    }
    Ok(())
}

fn describe(message: &QueuedMessage, screen: &mut Screen) -> Result {
    let id = screen.paint.text(Colour::Bold, &printable(&message.id));
    screen.line(&format!(
        "{id}  accepted {} ({} ago)  {}  from <{}>",
        clock(&message.accepted_at),
        span(message.age_seconds),
        bytes(message.size_bytes),
        printable(&message.reverse_path)
    ))?;
    for it in &message.recipients {
        screen.line(&format!(
            "  <{}> {} for {}, {}",
            printable(&it.address),
            it.state.as_str(),
            printable(&it.hop),
            count(it.attempts.into(), "attempt")
        ))?;
        let next = it.next_attempt_at.as_deref().map(clock);
        let lines = [
            ("next attempt", next.as_ref()),
            ("held by", it.held_by.as_ref()),
            ("reason", it.reason.as_ref()),
            ("last reply", it.last_reply.as_ref()),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                screen.line(&format!("    {name}: {}", printable(value)))?;
            }
        }
    }
    Ok(())
}

pub(super) async fn summary(console: &mut Console<'_>) -> Result {
    let ask = Ask::get("summarise the queue", path::QUEUE_SUMMARY.to_owned());
    let summary: QueueSummary = console.client.ask(ask).await?;
    if console.screen.json {
        return console.screen.document(&summary);
    }
    let paint = console.screen.paint;
    console.screen.line(&matrix(&summary, |head| paint.text(Colour::Bold, head)))?;
    let indexing = if summary.recovering { "; still being indexed" } else { "" };
    console.screen.line(&format!(
        "{} for {}, {}{indexing}",
        count(summary.messages, "message"),
        count(summary.recipients, "recipient"),
        bytes(summary.bytes)
    ))
}

/// Recipients by hop and age. The number of columns is the gateway's choice, so this is no [`Table`].
fn matrix(summary: &QueueSummary, bold: impl Fn(&str) -> String) -> String {
    let mut heads = vec!["HOP".to_owned(), "ACTIVE".into(), "DEFERRED".into(), "HELD".into()];
    let bounds = &summary.age_bounds_seconds;
    heads.extend(bounds.iter().map(|it| format!("<{}", short(*it))));
    heads.extend(bounds.last().map(|it| format!("older than {}", short(*it))));
    let rows = summary.hops.iter().map(|hop| {
        let numbers = [hop.active, hop.deferred, hop.held];
        let figures = numbers.iter().chain(&hop.by_age).map(u64::to_string);
        std::iter::once(printable(&hop.name)).chain(figures).collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.chain(heads.get(column)).map(|it| it.chars().count()).max().unwrap_or(0)
    };
    let line = |row: &[String]| {
        let first = format!("{:<1$}", row[0], width(0));
        let rest = row.iter().enumerate().skip(1).map(|(n, it)| format!("  {it:>0$}", width(n)));
        std::iter::once(first).chain(rest).collect::<String>()
    };
    let lines = std::iter::once(bold(&line(&heads))).chain(rows.iter().map(|row| line(row)));
    lines.collect::<Vec<_>>().join("\n")
}

/// `5m`, for a column's head.
fn short(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
