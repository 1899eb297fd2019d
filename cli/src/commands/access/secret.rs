//! Secrets come by prompt, standard input or a file, never on the command line, where others see them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::args::PasswordArgs;
use crate::exit::{Failure, Result};
use crate::output::Screen;

/// From the file, or asked for twice.
pub(super) fn new_password(args: &PasswordArgs, screen: &mut Screen) -> Result<String> {
    match &args.password_file {
        Some(path) if path == Path::new("-") => screen.read_line("the password"),
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", path.display()))
            })?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        }
        None if screen.interactive => {
            let first = hidden("New password: ", screen)?;
            let second = hidden("Again: ", screen)?;
            if first == second {
                return Ok(first);
            }
            Err(Failure::failed("the two are not the same: nothing was changed"))
        }
        None => {
            let message = "a password is needed, and nobody is here to ask";
            Err(Failure::usage(message).hint("give --password-file FILE, or - for standard input"))
        }
    }
}

/// Not shown while it is typed, if the terminal can do that.
fn hidden(prompt: &str, screen: &mut Screen) -> Result<String> {
    screen.prompt(prompt);
    let is_hidden = echo("-echo");
    let line = screen.read_line("the password");
    if is_hidden {
        echo("echo");
        screen.note("");
    }
    line
}

fn echo(how: &str) -> bool {
    let mut stty = Command::new("stty");
    let stty = stty.arg(how).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null());
    stty.status().is_ok_and(|it| it.success())
}
