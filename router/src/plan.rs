//! From wishes to changes: what edits come to on one table, or everything that speaks against them.

use std::collections::hash_map::Entry as Claim;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mail::{AddressKey, Timestamp};

use crate::map::Slot;
use crate::{Edit, Problem, Row, Table};

/// Rows before and after. Planned on one generation, it makes the next.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Of the table that it makes.
    pub generation: u64,
    /// Only rows that differ; each key once, in the order of the edits.
    pub rows: Vec<RowChange>,
}

#[derive(Clone, Debug)]
pub struct RowChange {
    pub key: AddressKey,
    pub before: Option<Arc<Row>>,
    pub after: Option<Arc<Row>>,
}

impl Changes {
    pub fn added(&self) -> usize {
        self.rows.iter().filter(|it| it.before.is_none()).count()
    }

    pub fn removed(&self) -> usize {
        self.rows.iter().filter(|it| it.after.is_none()).count()
    }

    pub fn changed(&self) -> usize {
        self.rows.iter().filter(|it| it.before.is_some() && it.after.is_some()).count()
    }

    /// What undoes this, as the next generation.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let generation = self.generation + 1;
        let swap = |it: &RowChange| RowChange {
            key: it.key.clone(),
            before: it.after.clone(),
            after: it.before.clone(),
        };
        Self { generation, rows: self.rows.iter().map(swap).collect() }
    }
}

impl Table {
    /// Works out what `edits` come to, one after the other, without doing it. A row that would
    /// stay as it is is no change. All conflicts are told at once: an address that two mailboxes
    /// would have, be it as their own or as an alias.
    pub fn plan(&self, edits: &[Edit], at: Timestamp) -> Result<Changes, Vec<Problem>> {
        let generation = self.generation() + 1;
        let mut rows: Vec<RowChange> = Vec::with_capacity(edits.len());
        let mut places: HashMap<AddressKey, usize> = HashMap::with_capacity(edits.len());
        for edit in edits {
            let key = match edit {
                Edit::Put(put) => put.address.key(),
                Edit::Remove(key) => key.clone(),
            };
            let place = *places.entry(key.clone()).or_insert_with(|| {
                let before = self.row(key.as_str()).cloned();
                rows.push(RowChange { key, after: before.clone(), before });
                rows.len() - 1
            });
            let row = &mut rows[place];
            row.after = match edit {
                Edit::Put(put) => {
                    let before = row.after.as_ref().map(|it| it.entry());
                    Some(Arc::new(Row::new(put.over(before, generation, at))))
                }
                Edit::Remove(_) => None,
            };
        }
        rows.retain(is_change);
        let problems = conflicts(self, &rows);
        if problems.is_empty() { Ok(Changes { generation, rows }) } else { Err(problems) }
    }
}

fn is_change(row: &RowChange) -> bool {
    match (&row.before, &row.after) {
        (Some(before), Some(after)) => !before.says_the_same(after),
        (before, after) => before.is_some() || after.is_some(),
    }
}

fn conflicts(table: &Table, rows: &[RowChange]) -> Vec<Problem> {
    let touched: HashSet<&str> = rows.iter().map(|it| it.key.as_str()).collect();
    let mut claims: HashMap<AddressKey, &AddressKey> = HashMap::with_capacity(rows.len());
    let mut problems = Vec::new();
    for row in rows {
        let Some(after) = &row.after else { continue };
        let own = std::iter::once((row.key.clone(), "address"));
        for (key, column) in own.chain(after.alias_keys().map(|it| (it, "aliases"))) {
            let standing = holder(table, &key).filter(|it| !touched.contains(it.as_str()));
            let rival = match claims.entry(key.clone()) {
                Claim::Occupied(it) => Some((*it.get()).clone()),
                Claim::Vacant(it) => {
                    it.insert(&row.key);
                    standing.cloned()
                }
            };
            if let Some(rival) = rival {
                let message = match column {
                    "address" => format!("{key} is an alias of {rival} already"),
                    _ if key == rival => format!("{key} is a mailbox of its own"),
                    _ => format!("{key} is an alias of {rival} already"),
                };
                problems.push(Problem { address: after.address.to_string(), column, message });
            }
        }
    }
    problems
}

/// The key of the mailbox that has `key` as its address or alias.
fn holder<'a>(table: &'a Table, key: &AddressKey) -> Option<&'a AddressKey> {
    table.slot(key.as_str()).map(|it| match it {
        Slot::Mailbox(row) => row.key(),
        Slot::Alias(alias) => &alias.mailbox,
    })
}
