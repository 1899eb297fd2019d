//! `causeway`: the gateway's one binary, and the operator's hand on it.
//!
//! ```text
//! args ── what was typed, as types ──> commands/* ── client ──> admin API
//!                                         │
//!                                         └── output: text, or --json
//! ```
//!
//! The operator's commands know nothing but the admin API. Each says what it changed, in which
//! generation, and how to take it back; each failure says what to do next. Exit codes are API:
//! see [`exit::Exit`].

mod args;
mod client;
mod commands;
mod connect;
mod demo;
mod exit;
mod output;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let mut screen = output::Screen::of_process(cli.global.json, cli.global.no_color);
    let done = commands::run(cli, &connect::Environment::read(), &mut screen);
    match done.and_then(|()| screen.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = screen.flush();
            screen.failure(&failure);
            failure.exit.into()
        }
    }
}
