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
    /// Work out what edits or a file come to, and what stands in their way. Changes nothing yet.
    ///
    /// Prints what would be added, changed and removed, whose mail would go elsewhere, each safety
    /// rail with what to do about it, and the command that applies exactly this. The plan is kept.
    #[command(after_help = PLAN_HELP)]
    Plan(Box<PlanArgs>),
    /// Print the plans, the newest first, or one of them with its rows. Changes nothing.
    Plans(PlansArgs),
    /// Apply exactly the rows of a plan: now, or when its time has come.
    ///
    /// Exits 4 if somebody changed the same rows since, and shows three ways; 6 if a rail is in the
    /// way.
    Apply(ApplyArgs),
    /// Approve the plan of somebody else.
    Approve {
        #[arg(value_name = "PLAN")]
        id: String,
    },
    /// Give a plan up. One whose first rows are applied goes back.
    Cancel {
        #[arg(value_name = "PLAN")]
        id: String,
    },
    /// Print what differs between two generations. Changes nothing.
    Diff {
        /// The earlier one.
        from: u64,
        /// The later one, if not the present.
        to: Option<u64>,
    },
    /// Make a plan that goes back; `route apply` makes it so.
    Rollback(RollbackArgs),
    /// Read every revision of the table and compare its hash. Exits 1 if one was altered.
    Verify,
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
    /// The table as it was at this generation.
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<u64>,
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

const PLAN_HELP: &str = "\
Examples:
  causeway route plan wave7.csv --reason 'wave 7' --ticket CHG-77
  causeway route plan microsoft.csv --home cloud --batch finance-2 --canary 10
  causeway route plan --set anna@contoso.example bert@contoso.example --home cloud
  causeway route plan wave8.csv --not-before 2026-11-28T22:00 --time-zone Europe/Berlin";

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// A CSV file, ours or one for Exchange Online; - is standard input.
    #[arg(required_unless_present_any = ["set", "remove"], conflicts_with_all = ["set", "remove"])]
    pub(crate) file: Option<PathBuf>,
    /// Mailboxes to make or change.
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    pub(crate) set: Vec<String>,
    /// Mailboxes to remove.
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    pub(crate) remove: Vec<String>,
    /// The home of those that are set, or of the rows of a file without the column.
    #[arg(long, value_name = "SITE")]
    pub(crate) home: Option<String>,
    /// The same for how far the move has come.
    #[arg(long)]
    pub(crate) state: Option<State>,
    /// The same for the group.
    #[arg(long)]
    pub(crate) batch: Option<String>,
    /// Whose columns the file has; else its header says it.
    #[arg(long, requires = "file")]
    pub(crate) format: Option<FileFormat>,
    /// Leave out columns that nobody knows.
    #[arg(long, requires = "file")]
    pub(crate) allow_unknown_columns: bool,
    /// The file is the whole table: entries that are not in it are removed.
    #[arg(long, requires = "file")]
    pub(crate) replace: bool,
    /// Why, for the table's history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Where it was agreed on.
    #[arg(long, value_name = "TEXT")]
    pub(crate) ticket: Option<String>,
    /// Apply it no earlier: RFC 3339, or local as in 2026-11-28T22:00.
    #[arg(long, value_name = "TIME")]
    pub(crate) not_before: Option<String>,
    /// Of --not-before, as in Europe/Berlin; UTC if it is not given.
    #[arg(long, value_name = "ZONE", requires = "not_before")]
    pub(crate) time_zone: Option<String>,
    /// Apply so many rows first, or as in 5%, and let their mail decide over the rest.
    #[arg(long, value_name = "N|P%")]
    pub(crate) canary: Option<String>,
    /// The rest follows after so many deliveries to the first.
    #[arg(long, value_name = "N", requires = "canary")]
    pub(crate) canary_deliveries: Option<u32>,
    /// Or after this time: 15m if neither is given.
    #[arg(long, value_name = "TIME", requires = "canary", value_parser = super::seconds)]
    pub(crate) canary_time: Option<u64>,
    /// Go back above this share of bounces, in percent, once five outcomes were seen: 2.
    #[arg(long, value_name = "P", requires = "canary")]
    pub(crate) canary_bounces: Option<u8>,
    /// Wants the approval of somebody else.
    #[arg(long)]
    pub(crate) second_person: bool,
    /// Only if this is still the table's generation; exits 4 otherwise.
    #[arg(long, value_name = "N")]
    pub(crate) expect_generation: Option<u64>,
}

