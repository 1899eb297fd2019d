//! What `Cargo.lock` may hold: one of each protocol library, none of the unwanted,
//! nothing older than the release that fixed a known hole.

use super::Finding;

/// Two versions of these would mean two TLS stacks, resolvers or databases.
const SINGLE: &[&str] =
    &["rustls", "aws-lc-rs", "aws-lc-sys", "hickory-proto", "hickory-resolver", "tokio", "hyper"];

/// Unwanted, with what is used instead or why.
const BANNED: &[(&str, &str)] = &[
    ("ring", "aws-lc-rs is the one cryptographic library"),
    ("openssl", "rustls is the one TLS stack"),
    ("openssl-sys", "rustls is the one TLS stack"),
    ("native-tls", "rustls is the one TLS stack"),
    ("trust-dns-resolver", "unmaintained; hickory-resolver"),
    ("trust-dns-proto", "unmaintained; hickory-proto"),
];

/// First fixed release of crates with published advisories.
const AT_LEAST: &[(&str, [u64; 3])] = &[
    ("hickory-proto", [0, 26, 1]),
    ("rustls-webpki", [0, 103, 13]),
    ("h2", [0, 4, 16]),
    ("idna", [1, 0, 0]),
    ("lru", [0, 18, 2]),
    ("quick-xml", [0, 41, 0]),
];

pub(super) fn check(lock: &str) -> Vec<Finding> {
    let packages = packages(lock);
    let count = |name: &str| packages.iter().filter(|(other, _)| *other == name).count();
    let twice = SINGLE
        .iter()
        .filter(|name| count(name) > 1)
        .map(|name| format!("Cargo.lock: more than one version of {name}"));
    let banned = BANNED
        .iter()
        .filter(|(name, _)| count(name) > 0)
        .map(|(name, why)| format!("Cargo.lock: {name} is not wanted: {why}"));
    let old = packages.iter().filter(|(name, version)| {
        AT_LEAST.iter().any(|(other, least)| other == name && parse(version) < *least)
    });
    let old = old.map(|(name, version)| format!("Cargo.lock: {name} {version} has advisories"));
    twice.chain(banned).chain(old).collect()
}

/// Name and version of each package.
fn packages(lock: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut name = "";
    for line in lock.lines() {
        let value = line.split('"').nth(1).unwrap_or("");
        if line.starts_with("name = ") {
            name = value;
        } else if line.starts_with("version = \"") {
            found.push((name, value));
        }
    }
    found
}

fn parse(version: &str) -> [u64; 3] {
    let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn doubles_unwanted_and_old_packages_are_found() {
        let entry =
            |name, version| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        let lock = ["version = 4\n".into(), entry("rustls", "0.23.46"), entry("rustls", "0.22.0")];
        let lock = lock.concat() + &entry("ring", "0.17.8") + &entry("idna", "0.4.0");
        assert_eq!(check(&lock).len(), 3, "{:?}", check(&lock));
        assert!(check(&entry("hickory-proto", "0.26.3")).is_empty());
    }
}
