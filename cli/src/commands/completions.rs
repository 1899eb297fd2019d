//! `causeway completions SHELL`.

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::exit::Result;
use crate::output::Screen;

pub(super) fn run(shell: clap_complete::Shell, screen: &mut Screen) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "causeway", &mut script);
    screen.line(String::from_utf8_lossy(&script).trim_end())
}
