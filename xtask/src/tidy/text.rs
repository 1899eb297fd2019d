//! Words that must not stay in the tree, and the first line of each Rust file.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Finding, extension, read};
use crate::process::root;

/// Spelt in halves so that this file does not find itself.
const BANNED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("todo", "!("),
    concat!("unimpl", "emented!("),
    concat!("dbg", "!("),
];

pub(super) fn check(files: &[PathBuf]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in files {
        let text = read(path)?;
        let name = path.strip_prefix(root()).unwrap_or(path);
        findings.extend(banned(name, &text));
        if extension(path) == "rs" && !text.starts_with("//!") {
            findings.push(format!("{}:1: begin with a `//!` line: what is here?", name.display()));
        }
    }
    Ok(findings)
}

fn banned(name: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in BANNED.iter().filter(|word| line.contains(**word)) {
            findings.push(format!("{}:{}: {word}", name.display(), number + 1));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Path, banned};

    #[test]
    fn leftovers_are_found_with_their_line() {
        let text = format!("fn a() {{}}\n// {} later\n", concat!("TO", "DO"));
        assert_eq!(banned(Path::new("a.rs"), &text), [concat!("a.rs:2: TO", "DO")]);
    }
}
