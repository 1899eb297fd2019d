//! `cargo xtask ci`: the steps, in order, each run whatever became of the one before.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{self, Tally, cargo, on_path, run_counted, target_dir};
use crate::{console, docs, monitoring, packages, tidy};

/// What became of one step.
struct Done {
    name: &'static str,
    took: Duration,
    tally: Tally,
    error: Option<anyhow::Error>,
}

/// Some of the tests. Nextest gets the whole workspace and a filter: with other packages selected,
/// the features of dependencies differ, and all of them would be built a second time.
struct Part {
    filter: &'static str,
    /// What libtest, which has no filter by package, gets instead.
    packages: &'static [&'static str],
    runner: &'static [&'static str],
}

const FAST: Part = Part {
    filter: "not package(e2e)",
    packages: &["--workspace", "--exclude", "e2e"],
    runner: &[],
};

const SCENARIOS: Part = Part {
    filter: "package(e2e)",
    packages: &["--package", "e2e"],
    runner: &["--test-threads", "1"],
};

impl Part {
    fn args(&self, nextest: bool) -> Vec<&'static str> {
        let mut args = if nextest {
            vec!["nextest", "run", "--workspace", "-E", self.filter, "--no-fail-fast"]
        } else {
            let mut args = vec!["test", "--lib", "--bins", "--tests"];
            args.extend(self.packages);
            args.push("--no-fail-fast");
            args.extend((!self.runner.is_empty()).then_some("--"));
            args
        };
        args.extend(self.runner);
        args
    }
}

/// Runs every step, prints the list with times and, last, `N passed, N failed`.
///
/// A step that is not a test run counts as one check in that line. Nothing is
/// skipped: a machine that lacks something fails its first step and says what to do.
fn run_all() -> Vec<Done> {
    vec![
        check("packages", packages::install),
        check("fmt", || process::run(&mut cargo(&["fmt", "--all", "--check"]))),
        check("clippy", || {
            process::run(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        }),
        tests("test", &FAST),
        doc_tests(),
        check("doc", || {
            let args = ["doc", "--workspace", "--no-deps", "--document-private-items"];
            process::run(cargo(&args).env("RUSTDOCFLAGS", "-D warnings"))
        }),
        check("release build", || process::run(&mut cargo(&["build", "--release", "-p", "cli"]))),
        check("generated docs", docs::compare),
        check("console", console::check),
        timed("console tests", console::test),
        check("tidy", tidy::run),
        check("alert rules", monitoring::fire),
        // One at a time: these scenarios load the machine and watch the clock.
        tests("e2e", &SCENARIOS),
    ]
}

pub(crate) fn run() -> Result<()> {
    let steps = run_all();
    let mut sum = Tally::default();
    eprintln!();
    for step in &steps {
        sum.add(step.tally);
        let word = if step.error.is_none() { "ok" } else { "FAILED" };
        eprintln!("{:>8.1} s  {:<16} {word}", step.took.as_secs_f64(), step.name);
    }
    for step in &steps {
        if let Some(error) = &step.error {
            eprintln!("{}: {error:#}", step.name);
        }
    }
    eprintln!("{} passed, {} failed", sum.passed, sum.failed);
    if sum.failed > 0 {
        bail!("see the list above");
    }
    Ok(())
}

fn timed(name: &'static str, step: impl FnOnce() -> (Result<()>, Tally)) -> Done {
    eprintln!("\n== {name}");
    let start = Instant::now();
    let (result, tally) = step();
    Done { name, took: start.elapsed(), tally, error: result.err() }
}

fn check(name: &'static str, step: impl FnOnce() -> Result<()>) -> Done {
    timed(name, || {
        let result = step();
        let failed = u64::from(result.is_err());
        (result, Tally { passed: 1 - failed, failed })
    })
}

/// Runs tests with nextest when it is installed, else with libtest.
fn tests(name: &'static str, part: &Part) -> Done {
    timed(name, || {
        let args = part.args(on_path("cargo-nextest"));
        let binary = target_dir().join("release/causeway");
        run_counted(cargo(&args).env("CAUSEWAY", binary))
    })
}

fn doc_tests() -> Done {
    timed("doc tests", || {
        run_counted(&mut cargo(&["test", "--doc", "--workspace", "--exclude", "e2e"]))
    })
}

#[cfg(test)]
mod tests {
    use super::{FAST, SCENARIOS};

    #[test]
    fn both_halves_are_built_from_one_selection_of_packages() {
        for part in [FAST, SCENARIOS] {
            assert_eq!(part.args(true)[..4], ["nextest", "run", "--workspace", "-E"]);
        }
        let wanted = "test --lib --bins --tests --package e2e --no-fail-fast -- --test-threads 1";
        assert_eq!(SCENARIOS.args(false).join(" "), wanted);
    }
}
