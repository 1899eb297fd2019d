//! What sites said lately of their recipients.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mail::{AddressKey, SiteName};

use super::RecipientVerdict;

/// Bounded by forgetting in two halves: when the young half is full it becomes the old one.
#[derive(Debug)]
pub(super) struct Cache {
    half_max: usize,
    young: Half,
    old: Half,
}

type Half = HashMap<(SiteName, AddressKey), Said>;

#[derive(Debug)]
struct Said {
    verdict: RecipientVerdict,
    until: Instant,
}

impl Cache {
    pub(super) fn new(max: usize) -> Self {
        Self { half_max: (max / 2).max(1), young: Half::new(), old: Half::new() }
    }

    pub(super) fn get(
        &self,
        site: &SiteName,
        key: &AddressKey,
        now: Instant,
    ) -> Option<RecipientVerdict> {
        let key = (site.clone(), key.clone());
        let said = self.young.get(&key).or_else(|| self.old.get(&key))?;
        (now < said.until).then(|| said.verdict.clone())
    }

    pub(super) fn put(
        &mut self,
        site: &SiteName,
        key: AddressKey,
        verdict: RecipientVerdict,
        lasts: Duration,
        now: Instant,
    ) {
        if self.young.len() >= self.half_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert((site.clone(), key), Said { verdict, until: now + lasts });
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> AddressKey {
        format!("a{n}@x.example").parse::<mail::Address>().unwrap().key()
    }

    #[test]
    fn it_keeps_the_latest_and_is_bounded() {
        let (site, now) = (SiteName::new("cloud"), Instant::now());
        let mut cache = Cache::new(100);
        for n in 0..1000 {
            cache.put(&site, key(n), RecipientVerdict::Accepted, Duration::from_secs(10), now);
            assert!(cache.len() <= 100);
        }
        assert_eq!(cache.get(&site, &key(999), now), Some(RecipientVerdict::Accepted));
        assert_eq!(cache.get(&site, &key(960), now), Some(RecipientVerdict::Accepted));
        assert_eq!(cache.get(&site, &key(1), now), None);
        let later = now + Duration::from_secs(10);
        assert_eq!(cache.get(&site, &key(999), later), None, "it is too old");
        assert_eq!(cache.get(&SiteName::new("on_prem"), &key(999), now), None);
    }
}
