//! `causeway route …` as types.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Print the entries that match, by address. Changes nothing.
    List(ListArgs),
    /// Print all that the table says of an address. Changes nothing.
    Show {
        /// A mailbox or one of its aliases.
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Say where mailboxes now live. What is not named stays as it is.
    ///
    /// Applies to the next RCPT, and to mail that waits at its next attempt. All addresses are
    /// changed as one generation. Prints the command that undoes it.
    Set(SetArgs),
    /// Remove entries: such addresses are then treated as their domain says for unlisted ones.
    Remove {
        /// The mailboxes.
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
        #[command(flatten)]
        edit: EditArgs,
    },
    /// Read a CSV file into the table, all of it as one generation, or nothing.
    ///
    /// The header names the columns: address (or EmailAddress), home, and optionally state, batch,
    /// cloud_address, aliases (with spaces between them), note.
    Import(ImportArgs),
    /// Which mail of the last day would have gone elsewhere, had the table said this. Changes nothing.
    ///
    /// Reads the ledger, decides for every recipient by the table of now and by the table that would
    /// be, and prints those that differ.
    Simulate(SimulateArgs),
    /// Print who changed the table when, and why; the newest first. Changes nothing.
    History {
        /// Generations at most.
        #[arg(long, value_name = "N", default_value_t = 20)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Print the table as a CSV file that `import` takes. Changes nothing.
    Export {
        /// Where to write; - is standard output.
        #[arg(default_value = "-")]
        file: PathBuf,
        /// The table as it was at this generation.
        #[arg(long, value_name = "N")]
        generation: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that live at this site.
    #[arg(long, value_name = "SITE")]
    pub(crate) home: Option<String>,
    /// Only those that have come so far.
    #[arg(long)]
    pub(crate) state: Option<State>,
    /// Only this group.
    #[arg(long)]
    pub(crate) batch: Option<String>,
    /// Only addresses of this domain.
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Only those with this text in the address or an alias.
    #[arg(long = "match", value_name = "TEXT")]
    pub(crate) matching: Option<String>,
    /// Only those changed since this generation.
    #[arg(long, value_name = "N")]
    pub(crate) changed_after: Option<u64>,
    /// Stop after so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The mailboxes.
    #[arg(required = true, value_name = "ADDRESS")]
    pub(crate) addresses: Vec<String>,
    /// The site where the mailbox lives now. Needed for an address without an entry.
    #[arg(long, value_name = "SITE")]
    pub(crate) home: Option<String>,
    /// How far the move has come.
    #[arg(long)]
    pub(crate) state: Option<State>,
    /// The group that it moves with; '' for none.
    #[arg(long)]
    pub(crate) batch: Option<String>,
    /// The recipient at the cloud side, if not by the site's template; '' for none.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) cloud_address: Option<String>,
    /// Other addresses of the mailbox, with commas between them; replaces the ones it has.
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) aliases: Option<String>,
    /// A remark; '' for none.
    #[arg(long)]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

/// What every edit takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct EditArgs {
    /// Why, for the table's history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Show what would change, and stop.
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Only if this is still the table's generation; exits 4 otherwise.
    #[arg(long, value_name = "N")]
    pub(crate) expect_generation: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The CSV file; - is standard input.
    pub(crate) file: PathBuf,
    /// The file is the whole table: entries that are not in it are removed.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Do not ask before entries are removed.
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

/// States of a move, as the table file spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum State {
    OnPrem,
    Syncing,
    Cutover,
    Cloud,
    Settled,
}

impl From<State> for api::MoveState {
    fn from(state: State) -> Self {
        match state {
            State::OnPrem => Self::OnPrem,
            State::Syncing => Self::Syncing,
            State::Cutover => Self::Cutover,
            State::Cloud => Self::Cloud,
            State::Settled => Self::Settled,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The mailboxes that would live elsewhere.
    #[arg(value_name = "ADDRESS", required_unless_present = "file")]
    pub(crate) addresses: Vec<String>,
    /// Where they would live.
    #[arg(long, value_name = "SITE", required_unless_present = "file")]
    pub(crate) home: Option<String>,
    /// Edits as `POST /api/v1/table/edits` takes them; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["addresses", "home"])]
    pub(crate) file: Option<PathBuf>,
    /// From when on, as in 2026-01-05T08:00:00Z; without it, the last day.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}
