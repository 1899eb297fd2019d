//! `causeway queue …`.

mod act;
mod export;
mod list;

use api::{Action, Selector};

use super::Console;
use crate::args::{QueueCommand, SelectorArgs};
use crate::exit::Result;

pub(super) async fn run(command: QueueCommand, console: &mut Console<'_>) -> Result {
    match command {
        QueueCommand::Summary => list::summary(console).await,
        QueueCommand::List { selector, limit } => {
            list::run(&chosen(&selector, false), limit, console).await
        }
        QueueCommand::Show { ids } => list::show(&ids, console).await,
        QueueCommand::Retry(args) => act::run(Action::Retry, args, console).await,
        QueueCommand::Hold(args) => act::run(Action::Hold, args, console).await,
        QueueCommand::Release(args) => act::run(Action::Release, args, console).await,
        QueueCommand::Bounce(args) => act::run(Action::Bounce, args, console).await,
        QueueCommand::Discard(args) => act::run(Action::Discard, args, console).await,
        QueueCommand::Export { selector, all, to } => {
            export::run(&chosen(&selector, all), &to, console).await
        }
    }
}

/// The selector as the API takes it.
fn chosen(args: &SelectorArgs, all: bool) -> Selector {
    Selector {
        ids: args.ids.clone(),
        site: args.site.clone(),
        recipient: args.recipient.clone(),
        sender: args.sender.clone(),
        state: args.state.map(Into::into),
        older_than_seconds: args.older_than,
        all,
    }
}
