//! `causeway user …`, `token …`, `session …` and `audit …` as types.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::seconds;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a local account. The password is asked for, or comes from --password-file.
    Add {
        /// 1 to 64 of a-z, 0-9, . _ - @.
        name: String,
        /// What it may do.
        #[arg(long)]
        role: RoleArg,
        #[command(flatten)]
        limit: LimitArgs,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Print the local accounts. Changes nothing.
    List,
    /// Print one account. Changes nothing.
    Show { name: String },
    /// Change role or limit, or disable it. Ends its sessions.
    Set {
        name: String,
        #[arg(long)]
        role: Option<RoleArg>,
        #[command(flatten)]
        limit: LimitArgs,
        /// Take every limit away.
        #[arg(long, conflicts_with_all = ["domains", "batches"])]
        no_limit: bool,
        /// Nobody can sign in with it.
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// Undoes --disable.
        #[arg(long)]
        enable: bool,
    },
    /// Remove an account and end its sessions. Cannot be undone.
    Remove {
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Give an account another password, asked for or from --password-file. Ends its sessions.
    Password {
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Enrol an authenticator: prints its secret, then asks for a code. Prints recovery codes once.
    Totp {
        name: String,
        /// Take the second factor away: for a lost device.
        #[arg(long)]
        remove: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// Only addresses in this domain; may be given again.
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub(crate) domains: Vec<String>,
    /// Only rows of this batch; may be given again.
    #[arg(long = "batch", value_name = "BATCH")]
    pub(crate) batches: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Read the password from the first line of this file; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a program, and print it this once.
    Make {
        /// What it is for.
        name: String,
        /// What it may do.
        #[arg(long)]
        role: RoleArg,
        #[command(flatten)]
        limit: LimitArgs,
        /// How long it is valid, as in 90d.
        #[arg(long = "for", value_name = "SPAN", value_parser = seconds, default_value = "90d")]
        lasts: u64,
    },
    /// Print the tokens, but not their secrets. Changes nothing.
    List,
    /// Make a token worthless, and end the sessions that it began. Cannot be undone.
    Revoke {
        /// As `token list` shows it, and the token itself: causeway_ID_….
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Print who is signed in. Changes nothing.
    List,
    /// End a session.
    End {
        /// As `session list` shows it.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print what was done, the newest first. Changes nothing but the log itself.
    List {
        /// Only what this one did: an account, token:NAME, or admin.
        #[arg(long, value_name = "NAME")]
        actor: Option<String>,
        /// Only actions that begin so, as in "PUT /api/v1/table".
        #[arg(long, value_name = "TEXT")]
        action: Option<String>,
        /// Only since then, as in 2026-11-27T16:00:00Z.
        #[arg(long, value_name = "TIME")]
        after: Option<String>,
        /// Only before then.
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
        /// Records at most.
        #[arg(long, value_name = "N", default_value_t = 50)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Follow the chain of records. Exits 1 and names the first broken one if it is not whole.
    Verify {
        /// An earlier head, as this command printed it: it must still be in the chain.
        #[arg(long, value_name = "SEQ:HASH")]
        expect: Option<String>,
    },
    /// Write all records, the oldest first, one JSON object a line.
    Export,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Looks, and changes nothing.
    Viewer,
    /// Edits the table, acts on the queue and the sites.
    Operator,
    /// Approves what others planned.
    Approver,
    /// Accounts, tokens, the audit log, reload.
    Administrator,
}

impl From<RoleArg> for api::Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Operator => Self::Operator,
            RoleArg::Approver => Self::Approver,
            RoleArg::Administrator => Self::Administrator,
        }
    }
}
