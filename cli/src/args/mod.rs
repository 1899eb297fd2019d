//! The command line as types. Every text here is a promise of `docs/reference/cli.md`.

mod access;
mod configuration;
mod directory;
mod moves;
mod queue;
mod route;
mod site;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use access::{
    AuditCommand, LimitArgs, PasswordArgs, SessionCommand, TokenCommand, UserCommand,
};
pub(crate) use configuration::{ConfigCommand, ConfigShowArgs};
pub(crate) use directory::{DirectoryCommand, SyncArgs};
pub(crate) use moves::{CutArgs, MoveCommand, MoveListArgs, ResolveArgs, TransitionArgs};
pub(crate) use queue::{ActArgs, QueueCommand, SelectorArgs};
pub(crate) use route::{
    ApplyArgs, EditArgs, ImportArgs, ListArgs, PlanArgs, PlansArgs, RollbackArgs, RouteCommand,
    SetArgs, SimulateArgs,
};
pub(crate) use site::{OverrideArgs, SiteCommand};
pub(crate) use watch::{AlertCommand, TailArgs, TailTopic};

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration, 3 gateway unreachable,
4 the table changed under you, 5 not authorised, 6 blocked by a safety rail.

Where the gateway is: CAUSEWAY_ADMIN (ADDRESS:PORT) and CAUSEWAY_TOKEN, or the configuration, whose
data folder holds the token; without either /etc/causeway/causeway.toml is read.";

const TAIL_EXAMPLES: &str = "\
Examples:
  causeway tail                                     everything
  causeway tail --topic flow --recipient anna@      mail for whoever contains anna@
  causeway tail --topic sites --topic alerts --json | jq .";

/// An SMTP relay and continuity gateway for an organisation whose mailboxes move.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, after_help = AFTER_HELP, propagate_version = false)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Global {
    /// Print JSON: one document, or one object a line for lists.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// The gateway's configuration: where the admin address and the token are found.
    #[arg(long, global = true, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    #[arg(hide_env_values = true, help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Print no colours; so does NO_COLOR, or output that is not a terminal.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway in the foreground. SIGTERM drains and ends it, SIGHUP reloads.
    Serve,
    /// Show the whole product on loopback, and account for every message. Needs nothing else.
    ///
    /// Starts a gateway and two stand-in sites, sends mail, moves a mailbox while mail flows, stops
    /// a site and starts it again, kills the gateway, and prints who got what where. Exits 0 only if
    /// every message is accounted for.
    Demo {
        /// Leave it running, and print how to speak to it.
        #[arg(long)]
        keep: bool,
    },
    /// Print every mistake of the configuration, with its place. Exits 2 if there is one.
    Check,
    /// Say where mail for an address goes, and each question that led to it. Changes nothing.
    Explain(ExplainArgs),
    /// Read and edit the table: where each mailbox lives.
    #[command(subcommand)]
    Route(RouteCommand),
    /// Who exists: the directories, their copies, and where the table disagrees.
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Mailboxes in their move: how far they are, the next step, deliveries in doubt.
    #[command(subcommand)]
    Move(MoveCommand),
    /// Look at mail that waits, and act on it.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Tell what happened to a message. Changes nothing.
    Trace(TraceArgs),
    /// Follow what happens, as it happens: mail, the table, sites, alerts, plans. Ends with Ctrl-C.
    ///
    /// A line for each event. Above 200 events of mail a second what is shown is a sample, and a
    /// line says how many were left out; a filter by recipient or site looks at all of them. When the
    /// gateway goes away it is asked again, and what happened meanwhile is shown as far as it is kept.
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(TailArgs),
    /// What the gateway finds wrong with itself.
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Health of the sites.
    #[command(subcommand)]
    Site(SiteCommand),
    /// The proof that no accepted mail is missing.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Local accounts: who may sign in, and what they may do.
    #[command(subcommand)]
    User(UserCommand),
    /// Tokens: keys for programs.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Who is signed in.
    #[command(subcommand)]
    Session(SessionCommand),
    /// What was done, by whom, and whether the log of it is whole.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Is the gateway ready, and what is it doing? Exits 1 if it is not ready.
    #[command(visible_alias = "health")]
    Status,
    /// Make the gateway read its configuration again. A file with mistakes changes nothing.
    Reload,
    /// The configuration that runs, and what a reload would change. Changes nothing.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a script that completes this command's words in a shell.
    Completions {
        /// Whose script.
        shell: clap_complete::Shell,
    },
    /// Print a reference page in Markdown.
    #[command(hide = true)]
    Reference { page: Page },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Page {
    Api,
    Cli,
    Configuration,
    Metrics,
    Openapi,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The recipient.
    #[arg(required = true, value_name = "ADDRESS")]
    pub(crate) addresses: Vec<String>,
    /// As if this peer sent it: a site may send to anyone, a stranger may not.
    #[arg(long)]
    pub(crate) ip: Option<std::net::IpAddr>,
    /// By an earlier generation of the table.
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// The id that the 250 gave, a sender or recipient, or a Message-ID.
    #[arg(value_name = "ID|ADDRESS|MESSAGE-ID")]
    pub(crate) what: String,
    /// Which of the three it is, when it does not show.
    #[arg(long = "as", value_name = "KIND")]
    pub(crate) kind: Option<TraceKind>,
    /// Messages at most, the newest first.
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceKind {
    Id,
    Address,
    MessageId,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Compare the ledger with the spool. Exits 0 only if every accepted recipient is accounted for.
    Verify,
}

/// `90s`, `15m`, `2h`, `3d` or plain seconds, as seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("want a number and s, m, h or d, as in 15m".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "want a number and s, m, h or d, as in 15m")?;
    number.checked_mul(unit).ok_or_else(|| "too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_with_a_unit() {
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("3d"), Ok(259_200));
        for wrong in ["", "m", "1w", "-1h", "1.5h", "99999999999999999999d", "9999999999999999999d"]
        {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
