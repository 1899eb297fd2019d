//! A next hop: a site, the domain of a stranger, or the smart host.

use std::fmt;
use std::time::Instant;

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
    pub probe_every: std::time::Duration,
}

/// A hop and its health. Its mail is in `queue::Queues` under `index`.
#[derive(Debug)]
pub(crate) struct Hop {
    pub key: HopKey,
    pub index: HopIndex,
    pub settings: HopSettings,
    pub breaker: Mutex<Breaker>,
    /// Hosts that failed lately, tried after the others.
    shunned: Mutex<Vec<Shunned>>,
}

/// How long a host that failed comes after its siblings.
const SHUN_FOR: std::time::Duration = std::time::Duration::from_secs(30);

impl Hop {
    pub(crate) fn new(key: HopKey, index: HopIndex, settings: HopSettings) -> Self {
        let breaker = Mutex::new(Breaker::new(settings.connections_max));
        Self { key, index, settings, breaker, shunned: Mutex::new(Vec::new()) }
    }

    /// Sites are watched by probes; strangers are simply tried again when their mail is due.
    pub(crate) fn is_site(&self) -> bool {
        matches!(self.key, HopKey::Site(_))
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
