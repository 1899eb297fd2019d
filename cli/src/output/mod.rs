//! What people and scripts see: text with aligned columns, or JSON; standard output for the answer,
//! standard error for everything about it.

mod figures;
mod paint;
mod table;

use std::io::{self, BufRead, IsTerminal as _, Write};

use serde::Serialize;

use crate::exit::{Exit, Failure, Result};

pub(crate) use figures::{bytes, clock, count, printable, span};
pub(crate) use paint::{Colour, Paint};
pub(crate) use table::{Align, Cell, Table};

/// Where a command writes and whom it may ask.
pub(crate) struct Screen {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    input: Box<dyn BufRead>,
    pub(crate) json: bool,
    pub(crate) paint: Paint,
    /// Somebody sits there and can be asked.
    pub(crate) interactive: bool,
    /// Standard error is a terminal: progress makes sense.
    pub(crate) progress: bool,
}

impl Screen {
    /// The process's own streams. `NO_COLOR` with any value but the empty one switches colours off.
    pub(crate) fn of_process(json: bool, no_color: bool) -> Self {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let no_color = no_color || std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        Self {
            json,
            paint: Paint::new(stdout.is_terminal() && !no_color && !json),
            interactive: stdin.is_terminal() && stderr.is_terminal(),
            progress: stderr.is_terminal(),
            out: Box::new(io::BufWriter::new(stdout)),
            err: Box::new(stderr),
            input: Box::new(io::BufReader::new(stdin)),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_test(
        json: bool,
        interactive: bool,
        streams: (Box<dyn Write>, Box<dyn Write>, Box<dyn BufRead>),
    ) -> Self {
        let (out, err, input) = streams;
        Self { out, err, input, json, paint: Paint::new(false), interactive, progress: false }
    }

    /// A line of the answer. `text` is ours; what others wrote goes through [`printable`] first.
    pub(crate) fn line(&mut self, text: &str) -> Result {
        writeln!(self.out, "{text}").map_err(write_failure)
    }

    /// The answer as one JSON document.
    pub(crate) fn document(&mut self, value: &impl Serialize) -> Result {
        let text = serde_json::to_string_pretty(value).map_err(|it| write_failure(it.into()))?;
        self.line(&text)
    }

    /// One JSON object of a list, on one line.
    pub(crate) fn item(&mut self, value: &impl Serialize) -> Result {
        let text = serde_json::to_string(value).map_err(|it| write_failure(it.into()))?;
        self.line(&text)
    }

    /// A remark on standard error.
    pub(crate) fn note(&mut self, text: &str) {
        // Nobody is left to tell if this fails.
        let _ = self.flush();
        let _ = writeln!(self.err, "{text}");
    }

    /// Rows of a table, with their heads if it is the first time.
    pub(crate) fn table(&mut self, table: &mut Table) -> Result {
        let text = table.render(self.paint);
        self.out.write_all(text.as_bytes()).map_err(write_failure)
    }

    pub(crate) fn writer(&mut self) -> &mut dyn Write {
        &mut *self.out
    }

    pub(crate) fn flush(&mut self) -> Result {
        self.out.flush().map_err(write_failure)
    }

    /// May we do `what` (`hold 3 messages`)? `--yes` says so; a person is asked; with nobody there
    /// only what can be undone goes ahead.
    pub(crate) fn approve(&mut self, what: &str, yes: bool, is_final: bool) -> Result<bool> {
        if yes {
            return Ok(true);
        }
        if !self.interactive {
            if !is_final {
                return Ok(true);
            }
            let message = format!("did not {what}: that wants a yes, and nobody is here to ask");
            return Err(Failure::new(Exit::Blocked, message)
                .hint("add --yes if it is meant, or look at it with --dry-run"));
        }
        self.flush()?;
        let _ = write!(self.err, "Would {what}. Go on? [y/N] ");
        let _ = self.err.flush();
        let mut answer = String::new();
        self.input
            .read_line(&mut answer)
            .map_err(|error| Failure::failed(format!("cannot read the answer: {error}")))?;
        let yes = matches!(answer.trim(), "y" | "Y" | "yes");
        if !yes {
            self.note("Nothing was done.");
        }
        Ok(yes)
    }

    /// What is asked for, without a line's end.
    pub(crate) fn prompt(&mut self, text: &str) {
        let _ = self.flush();
        let _ = write!(self.err, "{text}");
        let _ = self.err.flush();
    }

    /// A line of standard input, without its end.
    pub(crate) fn read_line(&mut self, what: &str) -> Result<String> {
        let mut line = String::new();
        let read = self.input.read_line(&mut line);
        match read {
            Ok(1..) => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
            Ok(0) => Err(Failure::usage(format!("cannot read {what}: there is no input"))),
            Err(error) => Err(Failure::failed(format!("cannot read {what}: {error}"))),
        }
    }

    /// Says why a command failed.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        if self.json {
            let text = failure.to_json().to_string();
            return self.note(&text);
        }
        for (n, line) in failure.message.lines().enumerate() {
            let start = if n == 0 { "error: " } else { "  " };
            self.note(&format!("{start}{}", printable(line)));
        }
        for detail in &failure.details {
            self.note(&format!("  {}", printable(detail)));
        }
        if let Some(hint) = &failure.hint {
            self.note(&format!("hint: {hint}"));
        }
    }
}

/// A reader that has seen enough, as `head` does, is no error worth a word.
fn write_failure(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::silent(Exit::Failed)
    } else {
        Failure::failed(format!("cannot write the output: {error}"))
    }
}
