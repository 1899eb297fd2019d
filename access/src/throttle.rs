//! How often somebody may guess. Failures make the next try wait; nobody is locked out.
//!
//! Counted by account and network together, by network, and by account: a stranger who fails on
//! purpose can make the owner of an account wait five seconds at most, elsewhere; and not at all
//! where the owner signed in lately.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mail::Timestamp;

/// Failures that cost nothing, and the longest wait, of each kind of key.
const PAIR: Allowance = Allowance { free: 5, wait_max: Duration::from_secs(60) };
const NETWORK: Allowance = Allowance { free: 20, wait_max: Duration::from_secs(60) };
const ACCOUNT: Allowance = Allowance { free: 20, wait_max: Duration::from_secs(5) };
/// Failures are forgotten so long after the last one.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
/// Keys remembered; beyond, the oldest go.
const KEYS_MAX: usize = 10_000;
/// For so long an account is at home in a network, and so many of both are remembered.
const AT_HOME_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
const HOMES_MAX: usize = 10_000;

#[derive(Clone, Copy)]
struct Allowance {
    free: u32,
    wait_max: Duration,
}

/// Keyed with random keys, as every map of the standard library: strangers choose what is in it.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    failures: HashMap<Key, Failures>,
    /// When each account signed in last from each network.
    homes: HashMap<(String, IpAddr), Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, IpAddr),
    Network(IpAddr),
    Account(String),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    n: u32,
    last: Timestamp,
}

impl Throttle {
    /// Counts a failure beforehand, so that guesses side by side count too; [`Throttle::succeeded`]
    /// takes it back. `Err`: how long to wait, and nothing is counted.
    pub(crate) fn begin(
        &self,
        account: Option<&str>,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = keys(account, source);
        if memory.is_at_home(account, source, now) {
            keys.retain(|(key, _)| matches!(key, Key::Pair(..)));
        }
        let all = &mut memory.failures;
        let wait = keys.iter().filter_map(|(key, allowance)| {
            let failures = all.get(key)?;
            let until = failures.last.plus(allowance.wait(failures.n));
            (until > now).then(|| until.since(now))
        });
        if let Some(wait) = wait.max() {
            return Err(wait.max(Duration::from_secs(1)));
        }
        if all.len() + keys.len() > KEYS_MAX {
            make_room(all, now);
        }
        for (key, _) in keys {
            let failures = all.entry(key).or_insert(Failures { n: 0, last: now });
            if now.since(failures.last) > REMEMBERED_FOR {
                failures.n = 0;
            }
            failures.n = failures.n.saturating_add(1);
            failures.last = now;
        }
        Ok(())
    }

    /// The door is open: earlier failures at this account count no more. Those at others do, or one
    /// who has an account could guess without end at the rest.
    pub(crate) fn succeeded(&self, account: Option<&str>, source: IpAddr, now: Timestamp) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(account, source) {
            match key {
                Key::Network(_) => take_back(&mut memory.failures, &key),
                Key::Pair(..) | Key::Account(_) => drop(memory.failures.remove(&key)),
            }
        }
        if let Some(account) = account {
            memory.comes_home(account, source, now);
        }
    }

    /// This attempt was no failure, and opened nothing: earlier ones still count.
    pub(crate) fn excused(&self, account: Option<&str>, source: IpAddr) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(account, source) {
            take_back(&mut memory.failures, &key);
        }
    }
}

impl Memory {
    fn is_at_home(&self, account: Option<&str>, source: IpAddr, now: Timestamp) -> bool {
        let home = account.map(|it| (it.to_owned(), network(source)));
        let last = home.and_then(|it| self.homes.get(&it));
        last.is_some_and(|it| now.since(*it) <= AT_HOME_FOR)
    }

    fn comes_home(&mut self, account: &str, source: IpAddr, now: Timestamp) {
        if self.homes.len() >= HOMES_MAX {
            self.homes.retain(|_, it| now.since(*it) <= AT_HOME_FOR / 2);
        }
        let home = (account.to_owned(), network(source));
        if self.homes.len() < HOMES_MAX || self.homes.contains_key(&home) {
            self.homes.insert(home, now);
        }
    }
}

fn take_back(all: &mut HashMap<Key, Failures>, key: &Key) {
    if let Some(failures) = all.get_mut(key) {
        failures.n = failures.n.saturating_sub(1);
    }
}

impl Allowance {
    /// 1 s after the last free one, then twice as long each time.
    fn wait(self, failures: u32) -> Duration {
        if failures < self.free {
            return Duration::ZERO;
        }
        let doublings = (failures - self.free).min(16);
        Duration::from_secs(1 << doublings).min(self.wait_max)
    }
}

