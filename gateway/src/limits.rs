//! Who may connect, and when the gateway is under stress.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;

/// Open connections, in all and by where they come from.
#[derive(Default)]
pub(crate) struct Connections {
    all: AtomicUsize,
    by_ip: DashMap<IpAddr, usize>,
    by_net: DashMap<IpAddr, usize>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) all: usize,
    pub(crate) per_ip: usize,
    /// Per /24 of IPv4 and /64 of IPv6.
    pub(crate) per_net: usize,
}

/// Which limit a connection would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    Everywhere,
    Ip,
    Net,
}

impl Crowded {
    /// A label of the metric.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Everywhere => "all",
            Self::Ip => "ip",
            Self::Net => "net",
        }
    }
}

/// One connection, counted until this is dropped.
pub(crate) struct Slot {
    connections: Arc<Connections>,
    /// `None` while only a trusted proxy's own address is known.
    address: Option<IpAddr>,
}

impl Connections {
    pub(crate) fn len(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Counts a connection whose client is not known yet.
    pub(crate) fn enter(self: &Arc<Self>, limits: ConnectionLimits) -> Result<Slot, Crowded> {
        let slot = Slot { connections: Arc::clone(self), address: None };
        if self.all.fetch_add(1, Ordering::Relaxed) >= limits.all {
            return Err(Crowded::Everywhere);
        }
        Ok(slot)
    }
}

impl Slot {
    /// Counts the connection for its client as well. This very host is one client that may be
    /// many: a local proxy, a scanner, a test.
    pub(crate) fn name(&mut self, ip: IpAddr, limits: ConnectionLimits) -> Result<(), Crowded> {
        if ip.is_loopback() {
            return Ok(());
        }
        let of_ip = add(&self.connections.by_ip, ip);
        let of_net = add(&self.connections.by_net, net(ip));
        self.address = Some(ip);
        match () {
            () if of_ip > limits.per_ip => Err(Crowded::Ip),
            () if of_net > limits.per_net => Err(Crowded::Net),
            () => Ok(()),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(ip) = self.address {
            remove(&self.connections.by_ip, ip);
            remove(&self.connections.by_net, net(ip));
        }
    }
}

fn add<K: Eq + Hash>(counts: &DashMap<K, usize>, key: K) -> usize {
    let mut count = counts.entry(key).or_insert(0);
    *count += 1;
    *count
}

fn remove<K: Eq + Hash>(counts: &DashMap<K, usize>, key: K) {
    if let dashmap::Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

/// The network that an address shares with its neighbours.
fn net(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// What is used up, in percent of its limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) connections: u64,
    pub(crate) descriptors: u64,
    pub(crate) memory: u64,
}

/// How many calm seconds end the stress.
const CALM_SECONDS: u32 = 10;

/// Under stress clients get less time. One boolean, looked at once a second.
#[derive(Default)]
pub(crate) struct Stress {
    on: AtomicBool,
    /// Octets of bodies in memory that are on their way in.
    body_bytes: AtomicU64,
}

impl Stress {
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub(crate) fn body_bytes(&self) -> u64 {
        self.body_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn hold(&self, bytes: u64) {
        self.body_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn let_go(&self, bytes: u64) {
        self.body_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn set(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }
}

/// Turns usage into the boolean: on at once, off after [`CALM_SECONDS`].
#[derive(Default)]
pub(crate) struct StressMeter {
    calm_seconds: u32,
}

impl StressMeter {
    /// To be called once a second. `at_percent` of any limit is stress.
    pub(crate) fn tick(&mut self, usage: Usage, at_percent: u8, stress: &Stress) {
        let worst = usage.connections.max(usage.descriptors).max(usage.memory);
        if worst >= u64::from(at_percent) {
            self.calm_seconds = 0;
            stress.set(true);
        } else {
            self.calm_seconds = self.calm_seconds.saturating_add(1);
            if self.calm_seconds >= CALM_SECONDS {
                stress.set(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits { all: 4, per_ip: 2, per_net: 3 };

    fn connect(all: &Arc<Connections>, ip: &str) -> Result<Slot, Crowded> {
        let mut slot = all.enter(LIMITS)?;
        slot.name(ip.parse().unwrap(), LIMITS)?;
        Ok(slot)
    }

    #[test]
    fn each_limit_holds_and_a_refused_connection_counts_for_nothing() {
        let all = Arc::new(Connections::default());
        let kept: Vec<Slot> =
            ["192.0.2.1", "192.0.2.1"].iter().map(|it| connect(&all, it).ok().unwrap()).collect();
        assert_eq!(connect(&all, "192.0.2.1").err(), Some(Crowded::Ip));
        let third = connect(&all, "192.0.2.2").ok().unwrap();
        assert_eq!(connect(&all, "192.0.2.3").err(), Some(Crowded::Net));
        let fourth = connect(&all, "198.51.100.1").ok().unwrap();
        assert_eq!(connect(&all, "203.0.113.1").err(), Some(Crowded::Everywhere));
        drop((kept, third, fourth));
        assert_eq!((all.len(), all.by_ip.len(), all.by_net.len()), (0, 0, 0));
    }

    #[test]
    fn neighbours_in_version_6_share_64_bits() {
        let a: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let b: IpAddr = "2001:db8:1:2:ffff::1".parse().unwrap();
        assert_eq!(net(a), net(b));
        assert_ne!(net(a), net("2001:db8:1:3::1".parse().unwrap()));
    }

    #[test]
    fn stress_begins_at_once_and_ends_after_ten_calm_seconds() {
        let (stress, mut meter) = (Stress::default(), StressMeter::default());
        let busy = Usage { descriptors: 80, ..Usage::default() };
        meter.tick(Usage { connections: 79, ..busy }, 90, &stress);
        assert!(!stress.is_on());
        meter.tick(busy, 80, &stress);
        assert!(stress.is_on());
        for _ in 0..9 {
            meter.tick(Usage::default(), 80, &stress);
        }
        assert!(stress.is_on());
        meter.tick(Usage::default(), 80, &stress);
        assert!(!stress.is_on());
    }
}
