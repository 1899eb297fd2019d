//! `causeway reference PAGE`: what `cargo xtask docs` writes to `docs/reference`.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use crate::args::{Cli, Page};
use crate::exit::Result;
use crate::output::Screen;

pub(super) fn run(page: Page, screen: &mut Screen) -> Result {
    let text = match page {
        Page::Api => admin::reference(),
        Page::Cli => cli(),
        Page::Configuration => config::reference(),
        Page::Metrics => gateway::metrics_reference().map_err(anyhow::Error::from)?,
        Page::Openapi => admin::openapi(),
    };
    screen.line(text.trim_end())
}

/// The long help of every command, in the order of `--help`.
pub(crate) fn cli() -> String {
    let mut page = String::from(
        "# Command line\n\nWritten by `cargo xtask docs` from the program's own help; do not edit.\n",
    );
    let mut command = Cli::command();
    command.build();
    describe(&mut page, &mut command);
    page
}

fn describe(page: &mut String, command: &mut clap::Command) {
    let help = without_globals(command).term_width(100).render_long_help().to_string();
    let name = command.get_bin_name().unwrap_or("causeway").to_owned();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let written = write!(page, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    written.expect("a String takes any text");
    for subcommand in command.get_subcommands_mut() {
        if !subcommand.is_hide_set() && subcommand.get_name() != "help" {
            describe(page, subcommand);
        }
    }
}

/// Options that every command takes are described once, at the top.
fn without_globals(command: &clap::Command) -> clap::Command {
    let is_top = command.get_bin_name().is_none_or(|name| !name.contains(' '));
    let hidden = |it: clap::Arg| if it.is_global_set() && !is_top { it.hide(true) } else { it };
    command.clone().mut_args(hidden)
}
