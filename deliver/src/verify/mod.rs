//! Asks a site whether it knows recipients, without mail: MAIL, RCPT for each, RSET, QUIT.
//!
//! ```text
//!  addresses ─ onward ─ cache? ─ is the site up? ─ turn ─ paced RCPTs ─> verdicts ─> cache
//! ```
//!
//! A site that delays its refusals, as Exchange does by 5 s, is not hurried: one command at a
//! time, a pause after each refusal, and after a number of slow answers the rest stays unknown.

mod ask;
mod cache;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::RecipientCheck;
use health::State;
use mail::{Address, AddressKey, Reply, SiteName};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::delivery::Delivery;
use crate::hop::Hop;
use cache::Cache;

/// What a site says of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientVerdict {
    Accepted,
    /// For good, and because of the recipient.
    Refused(Reply),
    /// It was not asked, or its answer says nothing of the recipient; with the reason in words.
    Unknown(String),
}

/// The state of checks at all sites.
pub(crate) struct Verifier {
    settings: RecipientCheck,
    cache: Mutex<Cache>,
    sites: Mutex<HashMap<SiteName, Arc<SiteChecks>>>,
}

/// The state of checks at one site.
struct SiteChecks {
    /// Connections for checks.
    connections: Semaphore,
    /// Calls for many recipients wait for each other, so that a connection is left for single ones.
    bulk: Semaphore,
    /// When the next RCPT may go.
    next_at: Mutex<Instant>,
    /// It could not be reached, at that time.
    failed: Mutex<Option<(Instant, String)>>,
}

impl Verifier {
    pub(crate) fn new(settings: RecipientCheck) -> Self {
        let cache = Mutex::new(Cache::new(settings.cache_max));
        Self { settings, cache, sites: Mutex::default() }
    }

    fn site(&self, name: &SiteName) -> Arc<SiteChecks> {
        let mut sites = self.sites.lock();
        let new = || {
            Arc::new(SiteChecks {
                connections: Semaphore::new(self.settings.connections_max.max(1)),
                bulk: Semaphore::new(1),
                next_at: Mutex::new(Instant::now()),
                failed: Mutex::new(None),
            })
        };
        Arc::clone(sites.entry(name.clone()).or_insert_with(new))
    }

    fn cached(&self, site: &SiteName, key: &AddressKey) -> Option<RecipientVerdict> {
        self.cache.lock().get(site, key, Instant::now())
    }

    /// An unknown one is asked again next time.
    fn keep(&self, site: &SiteName, key: AddressKey, verdict: &RecipientVerdict) {
        let lasts = match verdict {
            RecipientVerdict::Accepted => self.settings.accepted_for,
            RecipientVerdict::Refused(_) => self.settings.refused_for,
            RecipientVerdict::Unknown(_) => return,
        };
        self.cache.lock().put(site, key, verdict.clone(), lasts, Instant::now());
    }
}

impl SiteChecks {
    /// Takes the next turn: when it comes.
    fn turn(&self, every: Duration) -> Instant {
        let mut next_at = self.next_at.lock();
        let at = (*next_at).max(Instant::now());
        *next_at = at + every;
        at
    }

    fn pause(&self, lasts: Duration) {
        let mut next_at = self.next_at.lock();
        *next_at = (*next_at).max(Instant::now() + lasts);
    }
}

impl Delivery {
    /// Asks `site` of each address, as delivery would name it there by the table of this moment.
    /// One verdict for each, in their order; takes at most `time_max` of `[recipient_check]`.
    pub async fn verify_recipients(
        &self,
        site: &SiteName,
        addresses: Vec<Address>,
    ) -> Vec<(Address, RecipientVerdict)> {
        let onward: Vec<Address> = {
            let view = self.0.routes.look();
            addresses.iter().map(|it| view.onward(site, it)).collect()
        };
        let verdicts = self.verify_onward(site, onward).await;
        addresses.into_iter().zip(verdicts).collect()
    }

    /// The same for addresses as the site knows them: verdicts in their order.
    pub async fn verify_onward(
        &self,
        site: &SiteName,
        addresses: Vec<Address>,
    ) -> Vec<RecipientVerdict> {
        let verifier = &self.0.verifier;
        let mut known: HashMap<AddressKey, RecipientVerdict> = HashMap::new();
        let (mut seen, mut open) = (HashSet::new(), Vec::new());
        for address in &addresses {
            let key = address.key();
            if !seen.insert(key.clone()) {
                continue;
            }
            match verifier.cached(site, &key) {
                Some(verdict) => {
                    self.count(site, &verdict, "cache");
                    known.insert(key, verdict);
                }
                None => open.push((key, address)),
            }
        }
        let why = match self.hop_to_ask(site) {
            _ if open.is_empty() => String::new(),
            Err(why) => why,
            Ok(hop) => {
                let open: Vec<_> = open.iter().map(|it| (it.0.clone(), it.1.clone())).collect();
                ask::ask(self, &hop, site, open, &mut known).await
            }
        };
        let verdict_of = |it: &Address| {
            let unknown = || {
                let verdict = RecipientVerdict::Unknown(why.clone());
                self.count(site, &verdict, "site");
                verdict
            };
            known.get(&it.key()).cloned().unwrap_or_else(unknown)
        };
        addresses.iter().map(verdict_of).collect()
    }

    fn hop_to_ask(&self, site: &SiteName) -> Result<Arc<Hop>, String> {
        let Some(hop) = self.hops().into_iter().find(|it| it.is_site_named(site)) else {
            return Err(format!("there is no site {site}"));
        };
        let breaker = hop.breaker.lock();
        if matches!(breaker.state(), State::Down | State::Faulted) {
            return Err(format!("{site} is down: {}", breaker.why()));
        }
        drop(breaker);
        Ok(hop)
    }

    fn count(&self, site: &SiteName, verdict: &RecipientVerdict, from: &str) {
        let what = match verdict {
            RecipientVerdict::Accepted => "accepted",
            RecipientVerdict::Refused(_) => "refused",
            RecipientVerdict::Unknown(_) => "unknown",
        };
        self.0.metrics.checks.with_label_values(&[site.as_str(), what, from]).inc();
    }
}
