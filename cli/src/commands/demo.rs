//! `causeway demo`.

use super::runtime;
use crate::demo;
use crate::exit::{Exit, Failure, Result};
use crate::output::Screen;

pub(super) fn run(keep: bool, screen: &mut Screen) -> Result {
    let good = runtime()?.block_on(demo::run(keep, screen))?;
    if good { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}
