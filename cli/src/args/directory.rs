//! `causeway directory …` as types.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Print each directory, how old its copy is and what it waits for. Changes nothing.
    Status,
    /// Print the recipients that match, by address. Changes nothing.
    List {
        /// Only those with this text in one of their addresses.
        #[arg(long = "match", value_name = "TEXT")]
        matching: Option<String>,
        /// Only those of this directory.
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// Stop after so many.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Print all that is known of an address: whose it is, and by what other names. Changes nothing.
    Show {
        /// Any address of the recipient, IMCEAEX ones too.
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
    /// Read a directory in full, now. Exits 1 if it cannot be read; its last good copy serves on.
    ///
    /// One that would remove more addresses than the configuration allows changes nothing, says what
    /// it would remove, and exits 6: look at it, then say --accept-removals.
    Sync {
        /// Its name in the configuration.
        source: String,
        #[command(flatten)]
        how: SyncArgs,
    },
    /// Make a CSV file the copy of a directory that is kept by import, all of it or nothing.
    ///
    /// The header names the columns: address, and optionally aliases (with spaces between them),
    /// x500 (with semicolons), target_address, kind. Bounds on removals hold as for sync.
    Import {
        /// Its name in the configuration.
        source: String,
        /// The file; - is standard input.
        file: PathBuf,
        #[command(flatten)]
        how: SyncArgs,
    },
    /// Print where the table and the directories disagree, with a command that would mend it.
    ///
    /// Changes nothing. Exits 1 if there is anything.
    Drift {
        /// Stop after so many.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SyncArgs {
    /// Show what would change, and stop.
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Remove more than the bound allows, too.
    #[arg(long)]
    pub(crate) accept_removals: bool,
}
