//! The migration table: one immutable generation of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::{AddressKey, Domain, SiteName};

use crate::map::{Alias, Map, Slot};
use crate::{Changes, Entry, Row, RowChange};

/// Who lives where, at one generation. Cheap to clone; never changes.
#[derive(Clone)]
pub struct Table {
    generation: u64,
    len: usize,
    map: Map,
}

/// How an address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed<'a> {
    /// It is the address of the mailbox.
    Mailbox(&'a Entry),
    /// It is another address of the mailbox.
    Alias(&'a Entry),
}

impl<'a> Listed<'a> {
    pub const fn entry(self) -> &'a Entry {
        match self {
            Self::Mailbox(entry) | Self::Alias(entry) => entry,
        }
    }
}

impl Table {
    /// Generation 0: nobody is listed.
    pub fn empty() -> Self {
        Self { generation: 0, len: 0, map: Map::new() }
    }

    /// For rows that were checked when they were written. Of two with one key the last stays.
    pub fn from_rows(generation: u64, rows: impl Iterator<Item = Entry>) -> Self {
        let mut table = Self { generation, ..Self::empty() };
        for entry in rows {
            table.insert(&Arc::new(Row::new(entry)));
        }
        table
    }

    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Mailboxes; aliases do not count.
    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The mailbox with exactly this address.
    pub fn get(&self, key: &AddressKey) -> Option<&Entry> {
        self.row(key.as_str()).map(|it| it.entry())
    }

    pub(crate) fn row(&self, key: &str) -> Option<&Arc<Row>> {
        match self.map.get(key)? {
            Slot::Mailbox(row) => Some(row),
            Slot::Alias(_) => None,
        }
    }

    pub(crate) fn slot(&self, key: &str) -> Option<&Slot> {
        self.map.get(key)
    }

    /// The mailbox behind an alias; `None` for what is no alias.
    pub fn resolve_alias(&self, key: &AddressKey) -> Option<&Entry> {
        match self.map.get(key.as_str())? {
            Slot::Mailbox(_) => None,
            Slot::Alias(alias) => self.get(&alias.mailbox),
        }
    }

    /// The mailbox with this address or alias. Two look-ups at most: an alias names a mailbox,
    /// never another alias.
    pub fn find(&self, key: &AddressKey) -> Option<Listed<'_>> {
        match self.map.get(key.as_str())? {
            Slot::Mailbox(row) => Some(Listed::Mailbox(row.entry())),
            Slot::Alias(alias) => self.get(&alias.mailbox).map(Listed::Alias),
        }
    }

    /// All mailboxes, sorted by key. Sorts pointers: about a second for a million.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        let mut rows: Vec<&Row> = self.rows().collect();
        rows.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        rows.into_iter().map(Row::entry)
    }

    /// At most `limit` mailboxes with keys after `after` that `filter` lets through, sorted by
    /// key: one page of a list. Reads the whole table once.
    pub fn page(
        &self,
        after: Option<&AddressKey>,
        limit: usize,
        filter: impl Fn(&Entry) -> bool,
    ) -> Vec<&Entry> {
        let mut page: BTreeMap<&AddressKey, &Entry> = BTreeMap::new();
        for row in self.rows().filter(|it| after.is_none_or(|after| it.key() > after)) {
            let fits = page.len() < limit
                || page.last_key_value().is_some_and(|(last, _)| row.key() < *last);
            if fits && filter(row.entry()) {
                page.insert(row.key(), row.entry());
                if page.len() > limit {
                    page.pop_last();
                }
            }
        }
        page.into_values().collect()
    }

    /// The mailboxes that `filter` lets through, sorted by key: for a list that is looked at by
    /// position. Reads the whole table once and keeps a pointer for each row.
    pub fn sorted(&self, filter: impl Fn(&Entry) -> bool) -> Vec<Arc<Row>> {
        let rows = self.map.iter().filter_map(|it| match it {
            Slot::Mailbox(row) => Some(row),
            Slot::Alias(_) => None,
        });
        let mut rows: Vec<Arc<Row>> =
            rows.filter(|row| filter(row.entry())).map(Arc::clone).collect();
        rows.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        rows
    }

    /// How many mailboxes live at each site. Reads the whole table.
    pub fn len_by_home(&self) -> BTreeMap<SiteName, usize> {
        let mut counts = BTreeMap::new();
        for row in self.rows() {
            match counts.get_mut(&row.home) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(row.home.clone(), 1);
                }
            }
        }
        counts
    }

    /// How many mailboxes of a domain are listed. Reads the whole table.
    pub fn len_of_domain(&self, domain: &Domain) -> usize {
        self.rows().filter(|it| it.address.domain() == domain).count()
    }

    /// What makes of this table what `other` says, by key. Reads both tables.
    pub fn difference(&self, other: &Self) -> Vec<RowChange> {
        let pair = |key: &str| RowChange {
            before: self.row(key).cloned(),
            after: other.row(key).cloned(),
        };
        let gone = self.rows().filter(|it| other.row(it.key().as_str()).is_none());
        let mut rows: Vec<RowChange> =
            other.rows().chain(gone).map(|it| pair(it.key().as_str())).collect();
        rows.retain(RowChange::is_change);
        rows.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        rows
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.map.iter().filter_map(|it| match it {
            Slot::Mailbox(row) => Some(&**row),
            Slot::Alias(_) => None,
        })
    }

    /// The table after `changes`, which were planned on this one.
    #[must_use]
    pub fn apply(&self, changes: &Changes) -> Self {
        let mut next = self.clone();
        next.generation = changes.generation;
        for before in changes.rows.iter().filter_map(|it| it.before.as_deref()) {
            next.remove(before);
        }
        for after in changes.rows.iter().filter_map(|it| it.after.as_ref()) {
            next.insert(after);
        }
        next
    }

    fn remove(&mut self, row: &Row) {
        self.map.remove(row.key().as_str());
        for alias in row.alias_keys() {
            self.map.remove(alias.as_str());
        }
        self.len -= 1;
    }

    fn insert(&mut self, row: &Arc<Row>) {
        for key in row.alias_keys() {
            let alias = Alias { key, mailbox: row.key().clone() };
            self.map.insert(Slot::Alias(Arc::new(alias)));
        }
        let replaced = self.map.insert(Slot::Mailbox(Arc::clone(row)));
        self.len += usize::from(!replaced);
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table {{ generation: {}, len: {} }}", self.generation, self.len)
    }
}
