//! `queue retry|hold|release|bounce|discard`: count, ask, act, say how to go back.

use api::{Acted, Action, ActionRequest, Selector, SelectorError, path};
use hyper::Method;

use super::chosen;
use crate::args::ActArgs;
use crate::client::Ask;
use crate::commands::{Console, quoted};
use crate::exit::{Failure, Result};
use crate::output::count;

pub(super) async fn run(action: Action, args: ActArgs, console: &mut Console<'_>) -> Result {
    let mut selector = chosen(&args.selector, args.all);
    // A retry loses nothing, and "try everything again" is what one means by it.
    selector.all |= action == Action::Retry && selector.is_unbounded();
    selector.check().map_err(|error| wrong_selector(action, error))?;
    let reason = args.reason.clone().filter(|it| !it.trim().is_empty());
    if action == Action::Discard && reason.is_none() && !args.dry_run {
        return Err(Failure::usage("discard wants a --reason, for the ledger"));
    }
    let mut request = ActionRequest { action, selector, reason, dry_run: true };
    let would = send(&request, console).await?;
    if args.dry_run || would.recipients == 0 {
        return show(&request, &would, console);
    }
    let what = format!("{} {}", action.as_str(), counts(&would));
    // Ids were named one by one: that is intent enough for what can be undone.
    let named = !request.selector.ids.is_empty() && !action.is_final();
    if !console.screen.approve(&what, args.yes || named, action.is_final())? {
        return Ok(());
    }
    request.dry_run = false;
    let acted = send(&request, console).await?;
    show(&request, &acted, console)
}

fn wrong_selector(action: Action, error: SelectorError) -> Failure {
    match error {
        SelectorError::Empty => {
            Failure::usage(format!("{} of what? Nothing is selected by", action.as_str()))
                .hint("name ids, --site, --recipient, --sender, --state, --older-than, or --all")
        }
        SelectorError::AllAndMore => {
            Failure::usage("--all cannot be given with another selector").hint("leave one out")
        }
    }
}

async fn send(request: &ActionRequest, console: &Console<'_>) -> Result<Acted> {
    let ask = Ask::post("act on the queue", path::QUEUE_ACTIONS.to_owned());
    console.client.ask(ask.json(Method::POST, request)).await
}

const fn done(action: Action) -> &'static str {
    match action {
        Action::Retry => "Retried",
        Action::Hold => "Held",
        Action::Release => "Released",
        Action::Bounce => "Bounced",
        Action::Discard => "Discarded",
    }
}

fn counts(acted: &Acted) -> String {
    format!("{} of {}", count(acted.recipients, "recipient"), count(acted.messages, "message"))
}

fn show(request: &ActionRequest, acted: &Acted, console: &mut Console<'_>) -> Result {
    if console.screen.json {
        return console.screen.document(acted);
    }
    if acted.recipients == 0 && acted.busy_recipients == 0 {
        return console.screen.line("Nothing matches.");
    }
    let would = format!("Would {}", request.action.as_str());
    let word = if acted.dry_run { &would } else { done(request.action) };
    console.screen.line(&format!("{word} {}.", counts(acted)))?;
    if acted.busy_recipients > 0 {
        let busy = count(acted.busy_recipients, "recipient");
        console.screen.line(&format!("{busy} left alone: being delivered at this moment."))?;
    }
    if acted.table_held_recipients > 0 {
        let held = count(acted.table_held_recipients, "recipient");
        console.screen.line(&format!(
            "{held} left on hold by the table: the next change of the entry releases them."
        ))?;
    }
    match opposite(request.action) {
        Some(back) if !acted.dry_run => {
            let words = selector_words(&request.selector);
            console.screen.line(&format!("undo: {} queue {back}{words}", console.prefix))
        }
        _ => Ok(()),
    }
}

const fn opposite(action: Action) -> Option<&'static str> {
    match action {
        Action::Hold => Some("release"),
        Action::Release => Some("hold"),
        Action::Retry | Action::Bounce | Action::Discard => None,
    }
}

/// The selector as it is typed, without the state, which the action has changed.
fn selector_words(selector: &Selector) -> String {
    let mut words: Vec<String> = selector.ids.clone();
    let flags = [
        ("--site", selector.site.clone()),
        ("--recipient", selector.recipient.clone()),
        ("--sender", selector.sender.clone()),
        ("--older-than", selector.older_than_seconds.map(|it| format!("{it}s"))),
    ];
    for (flag, value) in flags {
        words.extend(value.map(|it| format!("{flag} {}", quoted(&it))));
    }
    if words.is_empty() {
        words.push("--all".to_owned());
    }
    words.iter().map(|it| format!(" {it}")).collect()
}
