//! `causeway trace ID|ADDRESS|MESSAGE-ID`.

use api::{Story, StoryEvent, StoryRecipient, Traced, path};

use super::Console;
use crate::args::{TraceArgs, TraceKind};
use crate::client::Ask;
use crate::exit::{Failure, Result};
use crate::output::{Colour, Screen, bytes, clock, printable};

pub(super) async fn run(args: TraceArgs, console: &mut Console<'_>) -> Result {
    let mut found = Traced::default();
    for kind in kinds(&args) {
        found = look_up(&args, kind, console).await?;
        if !found.stories.is_empty() {
            break;
        }
    }
    if found.stories.is_empty() {
        let message = format!("no message is known by {}", args.what);
        return Err(Failure::failed(message)
            .hint("an id has 13 letters and digits; --as id|address|message-id says what it is"));
    }
    if console.screen.json {
        return found.stories.iter().try_for_each(|it| console.screen.item(it));
    }
    for (n, story) in found.stories.iter().enumerate() {
        if n > 0 {
            console.screen.line("")?;
        }
        show(story, console.screen)?;
    }
    if found.stories.len() as u64 == u64::from(args.limit) {
        console.screen.note(&format!("Only the newest {}; --limit shows more.", args.limit));
    }
    Ok(())
}

/// What `what` may be, the likeliest first. A Message-ID looks like an address.
fn kinds(args: &TraceArgs) -> Vec<TraceKind> {
    match (args.kind, &args.what) {
        (Some(kind), _) => vec![kind],
        (None, what) if what.starts_with('<') => vec![TraceKind::MessageId],
        (None, what) if what.contains('@') => vec![TraceKind::Address, TraceKind::MessageId],
        (None, _) => vec![TraceKind::Id],
    }
}

async fn look_up(args: &TraceArgs, kind: TraceKind, console: &Console<'_>) -> Result<Traced> {
    let key = match kind {
        TraceKind::Id => "id",
        TraceKind::Address => "address",
        TraceKind::MessageId => "message_id",
    };
    let query =
        path::query(&[(key, Some(args.what.clone())), ("limit", Some(args.limit.to_string()))]);
    console.client.ask(Ask::get("trace the message", format!("{}{query}", path::TRACE))).await
}

fn show(story: &Story, screen: &mut Screen) -> Result {
    let id = screen.paint.text(Colour::Bold, &printable(&story.id));
    screen.line(&format!(
        "{id}  accepted {}  {}  from <{}>",
        clock(&story.accepted_at),
        bytes(story.size_bytes),
        printable(&story.reverse_path)
    ))?;
    screen.line(&format!("  {}", origin(story)))?;
    if let Some(message_id) = &story.message_id {
        screen.line(&format!("  Message-ID {}", printable(message_id)))?;
    }
    story.recipients.iter().try_for_each(|recipient| show_recipient(recipient, screen))
}

fn origin(story: &Story) -> String {
    let mut text = format!("through {}", printable(&story.listener));
    for (word, value) in [("from", &story.peer), ("as", &story.helo), ("with", &story.tls)] {
        if let Some(value) = value {
            text.push_str(&format!(" {word} {}", printable(value)));
        }
    }
    text
}

fn show_recipient(recipient: &StoryRecipient, screen: &mut Screen) -> Result {
    let colour = match recipient.outcome.as_str() {
        "delivered" => Colour::Green,
        "bounced" | "expired" | "discarded" => Colour::Red,
        _ => Colour::Yellow,
    };
    let outcome = screen.paint.text(colour, &printable(&recipient.outcome));
    let twice = if recipient.maybe_duplicate { " (it may have come twice)" } else { "" };
    screen.line(&format!("  <{}> {outcome}{twice}", printable(&recipient.address)))?;
    recipient.events.iter().try_for_each(|event| screen.line(&format!("    {}", sentence(event))))
}

/// `2026-01-05 08:00:02Z deferred at cloud (mx1:25), attempt 1, generation 418: 451 4.3.0 …`.
fn sentence(event: &StoryEvent) -> String {
    let mut text = format!("{} {}", clock(&event.at), printable(&event.what));
    match (&event.hop, &event.host) {
        (Some(hop), Some(host)) => {
            text.push_str(&format!(" at {} ({})", printable(hop), printable(host)));
        }
        (Some(one), None) | (None, Some(one)) => text.push_str(&format!(" at {}", printable(one))),
        (None, None) => (),
    }
    if let Some(attempt) = event.attempt {
        text.push_str(&format!(", attempt {attempt}"));
    }
    if let Some(generation) = event.generation {
        text.push_str(&format!(", generation {generation}"));
    }
    for words in [&event.reply, &event.remark].into_iter().flatten() {
        text.push_str(&format!(": {}", printable(words)));
    }
    text
}
