//! Which crate may use which.

use std::path::Path;

use anyhow::Result;

use super::{Finding, read};

/// A crate depends only on rows above its own, never on its own row.
///
/// `e2e` and `xtask` stand outside: nothing may depend on them.
const LAYERS: &[&[&str]] = &[
    &["mail", "fetch", "webui"],
    &["smtp", "router", "config", "api", "health"],
    &["directory", "recipients", "access", "oidc", "spool", "events"],
    &["deliver"],
    &["admin"],
    &["gateway"],
    &["cli"],
];

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (row, names) in LAYERS.iter().enumerate() {
        for name in *names {
            let manifest = read(&root.join(name).join("Cargo.toml"))?;
            findings.extend(violations(name, row, &manifest));
        }
    }
    Ok(findings)
}

fn row_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|names| names.contains(&name))
}

fn violations(name: &str, row: usize, manifest: &str) -> Vec<Finding> {
    let outside = |used: &str| matches!(used, "e2e" | "xtask");
    dependencies(manifest)
        .into_iter()
        .filter(|used| outside(used) || row_of(used).is_some_and(|theirs| theirs >= row))
        .map(|used| format!("{name}/Cargo.toml: {name} may not depend on {used} (see LAYERS)"))
        .collect()
}

/// The keys of `[dependencies]` and `[build-dependencies]`; tests may use what they like.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            inside = matches!(section, "dependencies]" | "build-dependencies]");
        } else if inside && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or("");
            names.extend((!name.is_empty()).then_some(name));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::violations;

    #[test]
    fn an_arrow_upwards_or_sideways_is_found() {
        let manifest = "[dependencies]\nmail.workspace = true\ndeliver = { path = \"x\" }\n\
            directory.workspace = true\n[dev-dependencies]\ngateway.workspace = true\n";
        let found = violations("spool", 2, manifest);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("deliver") && found[1].contains("directory"));
    }
}
