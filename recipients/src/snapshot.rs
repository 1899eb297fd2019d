//! Everybody who is known, at one moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mail::{Address, AddressKey};

use crate::{Recipient, decode_imceaex, x500_key};

/// The recipients of one source.
pub type People = BTreeMap<Box<str>, Arc<Recipient>>;

/// All sources together, in their order. Never changes.
#[derive(Debug, Default)]
pub struct Snapshot {
    sources: Vec<Listing>,
    addresses: usize,
    /// Addresses that more than one recipient of a source has; the first keeps them.
    pub conflicts: Vec<Conflict>,
}

/// One source, ready to be asked.
#[derive(Debug, Default)]
struct Listing {
    name: Box<str>,
    found: Vec<Found>,
    by_address: HashMap<AddressKey, u32>,
    by_x500: HashMap<Box<str>, u32>,
}

/// A recipient with the source that knows it.
#[derive(Clone, Debug)]
pub struct Found {
    pub source: Arc<str>,
    pub recipient: Arc<Recipient>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub address: Address,
    pub kept_by: Address,
    pub claimed_by: Address,
}

/// Conflicts that are listed.
const CONFLICTS_MAX: usize = 10_000;

impl Snapshot {
    pub fn new<'a>(sources: impl Iterator<Item = (&'a Arc<str>, &'a People)>) -> Self {
        let mut snapshot = Self::default();
        for (source, people) in sources {
            let mut copy = Listing { name: (**source).into(), ..Listing::default() };
            for recipient in people.values() {
                let found = Found { source: Arc::clone(source), recipient: Arc::clone(recipient) };
                copy.add(found, &mut snapshot.conflicts);
            }
            copy.found.shrink_to_fit();
            snapshot.addresses += copy.by_address.len();
            snapshot.sources.push(copy);
        }
        snapshot
    }

    /// Whether there is a copy of this source: not of one that was never read, or is only asked.
    pub fn was_read(&self, source: &str) -> bool {
        self.sources.iter().any(|it| *it.name == *source && !it.found.is_empty())
    }

    /// Who has this address, as it stands; of several the one of the first source.
    pub fn find(&self, key: &AddressKey) -> Option<&Found> {
        self.sources.iter().find_map(|it| it.find(key))
    }

    /// The same, asking only the sources of these names.
    pub fn find_in(&self, sources: &[Box<str>], key: &AddressKey) -> Option<&Found> {
        self.named(sources).find_map(|it| it.find(key))
    }

    /// Whom an IMCEAEX address means.
    pub fn find_encapsulated(&self, local: &str) -> Option<&Found> {
        let name = x500_key(&decode_imceaex(local)?);
        self.sources.iter().find_map(|it| it.find_name(&name))
    }

    pub fn find_encapsulated_in(&self, sources: &[Box<str>], local: &str) -> Option<&Found> {
        let name = x500_key(&decode_imceaex(local)?);
        self.named(sources).find_map(|it| it.find_name(&name))
    }

    fn named(&self, names: &[Box<str>]) -> impl Iterator<Item = &Listing> {
        self.sources.iter().filter(move |it| names.contains(&it.name))
    }

    pub fn recipients(&self) -> usize {
        self.sources.iter().map(|it| it.found.len()).sum()
    }

    pub fn addresses(&self) -> usize {
        self.addresses
    }

    /// Everybody; whom several sources know comes once for each.
    pub fn iter(&self) -> impl Iterator<Item = &Found> {
        self.sources.iter().flat_map(|it| &it.found)
    }
}

impl Listing {
    fn add(&mut self, found: Found, conflicts: &mut Vec<Conflict>) {
        let Ok(place) = u32::try_from(self.found.len()) else { return };
        for address in found.recipient.addresses() {
            let taken = *self.by_address.entry(address.key()).or_insert(place);
            if taken != place && conflicts.len() < CONFLICTS_MAX {
                let kept_by = &self.found[taken as usize].recipient.address;
                conflicts.push(Conflict {
                    address: address.clone(),
                    kept_by: kept_by.clone(),
                    claimed_by: found.recipient.address.clone(),
                });
            }
        }
        for name in &found.recipient.x500 {
            self.by_x500.entry(name.clone()).or_insert(place);
        }
        self.found.push(found);
    }

    fn find(&self, key: &AddressKey) -> Option<&Found> {
        self.by_address.get(key).and_then(|it| self.found.get(*it as usize))
    }

    fn find_name(&self, name: &str) -> Option<&Found> {
        self.by_x500.get(name).and_then(|it| self.found.get(*it as usize))
    }
}
