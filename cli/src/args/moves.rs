//! `causeway move …` as types.

use clap::{Args, Subcommand, ValueEnum};

use super::route::rail;

#[derive(Debug, Subcommand)]
pub(crate) enum MoveCommand {
    /// Print mailboxes with how far their move is and what waits for them. Changes nothing.
    List(MoveListArgs),
    /// Print one mailbox: attempts under way, deliveries in doubt, the state of its copy.
    Show {
        /// The mailbox, by any of its addresses.
        address: String,
    },
    /// Take mailboxes a step on, or back: all of them, or none.
    ///
    /// The steps are on_prem, syncing, cutover, cloud, settled; from each there is a way back to
    /// on_prem, and from cutover to where it began. The home follows. A mailbox that changes between
    /// the look and the step stops all of them, and so does a safety rail, with exit code 6; the
    /// steps back pass all rails but that of a loop.
    #[command(after_help = TRANSITION_HELP)]
    Transition(TransitionArgs),
    /// Break off attempts for a mailbox in cutover that take too long.
    ///
    /// What was not sent to its end is held, and the site has not got it. What was sent to its end
    /// and has no answer is in doubt: look for it in the mailbox, then `move resolve`. Other messages
    /// on the same connection are tried again.
    Cut(CutArgs),
    /// Say whether a mailbox has a message whose delivery is in doubt.
    Resolve(ResolveArgs),
}

const TRANSITION_HELP: &str = "\
Examples:
  causeway move transition cutover anna@contoso.example
  causeway move transition cloud --batch wave-3 --from cutover --reason 'change 4711'
  causeway move transition cutover anna@contoso.example --override freeze_window --reason 'change 4711'";

#[derive(Debug, Args)]
pub(crate) struct MoveListArgs {
    /// In this state.
    #[arg(long)]
    pub(crate) state: Option<State>,
    /// Of this batch.
    #[arg(long, value_name = "NAME")]
    pub(crate) batch: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TransitionArgs {
    /// The state to go to.
    pub(crate) to: State,
    /// The mailboxes.
    #[arg(value_name = "ADDRESS", required_unless_present = "batch", conflicts_with = "batch")]
    pub(crate) addresses: Vec<String>,
    /// Every mailbox of this batch.
    #[arg(long, value_name = "NAME", requires = "from")]
    pub(crate) batch: Option<String>,
    /// The state that the batch is in.
    #[arg(long, value_name = "STATE", requires = "batch")]
    pub(crate) from: Option<State>,
    /// Where they live then, where there is a choice.
    #[arg(long, value_name = "SITE", conflicts_with = "batch")]
    pub(crate) home: Option<String>,
    /// The generation of the row as you saw it, for one address; else as it is now.
    #[arg(long, value_name = "N", conflicts_with = "batch")]
    pub(crate) generation: Option<u64>,
    /// Digest of the report that justifies it, for the history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) digest: Option<String>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Pass this safety rail, for the reason that is given; may be given again.
    #[arg(long = "override", value_name = "RAIL", value_parser = rail, requires = "reason")]
    pub(crate) overrides: Vec<api::Rail>,
    /// Show what would become of the mailboxes and what stands in the way, and stop.
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CutArgs {
    /// The mailbox, by any of its addresses.
    pub(crate) address: String,
    /// Only attempts that began so long ago, as in 2m; else all of them.
    #[arg(long, value_name = "SPAN", value_parser = super::seconds)]
    pub(crate) older_than: Option<u64>,
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Show which would be cut, and stop.
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// The mailbox, by any of its addresses.
    pub(crate) address: String,
    /// Our id of the message: see `move show`.
    pub(crate) message: String,
    /// The mailbox has it: it is settled. This cannot be taken back.
    #[arg(long, required_unless_present = "not_delivered", conflicts_with = "not_delivered")]
    pub(crate) delivered: bool,
    /// The mailbox has not: it is delivered to wherever the mailbox lives.
    #[arg(long)]
    pub(crate) not_delivered: bool,
    /// Where you found it, or searched: goes into the ledger.
    #[arg(long, value_name = "TEXT")]
    pub(crate) evidence: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    #[value(name = "on_prem")]
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