/// Whose columns a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum FileFormat {
    Causeway,
    Staged,
    Imap,
    RemoteMove,
}

impl From<FileFormat> for api::FileFormat {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Causeway => Self::Causeway,
            FileFormat::Staged => Self::Staged,
            FileFormat::Imap => Self::Imap,
            FileFormat::RemoteMove => Self::RemoteMove,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlansArgs {
    /// One plan, with its rows.
    #[arg(value_name = "PLAN")]
    pub(crate) id: Option<String>,
    /// Only those in this state: ready, scheduled, applied …
    #[arg(long, value_name = "STATE", conflicts_with = "id", value_parser = plan_state)]
    pub(crate) state: Option<api::PlanState>,
    /// Plans at most.
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print every row, not only the first.
    #[arg(long, requires = "id")]
    pub(crate) rows: bool,
    /// Hold it against the rails again.
    #[arg(long, requires = "id")]
    pub(crate) check: bool,
}

fn plan_state(text: &str) -> Result<api::PlanState, String> {
    let all = api::PlanState::ALL;
    let known = || all.map(api::PlanState::as_str).join(", ");
    all.into_iter().find(|it| it.as_str() == text).ok_or_else(|| format!("want one of {}", known()))
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[arg(value_name = "PLAN")]
    pub(crate) id: String,
    /// The text that the plan asks to be repeated, as in '48 recipients'.
    #[arg(long, value_name = "TEXT")]
    pub(crate) confirm: Option<String>,
    /// Pass this safety rail; goes into the history with the reason.
    #[arg(long = "override", value_name = "RAIL", value_parser = rail, requires = "reason")]
    pub(crate) overrides: Vec<api::Rail>,
    /// Why the rails are passed.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Only if this is still the table's generation; exits 4 otherwise.
    #[arg(long, value_name = "N")]
    pub(crate) expect_generation: Option<u64>,
}

pub(super) fn rail(text: &str) -> Result<api::Rail, String> {
    let known = || api::Rail::ALL.map(api::Rail::as_str).join(", ");
    api::Rail::parse(text).ok_or_else(|| format!("want one of {}", known()))
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The table becomes what it was at this generation.
    #[arg(long, value_name = "N", required_unless_present = "undo", conflicts_with = "undo")]
    pub(crate) to: Option<u64>,
    /// What this generation changed is taken back, and nothing else.
    #[arg(long, value_name = "N")]
    pub(crate) undo: Option<u64>,
    /// Why, for the table's history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Where it was agreed on.
    #[arg(long, value_name = "TEXT")]
    pub(crate) ticket: Option<String>,
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
    /// Pass this safety rail; goes into the history with the reason.
    #[arg(long = "override", value_name = "RAIL", value_parser = rail, requires = "reason")]
    pub(crate) overrides: Vec<api::Rail>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The CSV file; - is standard input.
    pub(crate) file: PathBuf,
    /// The home of all rows, for a file without the column.
    #[arg(long, value_name = "SITE")]
    pub(crate) home: Option<String>,
    /// How far the moves have come, for a file without the column.
    #[arg(long)]
    pub(crate) state: Option<State>,
    /// The group of all rows, for a file without the column.
    #[arg(long)]
    pub(crate) batch: Option<String>,
    /// Leave out columns that nobody knows.
    #[arg(long)]
    pub(crate) allow_unknown_columns: bool,
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
    #[arg(value_name = "ADDRESS", required_unless_present_any = ["file", "plan"])]
    pub(crate) addresses: Vec<String>,
    /// Where they would live.
    #[arg(long, value_name = "SITE", required_unless_present_any = ["file", "plan"])]
    pub(crate) home: Option<String>,
    /// A plan, by the id that `route plan` printed.
    #[arg(long, value_name = "ID", conflicts_with_all = ["addresses", "home", "file"])]
    pub(crate) plan: Option<String>,
    /// Edits as `POST /api/v1/table/edits` takes them; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["addresses", "home"])]
    pub(crate) file: Option<PathBuf>,
    /// From when on, as in 2026-01-05T08:00:00Z; without it, the last day.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}
