//! `causeway serve`.

use anyhow::Context as _;

use crate::args::Global;
use crate::connect::config_path;
use crate::exit::{Failure, Result};
use crate::output::Screen;

/// Returns when the gateway has ended; a configuration with mistakes exits 2 and names them all.
pub(super) fn run(global: &Global, screen: &mut Screen) -> Result {
    let path = config_path(global.config.as_deref())?;
    let config = gateway::load_config(&path).map_err(|mistakes| {
        let mut failure = Failure::usage(format!("{} has mistakes", path.display()));
        failure.details = mistakes.to_string().lines().map(str::to_owned).collect();
        failure
    })?;
    screen.flush()?;
    gateway::run::serve(config, &path).context("the gateway did not start")?;
    Ok(())
}
