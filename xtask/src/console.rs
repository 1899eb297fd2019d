//! The console: its types against the API, its checks, its tests in node and in a browser.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{Tally, command, on_path, root, run, run_counted, target_dir};

fn folder() -> PathBuf {
    root().join("webui")
}

fn node(args: &[&str]) -> Command {
    let mut node = command("node", args);
    node.current_dir(folder());
    node
}

/// What the checks and tests need beyond what the build does.
pub(crate) fn install() -> Result<()> {
    if !on_path("node") || !on_path("npm") {
        bail!("the console wants Node.js 20 or later, with npm");
    }
    let installed = folder().join("node_modules");
    let time = |path: PathBuf| path.metadata().and_then(|it| it.modified());
    let wanted = time(folder().join("package-lock.json")).context("package-lock.json")?;
    let fresh = time(installed.join(".package-lock.json")).is_ok_and(|it| it >= wanted);
    let of_tests = ["axe-core", "typescript", "oidc-provider"];
    if fresh && of_tests.iter().all(|it| installed.join(it).exists()) {
        return Ok(());
    }
    run(command("npm", &["ci"]).current_dir(folder()))
}

/// Writes `app/api/types.ts` from `docs/reference/openapi.json`.
pub(crate) fn write_types() -> Result<()> {
    run(&mut node(&["types.mjs", "../docs/reference/openapi.json"]))
}

/// The types are those of the API, and the console is right by them.
pub(crate) fn check() -> Result<()> {
    install()?;
    run(&mut node(&["types.mjs", "../docs/reference/openapi.json", "--check"]))?;
    run(&mut node(&["node_modules/typescript/bin/tsc", "--noEmit"]))
}

/// Logic in node, then every screen in a browser against the release build.
pub(crate) fn test() -> (Result<()>, Tally) {
    if let Err(error) = install() {
        return (Err(error), Tally { passed: 0, failed: 1 });
    }
    let mut args: Vec<String> =
        ["--test", "--test-reporter=tap", "--test-concurrency=1"].map(str::to_owned).into();
    for part in ["tests/unit", "tests/browser"] {
        match tests_in(part) {
            Ok(found) => args.extend(found),
            Err(error) => return (Err(error), Tally { passed: 0, failed: 1 }),
        }
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run_counted(node(&args).env("CAUSEWAY", target_dir().join("release/causeway")))
}

/// Files with tests below `part`, by name.
fn tests_in(part: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder().join(part)).with_context(|| part.to_owned())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") {
            found.push(format!("{part}/{name}"));
        }
    }
    if found.is_empty() {
        bail!("{part} has no tests");
    }
    found.sort();
    Ok(found)
}
