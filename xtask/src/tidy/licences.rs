//! Every crate we build from has a licence that we accept.

use super::Finding;
use super::dependencies::Package;

const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let unaccepted = packages.iter().filter(|package| !accepts(&package.licence));
    let text = |package: &Package| {
        let licence = if package.licence.is_empty() { "no licence" } else { &package.licence };
        format!("{} {}: {licence} is not accepted", package.name, package.version)
    };
    unaccepted.map(text).collect()
}

/// Evaluates an SPDX expression; the old `A/B` spelling means `A OR B`.
fn accepts(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    any(&mut words) && words.is_empty()
}

/// `term OR term ...`; `words` is a stack, first word on top.
fn any(words: &mut Vec<&str>) -> bool {
    let mut accepted = all(words);
    while words.last() == Some(&"OR") {
        words.pop();
        accepted |= all(words);
    }
    accepted
}

fn all(words: &mut Vec<&str>) -> bool {
    let mut accepted = one(words);
    while words.last() == Some(&"AND") {
        words.pop();
        accepted &= one(words);
    }
    accepted
}

fn one(words: &mut Vec<&str>) -> bool {
    match words.pop() {
        Some("(") => {
            let accepted = any(words);
            words.pop() == Some(")") && accepted
        }
        Some(name) => {
            // An exception only ever adds permissions.
            if words.last() == Some(&"WITH") {
                words.truncate(words.len().saturating_sub(2));
            }
            ACCEPTED.contains(&name)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn expressions() {
        for yes in [
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "ISC AND (Apache-2.0 OR GPL-2.0)",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-2.0 OR AGPL-3.0)", "(MIT"] {
            assert!(!accepts(no), "{no}");
        }
    }
}
