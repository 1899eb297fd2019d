//! `changelog.d`: one small file per change that an operator would notice.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{Finding, read};

const KINDS: &[&str] = &["added", "changed", "fixed", "security"];

/// Longer than this is documentation, not a changelog.
const BYTES_MAX: usize = 600;

pub(super) fn check(folder: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "README.md" {
            continue;
        }
        findings.extend(fault(&name, &read(&entry.path())?));
    }
    Ok(findings)
}

fn fault(name: &str, text: &str) -> Option<Finding> {
    let parts: Vec<&str> = name.split('.').collect();
    let fault = match parts.as_slice() {
        [slug, kind, "md"] if !slug.is_empty() && KINDS.contains(kind) => match text.trim().len() {
            0 => "is empty",
            1..=BYTES_MAX => return None,
            _ => "is too long: one or two sentences",
        },
        _ => "is not named SLUG.(added|changed|fixed|security).md",
    };
    Some(format!("changelog.d/{name} {fault}"))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn names_and_lengths() {
        assert_eq!(fault("relay.added.md", "Mail flows.\n"), None);
        assert!(fault("relay.new.md", "Mail flows.").is_some());
        assert!(fault("added.md", "Mail flows.").is_some());
        assert!(fault("relay.fixed.md", " \n").is_some());
    }
}
