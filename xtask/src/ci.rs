//! `cargo xtask ci`: the steps, in order, each run whatever became of the one before.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{self, Tally, cargo, on_path, run_counted, target_dir};
use crate::{docs, packages, tidy};

/// What became of one step.
struct Done {
    name: &'static str,
    took: Duration,
    tally: Tally,
    error: Option<anyhow::Error>,
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
        tests("test", &["--workspace", "--exclude", "e2e"], &[]),
        doc_tests(),
        check("doc", || {
            let args = ["doc", "--workspace", "--no-deps", "--document-private-items"];
            process::run(cargo(&args).env("RUSTDOCFLAGS", "-D warnings"))
        }),
        check("release build", || process::run(&mut cargo(&["build", "--release", "-p", "cli"]))),
        check("generated docs", docs::compare),
        check("tidy", tidy::run),
        // One at a time: these scenarios load the machine and watch the clock.
        tests("e2e", &["--package", "e2e"], &["--test-threads", "1"]),
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
fn tests(name: &'static str, which: &[&str], runner: &[&str]) -> Done {
    timed(name, || {
        let nextest = on_path("cargo-nextest");
        let mut args = if nextest {
            vec!["nextest", "run"]
        } else {
            vec!["test", "--lib", "--bins", "--tests"]
        };
        args.extend(which);
        args.push("--no-fail-fast");
        if !nextest && !runner.is_empty() {
            args.push("--");
        }
        args.extend(runner);
        let binary = target_dir().join("release/causeway");
        run_counted(cargo(&args).env("CAUSEWAY", binary))
    })
}

fn doc_tests() -> Done {
    timed("doc tests", || {
        run_counted(&mut cargo(&["test", "--doc", "--workspace", "--exclude", "e2e"]))
    })
}
