//! What a sync changes, and whether it takes too much away to be believed.

use std::collections::HashSet;
use std::sync::Arc;

use mail::{Address, AddressKey};

use crate::{People, Recipient};

/// From one state of a source to the next.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub added: usize,
    pub changed: usize,
    /// New ones and changed ones.
    pub put: Vec<Arc<Recipient>>,
    pub removed: Vec<Arc<Recipient>>,
    /// Addresses that nobody of the source has any more.
    pub gone: Vec<Address>,
    /// Addresses of the source before.
    pub n_before: usize,
}

/// How much a sync may take away without asking.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// So many addresses always.
    pub addresses: usize,
    /// And so much of all addresses in any case.
    pub percent: u8,
    /// But of more addresses than this no part is small enough.
    pub most: usize,
}

impl Change {
    /// `after` is everybody.
    pub fn to_all(before: &People, after: People) -> Self {
        let removed = before.values().filter(|it| !after.contains_key(&it.id)).cloned().collect();
        Self::new(before, after, removed)
    }

    /// `found` is who changed; nobody was removed, as far as that can be told.
    pub fn to_some(before: &People, found: People) -> Self {
        Self::new(before, found, Vec::new())
    }

    fn new(before: &People, found: People, removed: Vec<Arc<Recipient>>) -> Self {
        let mut change = Self { removed, ..Self::default() };
        let mut left: Vec<&Arc<Recipient>> = Vec::new();
        let mut kept: HashSet<AddressKey> = HashSet::new();
        for recipient in found.into_values() {
            match before.get(&recipient.id) {
                // A change of nothing that concerns us.
                Some(old) if **old == (Recipient { usn: old.usn, ..(*recipient).clone() }) => {
                    kept.extend(old.addresses().map(Address::key));
                    continue;
                }
                Some(old) => {
                    change.changed += 1;
                    left.push(old);
                }
                None => change.added += 1,
            }
            kept.extend(recipient.addresses().map(Address::key));
            change.put.push(recipient);
        }
        left.extend(&change.removed);
        let gone = left.into_iter().flat_map(|it| it.addresses());
        change.gone = gone.filter(|it| !kept.contains(&it.key())).cloned().collect();
        change.n_before = before.values().map(|it| it.addresses().count()).sum();
        change
    }

    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
    }

    /// A person is to say that this is right.
    pub fn asks(&self, bounds: Bounds) -> bool {
        let n_gone = self.gone.len();
        let is_all = n_gone > 0 && n_gone >= self.n_before;
        is_all
            || n_gone > bounds.most
            || (n_gone > bounds.addresses
                && n_gone.saturating_mul(100) > usize::from(bounds.percent) * self.n_before)
    }

    pub fn apply(&self, people: &mut People) {
        for it in &self.removed {
            people.remove(&it.id);
        }
        for it in &self.put {
            people.insert(it.id.clone(), Arc::clone(it));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn person(id: usize, address: &str, others: &[&str], usn: u64) -> Arc<Recipient> {
        Arc::new(Recipient {
            id: id.to_string().into(),
            address: address.parse().unwrap(),
            others: others.iter().map(|it| it.parse().unwrap()).collect(),
            x500: Box::default(),
            target: None,
            kind: Kind::User,
            usn,
        })
    }

    fn people(all: impl IntoIterator<Item = Arc<Recipient>>) -> People {
        all.into_iter().map(|it| (it.id.clone(), it)).collect()
    }

    fn crowd(n: usize) -> People {
        people((0..n).map(|it| person(it, &format!("a{it}@x.example"), &[], 1)))
    }

    const BOUNDS: Bounds = Bounds { addresses: 20, percent: 10, most: 500 };

    #[test]
    fn a_full_read_adds_changes_and_removes() {
        let before = people([
            person(1, "a@x.example", &["b@x.example"], 1),
            person(2, "c@x.example", &[], 1),
            person(3, "d@x.example", &[], 1),
        ]);
        let after = people([
            person(1, "b@x.example", &[], 2),
            person(2, "c@x.example", &[], 9),
            person(4, "e@x.example", &["d@x.example"], 2),
        ]);
        let change = Change::to_all(&before, after.clone());
        assert_eq!((change.added, change.changed, change.removed.len()), (1, 1, 1));
        assert_eq!(change.gone, ["a@x.example".parse().unwrap()], "d is somebody else's now");
        let mut people = before;
        change.apply(&mut people);
        assert!(people.keys().eq(after.keys()));
        assert_eq!(people["2"].usn, 1, "nothing of interest changed");
    }

    #[test]
    fn it_asks_beyond_both_bounds_and_before_it_empties_the_source() {
        let asks =
            |before: usize, after: usize| Change::to_all(&crowd(before), crowd(after)).asks(BOUNDS);
        assert!(!asks(1000, 901));
        assert!(asks(1000, 899));
        assert!(!asks(25, 6), "few");
        assert!(asks(25, 4));
        assert!(asks(3, 0), "all");
        assert!(!asks(0, 0));
    }

    #[test]
    fn losing_addresses_is_losing_too() {
        let full =
            people((0..100).map(|it| {
                person(it, &format!("a{it}@x.example"), &[&format!("b{it}@x.example")], 1)
            }));
        let bare = people((0..100).map(|it| person(it, &format!("a{it}@x.example"), &[], 2)));
        let change = Change::to_some(&full, bare);
        assert_eq!((change.changed, change.gone.len()), (100, 100));
        assert!(change.asks(BOUNDS));
    }

    #[test]
    fn a_small_share_of_a_large_directory_is_asked_about_too() {
        let before = crowd(20_000);
        let lost = |n: usize| {
            let after =
                before.iter().skip(n).map(|(id, it)| (id.clone(), Arc::clone(it))).collect();
            Change::to_all(&before, after).asks(BOUNDS)
        };
        assert_eq!((lost(500), lost(501)), (false, true));
    }
}
