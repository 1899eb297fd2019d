//! The pages of `docs/reference`, each printed by the program it describes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::console;
use crate::process::{cargo, command, output, root, run, target_dir};

/// A page and the arguments of `causeway` that print it.
const PAGES: &[(&str, &[&str])] = &[
    ("api.md", &["reference", "api"]),
    ("cli.md", &["reference", "cli"]),
    ("configuration.md", &["reference", "configuration"]),
    ("metrics.md", &["reference", "metrics"]),
    ("openapi.json", &["reference", "openapi"]),
];

/// Writes every generated page.
pub(crate) fn write() -> Result<()> {
    for (path, text) in pages()? {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    console::write_types()
}

/// An error that names each page which is not what the program prints now.
pub(crate) fn compare() -> Result<()> {
    let stale: Vec<String> = pages()?
        .into_iter()
        .filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(text))
        .map(|(path, _)| path.display().to_string())
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    bail!("out of date: {}; run `cargo xtask docs` and commit the result", stale.join(", "));
}

fn pages() -> Result<Vec<(PathBuf, String)>> {
    run(&mut cargo(&["build", "--release", "-p", "cli"]))?;
    let program = target_dir().join("release/causeway");
    let program = program.to_string_lossy();
    let page = |(name, args): &(&str, &[&str])| {
        Ok((root().join("docs/reference").join(name), output(&mut command(&program, args))?))
    };
    PAGES.iter().map(page).collect()
}
