//! One file per subcommand. Each asks the gateway, shows the answer, and names the way back.

mod access;
mod alert;
mod check;
mod completions;
mod configuration;
mod demo;
mod directory;
mod explain;
mod ledger;
mod moves;
mod queue;
mod reference;
mod reload;
mod route;
mod serve;
mod site;
mod status;
mod tail;
mod trace;
mod undo;

use crate::args::{Cli, Command, Global, LedgerCommand};
use crate::client::Client;
use crate::connect::{Environment, target};
use crate::exit::Result;
use crate::output::Screen;

pub(crate) use ledger::show as show_ledger;
#[cfg(test)]
pub(crate) use reference::cli as cli_reference;
pub(crate) use undo::quoted;

/// What a command that speaks to the gateway works with.
pub(crate) struct Console<'a> {
    pub(crate) client: Client,
    pub(crate) screen: &'a mut Screen,
    /// `causeway`, with `--config` if it was given: how commands that we suggest begin.
    pub(crate) prefix: String,
}

/// Runs what the command line says.
pub(crate) fn run(cli: Cli, environment: &Environment, screen: &mut Screen) -> Result {
    let Cli { global, command } = cli;
    match command {
        Command::Serve => serve::run(&global, screen),
        Command::Demo { keep } => demo::run(keep, screen),
        Command::Check => check::run(&global, screen),
        Command::Completions { shell } => completions::run(shell, screen),
        Command::Reference { page } => reference::run(page, screen),
        asking => {
            let client = Client::new(target(global.config.as_deref(), environment)?, author());
            let mut console = Console { client, screen, prefix: prefix(&global) };
            runtime()?.block_on(ask(asking, &mut console))
        }
    }
}

/// The commands that only speak the admin API.
pub(crate) async fn ask(command: Command, console: &mut Console<'_>) -> Result {
    match command {
        Command::Explain(args) => explain::run(args, console).await,
        Command::Route(command) => route::run(command, console).await,
        Command::Directory(command) => directory::run(command, console).await,
        Command::Move(command) => moves::run(command, console).await,
        Command::Queue(command) => queue::run(command, console).await,
        Command::Trace(args) => trace::run(args, console).await,
        Command::Tail(args) => tail::run(args, console).await,
        Command::Alert(command) => alert::run(&command, console).await,
        Command::Site(command) => site::run(command, console).await,
        Command::Ledger(LedgerCommand::Verify) => ledger::run(console).await,
        Command::User(command) => access::user(command, console).await,
        Command::Token(command) => access::token(command, console).await,
        Command::Session(command) => access::session(command, console).await,
        Command::Audit(command) => access::audit(command, console).await,
        Command::Status => status::run(console).await,
        Command::Config(command) => configuration::run(command, console).await,
        Command::Reload => reload::run(console).await,
        Command::Serve
        | Command::Demo { .. }
        | Command::Check
        | Command::Completions { .. }
        | Command::Reference { .. } => unreachable!("these do not ask the gateway"),
    }
}

/// One thread is enough to ask a question.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start the runtime")?)
}

/// Who edits, for the history: the login name.
fn author() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name: String = name.unwrap_or_default().chars().filter(char::is_ascii_graphic).collect();
    if name.is_empty() { "cli".to_owned() } else { name }
}

fn prefix(global: &Global) -> String {
    let given_by_flag = std::env::var_os("CAUSEWAY_CONFIG").is_none();
    match &global.config {
        Some(path) if given_by_flag => {
            format!("causeway --config {}", quoted(&path.display().to_string()))
        }
        _ => "causeway".to_owned(),
    }
}