fn keys(account: Option<&str>, source: IpAddr) -> Vec<(Key, Allowance)> {
    let network = network(source);
    let mut keys = vec![(Key::Network(network), NETWORK)];
    if let Some(account) = account {
        keys.push((Key::Pair(account.to_owned(), network), PAIR));
        keys.push((Key::Account(account.to_owned()), ACCOUNT));
    }
    keys
}

/// The address, or the first of its /64: an IPv6 host has that to itself.
pub fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(it) => {
            let [a, b, c, d, ..] = it.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Forgets what is old; then whoever failed once; if that is too little, the older half. A crowd of
/// single failures must not wash away the count of an account that is being guessed at.
fn make_room(all: &mut HashMap<Key, Failures>, now: Timestamp) {
    all.retain(|_, it| now.since(it.last) <= REMEMBERED_FOR);
    if all.len() < KEYS_MAX / 2 {
        return;
    }
    all.retain(|_, it| it.n > 1);
    if all.len() < KEYS_MAX / 2 {
        return;
    }
    let mut times: Vec<Timestamp> = all.values().map(|it| it.last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    all.retain(|_, it| it.last > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_wait_grows_and_ends() {
        let throttle = Throttle::default();
        let anna = |from: &str, now| throttle.begin(Some("anna"), ip(from), at(now));
        for _ in 0..5 {
            assert_eq!(anna("192.0.2.1", 100), Ok(()));
        }
        assert_eq!(anna("192.0.2.1", 100), Err(Duration::from_secs(1)));
        assert_eq!(anna("192.0.2.2", 100), Ok(()), "from elsewhere nothing is in the way");
        assert_eq!(anna("192.0.2.1", 101), Ok(()));
        assert_eq!(anna("192.0.2.1", 102), Err(Duration::from_secs(1)), "two seconds now");
        let mut now = 103;
        for _ in 0..10 {
            assert_eq!(anna("192.0.2.1", now), Ok(()));
            now += 60;
        }
        throttle.succeeded(Some("anna"), ip("192.0.2.1"), at(now));
        assert_eq!(anna("192.0.2.1", now), Ok(()));
        assert_eq!(anna("192.0.2.1", now), Ok(()));
    }

    #[test]
    fn a_stranger_cannot_keep_the_owner_out() {
        let throttle = Throttle::default();
        for n in 0..200_u64 {
            let from = IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]);
            let _ = throttle.begin(Some("anna"), from, at(1000 + n));
        }
        let wait = throttle.begin(Some("anna"), ip("192.0.2.1"), at(1199));
        assert!(wait.is_ok_and(|()| true) || wait.unwrap_err() <= Duration::from_secs(5));
    }

    #[test]
    fn a_network_of_ipv6_is_one_guesser() {
        let throttle = Throttle::default();
        for n in 0..20 {
            throttle.begin(Some(&format!("u{n}")), ip(&format!("2001:db8::{n}")), at(1)).unwrap();
        }
        assert!(throttle.begin(Some("other"), ip("2001:db8::ffff"), at(1)).is_err());
        assert!(throttle.begin(Some("other"), ip("2001:db8:0:1::1"), at(1)).is_ok());
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let throttle = Throttle::default();
        for n in 0..20_000_u32 {
            let from = IpAddr::from(n.to_be_bytes());
            throttle.begin(None, from, at(u64::from(n))).unwrap();
        }
        assert!(throttle.0.lock().unwrap().failures.len() <= KEYS_MAX);
    }

    #[test]
    fn nobody_is_in_the_way_where_the_owner_was_before() {
        let throttle = Throttle::default();
        throttle.begin(Some("anna"), ip("192.0.2.1"), at(1)).unwrap();
        throttle.succeeded(Some("anna"), ip("192.0.2.1"), at(1));
        for n in 0..100_u64 {
            let from = IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]);
            let _ = throttle.begin(Some("anna"), from, at(1000));
            let _ = throttle.begin(Some(&format!("u{n}")), ip("192.0.2.1"), at(1000));
        }
        assert_eq!(throttle.begin(Some("anna"), ip("192.0.2.1"), at(1000)), Ok(()));
        let later = 1001 + AT_HOME_FOR.as_secs();
        for n in 0..20 {
            let _ = throttle.begin(Some(&format!("u{n}")), ip("192.0.2.1"), at(later));
        }
        assert!(throttle.begin(Some("anna"), ip("192.0.2.1"), at(later)).is_err());
    }

    #[test]
    fn a_crowd_does_not_wash_away_what_was_guessed() {
        let throttle = Throttle::default();
        for n in 0..30_u64 {
            let from = IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]);
            let _ = throttle.begin(Some("anna"), from, at(100));
        }
        for n in 0..15_000_u32 {
            throttle.begin(None, IpAddr::from(n.to_be_bytes()), at(100)).unwrap();
        }
        assert!(throttle.begin(Some("anna"), ip("192.0.2.1"), at(100)).is_err());
    }
}
