//! `cargo xtask tidy`: rules of the tree that no compiler knows.
//!
//! Each check returns a line per finding, so that one run shows them all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::root;

mod dependencies;
mod fragments;
mod layers;
mod licences;
mod text;
mod versions;

/// One thing wrong, in words that say where.
type Finding = String;

pub(crate) fn run() -> Result<()> {
    let files = files()?;
    let mut findings = layers::check(root())?;
    findings.extend(text::check(&files)?);
    findings.extend(crate::monitoring::check()?);
    findings.extend(fragments::check(&root().join("changelog.d"))?);
    let packages = dependencies::packages()?;
    findings.extend(versions::check(&packages));
    findings.extend(licences::check(&packages));
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    bail!("{} findings", findings.len());
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The text files of the project: Rust, TOML and Markdown, without build output.
fn files() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                let ours = !name.starts_with("target") && name != ".git" && name != "corpus";
                if ours && !path.is_symlink() {
                    folders.push(path);
                }
            } else if matches!(extension(&path), "rs" | "toml" | "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
}
