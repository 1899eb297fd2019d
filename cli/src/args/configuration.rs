//! `causeway config …`.

use clap::{Args, Subcommand};

const SHOW_EXAMPLES: &str = "\
Examples:
  causeway config show                     every key
  causeway config show rails               those with \"rails\" in their name
  causeway config show --written           what the file sets, and nothing else
  causeway config show spool --about       with what each means";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key with the value that the gateway goes by, and where it is from. Changes nothing.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ConfigShowArgs),
    /// What `reload` would change now, and what would wait for a restart. Changes nothing.
    ///
    /// Exits 2 if the file has mistakes: then a reload changes nothing.
    Diff,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    /// Only keys whose name contains this.
    #[arg(value_name = "PART")]
    pub(crate) part: Option<String>,
    /// Only what the file sets.
    #[arg(long)]
    pub(crate) written: bool,
    /// With the meaning, type, range and default of each.
    #[arg(long)]
    pub(crate) about: bool,
}
