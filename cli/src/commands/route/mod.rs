//! `causeway route …`.

mod diff;
mod edit;
mod files;
mod history;
mod list;
mod plan;
mod plans;
mod simulate;

pub(super) use plan::rails;

use super::Console;
use crate::args::RouteCommand;
use crate::exit::Result;

pub(super) async fn run(command: RouteCommand, console: &mut Console<'_>) -> Result {
    match command {
        RouteCommand::List(args) => list::run(args, console).await,
        RouteCommand::Show { addresses } => list::show(&addresses, console).await,
        RouteCommand::Set(args) => edit::set(args, console).await,
        RouteCommand::Remove { addresses, edit } => edit::remove(addresses, edit, console).await,
        RouteCommand::Import(args) => files::import(args, console).await,
        RouteCommand::Plan(args) => plan::make(*args, console).await,
        RouteCommand::Rollback(args) => plan::rollback(args, console).await,
        RouteCommand::Apply(args) => plan::apply(args, console).await,
        RouteCommand::Approve { id } => plan::step(&id, "approve", console).await,
        RouteCommand::Cancel { id } => plan::step(&id, "cancel", console).await,
        RouteCommand::Plans(args) => plans::run(args, console).await,
        RouteCommand::Diff { from, to } => diff::run(from, to, console).await,
        RouteCommand::Verify => diff::verify(console).await,
        RouteCommand::Simulate(args) => simulate::run(args, console).await,
        RouteCommand::History { limit } => history::run(limit, console).await,
        RouteCommand::Export { file, generation } => {
            files::export(&file, generation, console).await
        }
    }
}
