//! `causeway tail` and `causeway alert …`.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Only this; may be given several times.
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<TailTopic>,
    /// Mail and states of this site only.
    #[arg(long)]
    pub(crate) site: Option<String>,
    /// Mail for recipients that contain this.
    #[arg(long, value_name = "PART")]
    pub(crate) recipient: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TailTopic {
    Flow,
    Table,
    Sites,
    Alerts,
    Plans,
}

impl TailTopic {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Table => "table",
            Self::Sites => "sites",
            Self::Alerts => "alerts",
            Self::Plans => "plans",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// What is firing, what is about to, and what ended within the hour. Exits 1 if something fires.
    List,
    /// Send a test to whoever `alerts.mail_to` names. Exits 1 if it cannot be sent.
    Test,
}
