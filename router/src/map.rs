//! A persistent map: a changed copy shares everything with the original but the way to the change.
//!
//! Two levels of 64 branches by hash, then a leaf of slots sorted by hash. With a million rows a
//! leaf has about 250 slots (6 KiB), so an edit copies one leaf and two arrays of 64 pointers, and
//! a look-up reads two pointers, a few cache lines of one leaf, and the row.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use mail::AddressKey;

use crate::Entry;

const BRANCH_BITS: u32 = 6;
const BRANCHES: usize = 1 << BRANCH_BITS;

/// A mailbox with its key.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: AddressKey,
    pub(crate) entry: Arc<Entry>,
}

/// What a key stands for.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Mailbox(Arc<Row>),
    Alias(Arc<Alias>),
}

#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) key: AddressKey,
    pub(crate) mailbox: AddressKey,
}

impl Slot {
    pub(crate) fn key(&self) -> &AddressKey {
        match self {
            Self::Mailbox(row) => &row.key,
            Self::Alias(alias) => &alias.key,
        }
    }
}

/// Sorted by hash; equal hashes stand side by side in any order.
type Leaf = Vec<(u64, Slot)>;
type Branch = [Arc<Leaf>; BRANCHES];

/// Cloning is cheap: one pointer.
#[derive(Clone)]
pub(crate) struct Map {
    root: Arc<[Arc<Branch>; BRANCHES]>,
    /// Keyed per process, so that nobody can choose addresses that fall into one leaf.
    hasher: RandomState,
}

fn split(hash: u64) -> (usize, usize) {
    let mask = BRANCHES as u64 - 1;
    ((hash >> 58) as usize, ((hash >> 52) & mask) as usize)
}

/// Where `key` is in the leaf, or where it belongs.
fn position(leaf: &Leaf, hash: u64, key: &str) -> Result<usize, usize> {
    let start = leaf.partition_point(|(it, _)| *it < hash);
    let same = leaf[start..].iter().take_while(|(it, _)| *it == hash);
    same.map(|(_, slot)| slot)
        .position(|slot| slot.key().as_str() == key)
        .map(|it| start + it)
        .ok_or(start)
}

impl Map {
    pub(crate) fn new() -> Self {
        let leaf = Arc::new(Leaf::new());
        let branch: Arc<Branch> = Arc::new(std::array::from_fn(|_| Arc::clone(&leaf)));
        let root = Arc::new(std::array::from_fn(|_| Arc::clone(&branch)));
        Self { root, hasher: RandomState::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Slot> {
        let hash = self.hasher.hash_one(key);
        let (high, low) = split(hash);
        let leaf = &self.root[high][low];
        position(leaf, hash, key).ok().map(|it| &leaf[it].1)
    }

    pub(crate) fn insert(&mut self, slot: Slot) {
        let hash = self.hasher.hash_one(slot.key().as_str());
        let leaf = self.leaf_mut(hash);
        match position(leaf, hash, slot.key().as_str()) {
            Ok(it) => leaf[it].1 = slot,
            Err(it) => leaf.insert(it, (hash, slot)),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        let hash = self.hasher.hash_one(key);
        let leaf = self.leaf_mut(hash);
        if let Ok(it) = position(leaf, hash, key) {
            leaf.remove(it);
        }
    }

    /// Copies what others still read on the way to the leaf.
    fn leaf_mut(&mut self, hash: u64) -> &mut Leaf {
        let (high, low) = split(hash);
        let branch = Arc::make_mut(&mut Arc::make_mut(&mut self.root)[high]);
        Arc::make_mut(&mut branch[low])
    }

    /// In no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.root.iter().flat_map(|it| it.iter()).flat_map(|it| it.iter()).map(|(_, slot)| slot)
    }
}
