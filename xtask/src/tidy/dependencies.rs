//! The crates that the workspace is built from on this target.

use anyhow::Result;

use crate::process::{cargo, output};

/// One crate in one version.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression, or empty.
    pub(super) licence: String,
}

/// Each crate once, whatever depends on it; test-only crates are left out.
///
/// Not read from `Cargo.lock`, which also lists what no enabled feature uses.
pub(super) fn packages() -> Result<Vec<Package>> {
    let args =
        ["tree", "--workspace", "--prefix", "none", "-e", "normal,build", "--format", "{p}|{l}|"];
    let tree = output(&mut cargo(&args))?;
    let mut lines: Vec<&str> = tree.lines().collect();
    lines.sort_unstable();
    lines.dedup_by_key(|line| line.trim_end_matches(" (*)"));
    Ok(lines.into_iter().filter_map(parse).collect())
}

/// `name v1.2.3 (where)|MIT|` and what cargo adds after it.
fn parse(line: &str) -> Option<Package> {
    let mut fields = line.split('|');
    let mut words = fields.next()?.split(' ');
    let name = words.next()?.to_string();
    let version = words.next()?.strip_prefix('v')?.to_string();
    Some(Package { name, version, licence: fields.next()?.to_string() })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_of_the_tree() {
        let package = parse("serde v1.0.2 (proc-macro)|MIT OR Apache-2.0| (*)").unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("serde", "1.0.2"));
        assert_eq!(package.licence, "MIT OR Apache-2.0");
    }
}
