//! A persistent map: a changed copy shares everything with the original but the way to the change.
//!
//! Two levels of 128 branches by hash, then a leaf of slots sorted by hash. With a million rows a
//! leaf has about 60 slots (1.5 KiB), so an edit copies one leaf and two arrays of 128 pointers.
//! Hashes are spread evenly, so a look-up guesses the place in the leaf and is a slot or four off:
//! it reads two pointers, two cache lines of one leaf, and the row.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use mail::AddressKey;

use crate::Row;

const BRANCH_BITS: u32 = 7;
const BRANCHES: usize = 1 << BRANCH_BITS;

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
            Self::Mailbox(row) => row.key(),
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

/// The top bits choose the branch, the next the leaf.
fn split(hash: u64) -> (usize, usize) {
    let top = |hash: u64| (hash >> (64 - BRANCH_BITS)) as usize;
    (top(hash), top(hash << BRANCH_BITS))
}

/// Where `key` is in the leaf, or where it belongs.
fn position(leaf: &Leaf, hash: u64, key: &str) -> Result<usize, usize> {
    let start = first_not_below(leaf, hash);
    let same = leaf[start..].iter().take_while(|(it, _)| *it == hash);
    same.map(|(_, slot)| slot)
        .position(|slot| slot.key().as_str() == key)
        .map(|it| start + it)
        .ok_or(start)
}

/// Guesses from the bits that the branches left over, then walks.
fn first_not_below(leaf: &Leaf, hash: u64) -> usize {
    let rest = hash << (2 * BRANCH_BITS);
    let mut at = ((u128::from(rest) * leaf.len() as u128) >> 64) as usize;
    while at > 0 && leaf[at - 1].0 >= hash {
        at -= 1;
    }
    while at < leaf.len() && leaf[at].0 < hash {
        at += 1;
    }
    at
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

    /// `true` when it replaced what was there.
    pub(crate) fn insert(&mut self, slot: Slot) -> bool {
        let hash = self.hasher.hash_one(slot.key().as_str());
        let leaf = self.leaf_mut(hash);
        match position(leaf, hash, slot.key().as_str()) {
            Ok(it) => {
                leaf[it].1 = slot;
                true
            }
            Err(it) => {
                leaf.insert(it, (hash, slot));
                false
            }
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
