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

/// Open connections of one listener.
#[derive(Clone, Default)]
pub(crate) struct OfListener(Arc<AtomicUsize>);

#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// On all listeners together.
    pub(crate) all: usize,
    pub(crate) on_listener: usize,
    /// Per address of IPv4 and /64 of IPv6: whoever has one address there has all of them.
    pub(crate) per_ip: usize,
    /// Per /24 of IPv4 and /48 of IPv6.
    pub(crate) per_net: usize,
}

/// Which limit a connection would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    Everywhere,
    Listener,
    Ip,
    Net,
}

impl Crowded {
    /// A label of the metric.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Everywhere => "all",
            Self::Listener => "listener",
            Self::Ip => "ip",
            Self::Net => "net",
        }
    }
}

/// One connection, counted until this is dropped.
pub(crate) struct Slot {
    connections: Arc<Connections>,
    listener: OfListener,
    /// `None` while only a trusted proxy's own address is known.
    address: Option<IpAddr>,
}

impl Connections {
    pub(crate) fn len(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Counts a connection to `listener` whose client is not known yet.
    pub(crate) fn enter(
        self: &Arc<Self>,
        listener: &OfListener,
        limits: ConnectionLimits,
    ) -> Result<Slot, Crowded> {
        let before = self.all.fetch_add(1, Ordering::Relaxed);
        let on_listener = listener.0.fetch_add(1, Ordering::Relaxed);
        let slot =
            Slot { connections: Arc::clone(self), listener: listener.clone(), address: None };
        match () {
            () if before >= limits.all => Err(Crowded::Everywhere),
            () if on_listener >= limits.on_listener => Err(Crowded::Listener),
            () => Ok(slot),
        }
    }
}

impl Slot {
    /// Counts the connection for its client as well. This very host is one client that may be
    /// many: a local proxy, a scanner, a test.
    pub(crate) fn name(&mut self, ip: IpAddr, limits: ConnectionLimits) -> Result<(), Crowded> {
        if ip.is_loopback() {
            return Ok(());
        }
        let of_ip = add(&self.connections.by_ip, host(ip));
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
        self.listener.0.fetch_sub(1, Ordering::Relaxed);
        if let Some(ip) = self.address {
            remove(&self.connections.by_ip, host(ip));
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

/// Of version 6, what one host may choose its addresses from.
fn host(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The network that a host shares with its neighbours.
fn net(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// What happens from how many octets of bodies on their way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryLimits {
    /// Bodies that are not small go to the disk.
    pub(crate) drain: u64,
    /// MAIL is answered 452.
    pub(crate) refuse: u64,
    /// What cannot go to the disk is given up.
    pub(crate) give_up: u64,
}

impl MemoryLimits {
    pub(crate) const fn of(bytes_max: u64) -> Self {
        Self { drain: bytes_max / 100 * 90, refuse: bytes_max / 100 * 95, give_up: bytes_max }
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

    const LIMITS: ConnectionLimits =
        ConnectionLimits { all: 4, on_listener: 4, per_ip: 2, per_net: 3 };

    fn connect(all: &Arc<Connections>, ip: &str) -> Result<Slot, Crowded> {
        let mut slot = all.enter(&OfListener::default(), LIMITS)?;
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
    fn a_listeners_own_limit_counts_its_own_connections() {
        let all = Arc::new(Connections::default());
        let (full, other) = (OfListener::default(), OfListener::default());
        let limits = ConnectionLimits { on_listener: 1, ..LIMITS };
        let elsewhere = [all.enter(&other, LIMITS).ok(), all.enter(&other, LIMITS).ok()];
        let only = all.enter(&full, limits).ok().unwrap();
        assert_eq!(all.enter(&full, limits).err(), Some(Crowded::Listener));
        drop(only);
        assert!(all.enter(&full, limits).is_ok());
        drop(elsewhere);
        assert_eq!(all.len(), 0);
    }

    #[test]
    fn a_host_of_version_6_is_64_bits_and_its_network_48() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(host(ip("2001:db8:1:2::1")), host(ip("2001:db8:1:2:ffff::1")));
        assert_ne!(host(ip("2001:db8:1:2::1")), host(ip("2001:db8:1:3::1")));
        assert_eq!(net(ip("2001:db8:1:2::1")), net(ip("2001:db8:1:3::1")));
        assert_ne!(net(ip("2001:db8:1:2::1")), net(ip("2001:db8:2:2::1")));
    }

    #[test]
    fn whoever_has_a_network_of_version_6_has_not_as_many_places() {
        let all = Arc::new(Connections::default());
        let kept: Vec<_> = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
            .iter()
            .map(|it| connect(&all, it).ok().unwrap())
            .collect();
        assert_eq!(connect(&all, "2001:db8::3").err(), Some(Crowded::Ip));
        assert_eq!(connect(&all, "2001:db8:0:2::1").err(), Some(Crowded::Net));
        drop(kept);
        assert_eq!((all.len(), all.by_ip.len(), all.by_net.len()), (0, 0, 0));
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
