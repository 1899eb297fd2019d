//! From MX records to hosts in the order in which to try them. Pure.

use mail::Domain;

/// Hosts of a domain that are looked at; the rest of a longer list is ignored.
pub(super) const HOSTS_MAX: usize = 20;

/// One MX record; `host` is `None` for the root, and for a name that no host can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub preference: u16,
    pub host: Option<Domain>,
    pub is_root: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ordered {
    /// In order, with their preferences. Empty when no record names a host.
    Hosts(Vec<(u16, Domain)>),
    /// The domain takes no mail. RFC 7505 §3.
    Null,
}

/// Best preference first; equals in an order that `seed` picks, so that they share the load.
pub(super) fn order(records: &[Record], seed: u64) -> Ordered {
    if let [only] = records
        && only.is_root
    {
        return Ordered::Null;
    }
    let mut hosts: Vec<(u16, u64, &Domain)> = records
        .iter()
        .enumerate()
        .filter_map(|(n, it)| Some((it.preference, mix(seed, n as u64), it.host.as_ref()?)))
        .collect();
    hosts.sort_unstable();
    let mut ordered: Vec<(u16, Domain)> = Vec::with_capacity(hosts.len());
    for (preference, _, host) in hosts {
        if !ordered.iter().any(|it| it.1 == *host) {
            ordered.push((preference, host.clone()));
        }
    }
    ordered.truncate(HOSTS_MAX);
    Ordered::Hosts(ordered)
}

/// Leaves only hosts that are better than the best one that is ourselves: to hand mail to an
/// equal or worse one would bring it back.
///
/// Source: RFC 5321 §5.1.
pub(super) fn drop_from_ourselves<T>(
    hosts: Vec<(u16, T)>,
    is_ours: impl Fn(&T) -> bool,
) -> Vec<(u16, T)> {
    let ours = hosts.iter().filter(|it| is_ours(&it.1)).map(|it| it.0).min();
    match ours {
        None => hosts,
        Some(limit) => hosts.into_iter().filter(|it| it.0 < limit).collect(),
    }
}

/// SplitMix64's output function over the two numbers.
fn mix(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn record(preference: u16, host: &str) -> Record {
        Record { preference, host: host.parse().ok(), is_root: host == "." }
    }

    fn names(records: &[Record], seed: u64) -> Vec<String> {
        match order(records, seed) {
            Ordered::Null => vec!["null".into()],
            Ordered::Hosts(hosts) => hosts.iter().map(|it| it.1.to_string()).collect(),
        }
    }

    #[test]
    fn preferences_rule_and_equals_are_shuffled() {
        let records =
            [record(20, "c"), record(10, "a"), record(10, "b"), record(5, "z"), record(20, "z")];
        let mut seen = HashSet::new();
        for seed in 0..50 {
            let got = names(&records, seed);
            assert_eq!((&*got[0], &*got[3], got.len()), ("z", "c", 4));
            seen.insert(got);
        }
        assert_eq!(seen.len(), 2, "both orders of a and b");
    }

    #[test]
    fn a_lone_root_means_no_mail_and_beside_others_nothing() {
        assert_eq!(names(&[record(0, ".")], 1), ["null"]);
        assert_eq!(names(&[record(0, "."), record(10, "a")], 1), ["a"]);
        assert_eq!(names(&[record(10, "not a host")], 1), Vec::<String>::new());
    }

    #[test]
    fn long_lists_are_cut() {
        let records: Vec<_> = (0..100).map(|it| record(it, &format!("h{it}"))).collect();
        let got = names(&records, 1);
        assert_eq!((got.len(), &*got[0], &*got[19]), (HOSTS_MAX, "h0", "h19"));
    }

    #[test]
    fn equal_and_worse_hosts_than_ourselves_are_dropped() {
        let hosts = || vec![(5, "x"), (10, "us"), (10, "y"), (20, "z")];
        assert_eq!(drop_from_ourselves(hosts(), |it| *it == "us"), [(5, "x")]);
        assert_eq!(drop_from_ourselves(hosts(), |_| false), hosts());
    }
}
