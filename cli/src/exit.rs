//! How a command ends: exit codes are API, and every failure says what to do next.

use std::process::ExitCode;

use api::{Blocked, Entry, Problem, RowConflict};

/// Exit codes of `contract.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Refused by the gateway, or failed.
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
    Conflict = 4,
    Unauthorised = 5,
    Blocked = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What was tried and what came of it. Empty: everything has been said already.
    pub(crate) message: String,
    /// One line each: the mistakes of a file.
    pub(crate) details: Vec<String>,
    /// What to do now.
    pub(crate) hint: Option<String>,
}

const TOKEN_HINT: &str = "the token is the content of DATA_DIR/admin.token: run this as a user who can \
     read it, or set CAUSEWAY_TOKEN";

pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new(), hint: None }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// For a command whose output already says why it exits so.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What `doing` failed with, as the gateway says it.
    pub(crate) fn from_problem(doing: &str, problem: Problem) -> Self {
        let exit = match problem.code.as_str() {
            "conflict" => Exit::Conflict,
            "unauthorized" | "second_factor" | "forbidden" => Exit::Unauthorised,
            "blocked" => Exit::Blocked,
            _ => Exit::Failed,
        };
        let rails = problem.blocked.iter().flat_map(rail_lines);
        let rows = problem.conflicts.iter().flat_map(conflict_lines);
        let more: Vec<String> = rails.chain(rows).collect();
        let said = if let [only] = problem.blocked.as_slice() {
            format!("blocked by the rail {}", only.rail.as_str())
        } else if !problem.blocked.is_empty() {
            format!("blocked by {} rails", problem.blocked.len())
        } else if problem.detail.is_empty() {
            problem.title
        } else {
            problem.detail
        };
        let details = problem.errors.iter().map(|it| format!("{}: {}", it.place, it.message));
        Self {
            exit,
            message: format!("cannot {doing}: {said}"),
            // One mistake is already the whole of `detail`.
            details: details.filter(|it| *it != said).chain(more).collect(),
            hint: match exit {
                // Each rail says what to do about it.
                Exit::Blocked => None,
                Exit::Unauthorised if problem.code == "unauthorized" => Some(TOKEN_HINT.to_owned()),
                _ => problem.hint,
            },
        }
    }

    /// As `--json` wants it on standard error.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": self.message,
            "exit": self.exit as u8,
            "details": self.details,
            "hint": self.hint,
        })
    }
}

/// What is in the way, and what to do about it.
fn rail_lines(it: &Blocked) -> Vec<String> {
    let mut lines =
        vec![format!("{}: {}", it.rail.as_str(), it.message), format!("  what to do: {}", it.hint)];
    if !it.examples.is_empty() {
        lines.push(format!("  rows: {}, as {}", it.rows, it.examples.join(", ")));
    }
    lines
}

/// Three ways: as it was, as others left it, as it was to be.
fn conflict_lines(it: &RowConflict) -> Vec<String> {
    if [&it.base, &it.theirs, &it.yours].iter().all(|it| it.is_none()) {
        return vec![move_conflict(it)];
    }
    let words = |row: &Option<Entry>| match row {
        None => "no entry".to_owned(),
        Some(row) => {
            let batch = row.batch.as_deref().unwrap_or("none");
            format!("home {}, state {}, batch {batch}", row.home, row.state.as_str())
        }
    };
    let by = it.theirs.as_ref().map(|it| format!(" (generation {})", it.generation));
    vec![
        it.address.clone(),
        format!("  the plan saw:  {}", words(&it.base)),
        format!("  it is now:     {}{}", words(&it.theirs), by.unwrap_or_default()),
        format!("  the plan says: {}", words(&it.yours)),
    ]
}

fn move_conflict(it: &RowConflict) -> String {
    let expected = it.expected.map(|it| format!(", you saw generation {it}")).unwrap_or_default();
    match (it.actual, it.state) {
        (Some(actual), Some(state)) => {
            format!("{}: {} since generation {actual}{expected}", it.address, state.as_str())
        }
        _ => format!("{}: it is not in the table{expected}", it.address),
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_problem_s_code_decides_how_we_exit() {
        for (code, exit) in [
            ("conflict", Exit::Conflict),
            ("unauthorized", Exit::Unauthorised),
            ("forbidden", Exit::Unauthorised),
            ("blocked", Exit::Blocked),
            ("invalid", Exit::Failed),
            ("something new", Exit::Failed),
        ] {
            let problem = Problem { code: code.to_owned(), ..Problem::default() };
            assert_eq!(Failure::from_problem("edit", problem).exit, exit, "{code}");
        }
    }
}
