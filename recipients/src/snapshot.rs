//! Everybody who is known, at one moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mail::{Address, AddressKey};

use crate::{Recipient, decode_imceaex, x500_key};

/// The recipients of one source.
pub type People = BTreeMap<Box<str>, Arc<Recipient>>;

/// All sources together; the first source that has an address has it. Never changes.
#[derive(Debug, Default)]
pub struct Snapshot {
    found: Vec<Found>,
    by_address: HashMap<AddressKey, u32>,
    by_x500: HashMap<Box<str>, u32>,
    /// Addresses that more than one recipient has; the first keeps them.
    pub conflicts: Vec<Conflict>,
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
            for recipient in people.values() {
                snapshot
                    .add(Found { source: Arc::clone(source), recipient: Arc::clone(recipient) });
            }
        }
        snapshot.found.shrink_to_fit();
        snapshot
    }

    fn add(&mut self, found: Found) {
        let Ok(place) = u32::try_from(self.found.len()) else { return };
        for address in found.recipient.addresses() {
            let taken = *self.by_address.entry(address.key()).or_insert(place);
            if taken != place && self.conflicts.len() < CONFLICTS_MAX {
                let kept_by = &self.found[taken as usize].recipient.address;
                self.conflicts.push(Conflict {
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

    /// Who has this address, as it stands.
    pub fn find(&self, key: &AddressKey) -> Option<&Found> {
        self.by_address.get(key).and_then(|it| self.found.get(*it as usize))
    }

    /// Whom an IMCEAEX address means.
    pub fn find_encapsulated(&self, local: &str) -> Option<&Found> {
        let name = decode_imceaex(local)?;
        self.by_x500.get(&x500_key(&name)).and_then(|it| self.found.get(*it as usize))
    }

    pub fn recipients(&self) -> usize {
        self.found.len()
    }

    pub fn addresses(&self) -> usize {
        self.by_address.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Found> {
        self.found.iter()
    }
}
