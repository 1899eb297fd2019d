//! `causeway site …` as types.

use clap::{Args, Subcommand, ValueEnum};

use super::seconds;

#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    /// Print each site's health and backlog. Changes nothing.
    List,
    /// Talk to each server of a site now, and print every stage. Exits 1 if none answers well.
    Probe {
        /// Its name in the configuration.
        site: String,
    },
    /// Say up or down, whatever the probes find; auto believes them again. Outlives a restart.
    Override(OverrideArgs),
}

#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    /// Its name in the configuration.
    pub(crate) site: String,
    /// What to hold true of it.
    pub(crate) to: To,
    /// Why, for whoever finds it later. Needed unless it is auto.
    #[arg(long, value_name = "TEXT")]
    #[arg(required_if_eq_any = [("to", "up"), ("to", "down")])]
    pub(crate) reason: Option<String>,
    /// Believe the probes again after this, as in 2h.
    #[arg(long = "for", value_name = "SPAN", value_parser = seconds)]
    pub(crate) lasts: Option<u64>,
    /// Show the site as it is and what would change, and stop.
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    /// Deliver, whatever the probes say.
    Up,
    /// Accept mail for it and keep it; nothing is attempted and nothing probed.
    Down,
    /// By the probes.
    Auto,
}

impl From<To> for api::OverrideTo {
    fn from(to: To) -> Self {
        match to {
            To::Up => Self::Up,
            To::Down => Self::Down,
            To::Auto => Self::Auto,
        }
    }
}
