//! A next hop: a site, the domain of a stranger, or the smart host.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use config::{Hosts, IpPreference};
use health::Breaker;
use mail::{Domain, SiteName};
use parking_lot::Mutex;

use crate::queue::Batch;
use crate::queue::leg::HopIndex;
use crate::tls::ClientTls;

/// Names a hop in queues, logs, metrics and the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HopKey {
    Site(SiteName),
    /// Found by MX.
    Domain(Domain),
    SmartHost,
}

impl fmt::Display for HopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(name) => write!(f, "{name}"),
            Self::Domain(domain) => write!(f, "{domain}"),
            Self::SmartHost => f.write_str("smart_host"),
        }
    }
}

impl HopKey {
    /// Label for metrics: the domains of strangers are one series.
    pub fn label(&self) -> &str {
        match self {
            Self::Site(name) => name.as_str(),
            Self::Domain(_) => "mx",
            Self::SmartHost => "smart_host",
        }
    }
}

/// How a hop is reached and what it may be asked to bear.
#[derive(Clone, Debug)]
pub struct HopSettings {
    pub hosts: Hosts,
    pub ip: IpPreference,
    pub tls: ClientTls,
    pub chunking: bool,
    pub connections_max: usize,
    pub recipients_max: usize,
    pub messages_per_connection_max: usize,
    pub batch: Batch,
    pub probe_every: Duration,
}

/// A hop and its health. Its mail is in `queue::Queues` under `index`.
#[derive(Debug)]
pub(crate) struct Hop {
    pub key: HopKey,
    pub index: HopIndex,
    pub settings: HopSettings,
    pub breaker: Mutex<Breaker>,
    /// The state that was published last.
    pub told: Mutex<Option<api::SiteState>>,
    /// Hosts that failed lately, tried after the others.
    shunned: Mutex<Vec<Shunned>>,
    /// When mail for it was last routed, in seconds since the start.
    used_s: AtomicU64,
    /// The host asked for a pause in its greeting, until then; milliseconds since the start.
    pause_until_ms: AtomicU64,
    /// Over IPv6 the host did not trust us.
    ipv4_first: AtomicBool,
}

/// How long a host that failed comes after its siblings.
const SHUN_FOR: Duration = Duration::from_secs(30);

impl Hop {
    pub(crate) fn new(key: HopKey, index: HopIndex, settings: HopSettings) -> Self {
        let breaker = Mutex::new(Breaker::new(settings.connections_max));
        Self {
            key,
            index,
            told: Mutex::default(),
            settings,
            breaker,
            shunned: Mutex::new(Vec::new()),
            used_s: AtomicU64::new(0),
            pause_until_ms: AtomicU64::new(0),
            ipv4_first: AtomicBool::new(false),
        }
    }

    /// Mail for it was routed at this moment since the start.
    pub(crate) fn used(&self, moment: Duration) {
        self.used_s.store(moment.as_secs(), Ordering::Relaxed);
    }

    /// Sites and the smart host always are; a stranger's domain for as long as mail goes there.
    pub(crate) fn is_in_use(&self, moment: Duration, idle_for: Duration) -> bool {
        let used = Duration::from_secs(self.used_s.load(Ordering::Relaxed));
        !matches!(self.key, HopKey::Domain(_)) || moment.saturating_sub(used) < idle_for
    }

    /// No new connection before this moment.
    pub(crate) fn pause_until(&self, moment: Duration) {
        let millis = u64::try_from(moment.as_millis()).unwrap_or(u64::MAX);
        self.pause_until_ms.fetch_max(millis, Ordering::Relaxed);
    }

    pub(crate) fn paused_until(&self) -> Duration {
        Duration::from_millis(self.pause_until_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn prefer_ipv4(&self) {
        if !self.ipv4_first.swap(true, Ordering::Relaxed) {
            tracing::warn!(hop = %self.key, "Not trusted over IPv6: IPv4 goes first from now on.");
        }
    }

    /// Which addresses of a host are tried first.
    pub(crate) fn ip(&self) -> IpPreference {
        match self.settings.ip {
            IpPreference::V6First if self.ipv4_first.load(Ordering::Relaxed) => {
                IpPreference::V4First
            }
            preference => preference,
        }
    }

    /// Sites are watched by probes; strangers are simply tried again when their mail is due.
    pub(crate) fn is_site(&self) -> bool {
        matches!(self.key, HopKey::Site(_))
    }

    pub(crate) fn is_site_named(&self, name: &SiteName) -> bool {
        matches!(&self.key, HopKey::Site(it) if it == name)
    }

    /// A host failed: its siblings go first for a while.
    pub(crate) fn shun(&self, host: &str, why: String, at: Instant) {
        let mut shunned = self.shunned.lock();
        shunned.retain(|it| it.host != host && it.is_fresh(at));
        shunned.push(Shunned { host: host.to_owned(), at, why });
    }

    /// Why a host is tried after the others, if it is.
    pub(crate) fn shunned_for(&self, host: &str, now: Instant) -> Option<String> {
        let shunned = self.shunned.lock();
        shunned.iter().find(|it| it.host == host && it.is_fresh(now)).map(|it| it.why.clone())
    }

    /// The hosts in their order, those that failed lately last.
    pub(crate) fn in_order<T>(&self, hosts: &mut [T], name: impl Fn(&T) -> String, now: Instant) {
        let shunned = self.shunned.lock();
        if !shunned.is_empty() {
            hosts.sort_by_key(|it| {
                let name = name(it);
                shunned.iter().any(|it| it.host == name && it.is_fresh(now))
            });
        }
    }
}

#[derive(Debug)]
struct Shunned {
    host: String,
    at: Instant,
    why: String,
}

impl Shunned {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < SHUN_FOR
    }
}
