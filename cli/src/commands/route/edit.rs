//! `route set` and `route remove`.

use api::{Changed, Entry, EntryPatch, TableEdit, TableEdits, path};
use hyper::Method;

use crate::args::{EditArgs, SetArgs};
use crate::client::Ask;
use crate::commands::{Console, undo};
use crate::exit::{Exit, Failure, Result};
use crate::output::{Colour, Screen, count, printable};

/// Changes that are shown one by one.
const SHOWN_MAX: usize = 20;

pub(super) async fn set(args: SetArgs, console: &mut Console<'_>) -> Result {
    let patch = patch(&args);
    if patch.is_empty() {
        return Err(Failure::usage("nothing to change is named")
            .hint("give --home SITE, or --state, --batch, --cloud-address, --aliases, --note"));
    }
    let set = |address| TableEdit::Set { address, entry: patch.clone() };
    edit(args.addresses.into_iter().map(set).collect(), args.edit, console).await
}

/// An empty text clears a field.
fn patch(args: &SetArgs) -> EntryPatch {
    let cleared =
        |text: &Option<String>| text.clone().map(|it| Some(it).filter(|it| !it.is_empty()));
    let aliases = args.aliases.as_ref().map(|text| {
        let words = text.split([',', ' ']).filter(|it| !it.is_empty());
        words.map(str::to_owned).collect()
    });
    EntryPatch {
        home: args.home.clone(),
        state: args.state.map(Into::into),
        batch: cleared(&args.batch),
        cloud_address: cleared(&args.cloud_address),
        aliases,
        note: cleared(&args.note),
    }
}

pub(super) async fn remove(
    addresses: Vec<String>,
    args: EditArgs,
    console: &mut Console<'_>,
) -> Result {
    let remove = |address| TableEdit::Remove { address };
    edit(addresses.into_iter().map(remove).collect(), args, console).await
}

async fn edit(edits: Vec<TableEdit>, args: EditArgs, console: &mut Console<'_>) -> Result {
    let EditArgs { reason, dry_run, expect_generation, overrides } = args;
    let request = TableEdits { edits, reason, dry_run, expect_generation, overrides };
    let ask = Ask::post("edit the table", path::EDITS.to_owned()).json(Method::POST, &request);
    let changed: Changed = console.client.ask(ask).await.map_err(on_conflict)?;
    if console.screen.json {
        return console.screen.document(&changed);
    }
    show(&changed, &console.prefix, console.screen)
}

/// What to do differs from what the gateway can know.
pub(super) fn on_conflict(failure: Failure) -> Failure {
    if failure.exit == Exit::Conflict {
        failure.hint("look with `route show`, then repeat it with the new --expect-generation")
    } else {
        failure
    }
}

fn show(changed: &Changed, prefix: &str, screen: &mut Screen) -> Result {
    for change in changed.changes.iter().take(SHOWN_MAX) {
        let line = sentence(&change.address, change.before.as_ref(), change.after.as_ref());
        screen.line(&line)?;
    }
    if changed.changes.len() > SHOWN_MAX {
        let rest = (changed.changes.len() - SHOWN_MAX) as u64;
        screen.line(&format!("and {}", count(rest, "more change")))?;
    }
    super::plan::rails(&changed.blocked, screen)?;
    if changed.dry_run {
        return screen.line("Dry run: nothing was changed.");
    }
    let undo = undo::commands(prefix, &changed.changes, changed.generation);
    if undo.is_empty() {
        return screen.line(&format!("Nothing changed; generation {}.", changed.generation));
    }
    let generation = format!("generation {}", changed.generation);
    screen.line(&screen.paint.text(Colour::Bold, &generation))?;
    undo.iter().try_for_each(|command| screen.line(&format!("undo: {command}")))
}

/// `anna@…: home on_prem -> cloud`.
pub(super) fn sentence(address: &str, before: Option<&Entry>, after: Option<&Entry>) -> String {
    let what = match (before, after) {
        (None, Some(after)) => format!("new, home {}, state {}", after.home, after.state.as_str()),
        (Some(before), None) => format!("removed, home was {}", before.home),
        (Some(before), Some(after)) => differences(before, after),
        (None, None) => "no entry".to_owned(),
    };
    format!("{}: {}", printable(address), printable(&what))
}

fn differences(before: &Entry, after: &Entry) -> String {
    let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "none".to_owned());
    let fields = [
        ("home", before.home.clone(), after.home.clone()),
        ("state", before.state.as_str().to_owned(), after.state.as_str().to_owned()),
        ("batch", text(&before.batch), text(&after.batch)),
        ("cloud address", text(&before.cloud_address), text(&after.cloud_address)),
        ("aliases", before.aliases.join(" "), after.aliases.join(" ")),
        ("note", text(&before.note), text(&after.note)),
    ];
    let differ = fields.into_iter().filter(|(_, old, new)| old != new);
    let words: Vec<_> = differ.map(|(name, old, new)| format!("{name} {old} -> {new}")).collect();
    if words.is_empty() { "as it was".to_owned() } else { words.join(", ") }
}
