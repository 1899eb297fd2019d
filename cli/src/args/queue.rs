//! `causeway queue …` as types.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::seconds;

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Print how many recipients wait for each site, and how long. Changes nothing.
    Summary,
    /// Print the messages that have a matching recipient, oldest first. Changes nothing.
    List {
        #[command(flatten)]
        selector: SelectorArgs,
        /// Stop after so many.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Print one message's envelope and why it waits. Changes nothing.
    Show {
        /// As `queue list` and the 250 reply show it.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Attempt delivery now instead of when it is due. Without a selector: of everything.
    Retry(ActArgs),
    /// Keep mail until it is released. Undone by `release`.
    Hold(ActArgs),
    /// Let held mail go on. Undone by `hold`. What a cutover holds is released by `route set` only.
    Release(ActArgs),
    /// Give up on mail now and tell its senders. Cannot be undone.
    Bounce(ActArgs),
    /// Give up on mail now and tell nobody. Cannot be undone.
    Discard(ActArgs),
    /// Write the messages as they were accepted to ID.eml, and their envelopes to ID.json.
    Export {
        #[command(flatten)]
        selector: SelectorArgs,
        /// All mail in the spool.
        #[arg(long, help_heading = WHICH)]
        all: bool,
        /// The folder to write to; it is made if it is not there.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
}

/// Which mail: what matches all that is given.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SelectorArgs {
    /// Messages by id.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Waiting for this site, or for this domain's MX.
    #[arg(long, visible_alias = "hop", help_heading = WHICH)]
    pub(crate) site: Option<String>,
    /// To this address, or with @DOMAIN to a whole domain.
    #[arg(long, value_name = "ADDRESS", help_heading = WHICH)]
    pub(crate) recipient: Option<String>,
    /// From this address or @DOMAIN; <> is our own and others' DSNs.
    #[arg(long, value_name = "ADDRESS", help_heading = WHICH)]
    pub(crate) sender: Option<String>,
    /// In this queue.
    #[arg(long, help_heading = WHICH)]
    pub(crate) state: Option<QueueState>,
    /// Accepted longer ago than this, as in 2h.
    #[arg(long, value_name = "SPAN", value_parser = seconds, help_heading = WHICH)]
    pub(crate) older_than: Option<u64>,
}

const WHICH: &str = "Which mail";

#[derive(Debug, Args)]
pub(crate) struct ActArgs {
    #[command(flatten)]
    pub(crate) selector: SelectorArgs,
    /// All mail in the spool.
    #[arg(long, help_heading = WHICH)]
    pub(crate) all: bool,
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Count what matches, and stop.
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Do not ask. Off a terminal `bounce` and `discard` are done only with it.
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueState {
    Active,
    Deferred,
    Held,
}

impl From<QueueState> for api::QueueState {
    fn from(state: QueueState) -> Self {
        match state {
            QueueState::Active => Self::Active,
            QueueState::Deferred => Self::Deferred,
            QueueState::Held => Self::Held,
        }
    }
}
