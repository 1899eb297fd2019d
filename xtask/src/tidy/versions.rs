//! What the binary may be built from: one of each protocol library, none of the
//! unwanted, nothing older than the release that fixed a known hole.

use super::Finding;
use super::dependencies::Package;

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

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let count = |name: &str| packages.iter().filter(|package| package.name == name).count();
    let twice = SINGLE
        .iter()
        .filter(|name| count(name) > 1)
        .map(|name| format!("more than one version of {name}"));
    let banned = BANNED
        .iter()
        .filter(|(name, _)| count(name) > 0)
        .map(|(name, why)| format!("{name} is not wanted: {why}"));
    let is_old = |package: &&Package| {
        let least = AT_LEAST.iter().find(|(name, _)| *name == package.name);
        least.is_some_and(|(_, least)| parse(&package.version) < *least)
    };
    let old = packages
        .iter()
        .filter(is_old)
        .map(|package| format!("{} {} has known advisories", package.name, package.version));
    twice.chain(banned).chain(old).collect()
}

fn parse(version: &str) -> [u64; 3] {
    let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::dependencies::Package;
    use super::check;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into(), licence: "MIT".into() }
    }

    #[test]
    fn doubles_unwanted_and_old_packages_are_found() {
        let packages = [
            package("rustls", "0.22.0"),
            package("rustls", "0.23.46"),
            package("ring", "0.17.8"),
            package("idna", "0.4.0"),
        ];
        assert_eq!(check(&packages).len(), 3, "{:?}", check(&packages));
        assert!(check(&[package("hickory-proto", "0.26.3")]).is_empty());
    }
}
