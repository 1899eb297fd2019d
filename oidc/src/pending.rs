//! Sign-ins under way: each is for one browser, once, for ten minutes.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::Timestamp;
use subtle::ConstantTimeEq as _;

/// How long somebody may take at the provider's pages.
pub(crate) const PENDING_FOR: Duration = Duration::from_secs(600);
/// Of one network at once: a stranger who begins many must not displace those of others.
const OF_NETWORK_MAX: usize = 50;

/// What the browser gets.
pub struct Begun {
    /// Address of the provider's page.
    pub location: String,
    /// For a cookie of this browser; shown this once.
    pub browser: String,
    pub expires_in: Duration,
}

pub(crate) struct Pending {
    pub(crate) nonce: String,
    /// RFC 7636.
    pub(crate) verifier: String,
    browser: [u8; 32],
    network: IpAddr,
    began: Timestamp,
}

/// What a new sign-in goes by.
pub(crate) struct Secrets {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    pub(crate) browser: String,
}

impl Secrets {
    /// 256 random bits each.
    pub(crate) fn new() -> Self {
        let random = || URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        Self { state: random(), nonce: random(), verifier: random(), browser: random() }
    }

    /// RFC 7636 §4.2, S256.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(hash(&self.verifier))
    }
}

/// Keyed by the hash of `state`, with the random keys of the standard library's map.
#[derive(Default)]
pub(crate) struct Waiting {
    by_state: HashMap<[u8; 32], Pending>,
    /// The oldest first.
    order: VecDeque<[u8; 32]>,
}

/// An IPv6 host has a /64 to itself.
fn shared(network: IpAddr) -> IpAddr {
    match network.to_canonical() {
        IpAddr::V6(it) => (it.to_bits() >> 64 << 64).to_be_bytes().into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn hash(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        self.by_state.len()
    }

    /// `Err`: this network has too many. `Ok(true)`: an older one had to go.
    pub(crate) fn put(
        &mut self,
        secrets: &Secrets,
        network: IpAddr,
        most: usize,
        now: Timestamp,
    ) -> Result<bool, Duration> {
        self.expire(now);
        let network = shared(network);
        let of_network = self.by_state.values().filter(|it| it.network == network);
        let began: Vec<Timestamp> = of_network.map(|it| it.began).collect();
        if began.len() >= OF_NETWORK_MAX {
            let oldest = began.into_iter().min().unwrap_or(now);
            return Err(PENDING_FOR.saturating_sub(now.since(oldest)).max(Duration::from_secs(1)));
        }
        let displaced = self.by_state.len() >= most && self.drop_oldest();
        let key = hash(&secrets.state);
        let pending = Pending {
            nonce: secrets.nonce.clone(),
            verifier: secrets.verifier.clone(),
            browser: hash(&secrets.browser),
            network,
            began: now,
        };
        self.by_state.insert(key, pending);
        self.order.push_back(key);
        Ok(displaced)
    }

    /// The sign-in of that state, if it was begun in this browser. It cannot be taken again; a browser
    /// that did not begin it cannot take it away from the one that did.
    pub(crate) fn take(&mut self, state: &str, browser: &str, now: Timestamp) -> Option<Pending> {
        self.expire(now);
        let key = hash(state);
        let is_it = self.by_state.get(&key)?.browser.ct_eq(&hash(browser));
        if !bool::from(is_it) {
            return None;
        }
        self.order.retain(|it| *it != key);
        self.by_state.remove(&key)
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(key) = self.order.front() {
            let over = self.by_state.get(key).is_none_or(|it| now.since(it.began) >= PENDING_FOR);
            if !over {
                return;
            }
            self.by_state.remove(key);
            self.order.pop_front();
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.order.pop_front();
        oldest.is_some_and(|it| self.by_state.remove(&it).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_state_is_for_its_browser_once_and_for_ten_minutes() {
        let mut waiting = Waiting::default();
        let (mine, other) = (Secrets::new(), Secrets::new());
        waiting.put(&mine, ip(1), 10, at(0)).unwrap();
        waiting.put(&other, ip(1), 10, at(0)).unwrap();
        assert!(waiting.take(&mine.state, &other.browser, at(1)).is_none(), "another browser");
        assert!(waiting.take("", "", at(1)).is_none());
        let taken = waiting.take(&mine.state, &mine.browser, at(1)).unwrap();
        assert_eq!((taken.nonce, taken.verifier), (mine.nonce, mine.verifier));
        assert!(waiting.take(&mine.state, &mine.browser, at(1)).is_none(), "replayed");
        assert!(waiting.take(&other.state, &other.browser, at(600)).is_none(), "too late");
        assert_eq!((waiting.len(), waiting.order.len()), (0, 0));
    }

    #[test]
    fn what_waits_has_a_bound_and_a_network_has_a_share_of_it() {
        let mut waiting = Waiting::default();
        for n in 0..OF_NETWORK_MAX {
            waiting.put(&Secrets::new(), ip(1), 100, at(n as u64)).unwrap();
        }
        let wait = waiting.put(&Secrets::new(), ip(1), 100, at(100)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(500));
        for last in 2..=60 {
            waiting.put(&Secrets::new(), ip(last), 100, at(100)).unwrap();
        }
        assert_eq!(waiting.len(), 100);
        assert_eq!(waiting.order.len(), 100);
    }
}
