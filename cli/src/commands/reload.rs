//! `causeway reload`.

use api::{Reloaded, path};

use super::Console;
use crate::client::Ask;
use crate::exit::{Exit, Result};
use crate::output::printable;

pub(super) async fn run(console: &mut Console<'_>) -> Result {
    let ask = Ask::post("reload the configuration", path::RELOAD.to_owned());
    let reloaded: Reloaded = console.client.ask(ask).await.map_err(|mut failure| {
        // Mistakes of the file are wrong configuration, as with `check`.
        if !failure.details.is_empty() {
            failure.exit = Exit::Usage;
        }
        failure
    })?;
    if console.screen.json {
        return console.screen.document(&reloaded);
    }
    if reloaded.applied.is_empty() && reloaded.needs_restart.is_empty() {
        return console.screen.line("Nothing has changed.");
    }
    for key in &reloaded.applied {
        console.screen.line(&format!("in force: {}", printable(key)))?;
    }
    for key in &reloaded.needs_restart {
        console.screen.line(&format!("waits for a restart: {}", printable(key)))?;
    }
    Ok(())
}
