//! From wishes to changes: what edits come to on one table, or everything that speaks against them.

use std::collections::hash_map::Entry as Claim;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mail::{AddressKey, Timestamp};

use crate::map::Slot;
use crate::{Edit, Entry, Problem, Row, Table};

/// Rows before and after. Planned on one generation, it makes the next.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Of the table that it makes.
    pub generation: u64,
    /// Only rows that differ; each key once, in the order of the edits.
    pub rows: Vec<RowChange>,
}

/// One row; at least one side is there.
#[derive(Clone, Debug)]
pub struct RowChange {
    pub before: Option<Arc<Row>>,
    pub after: Option<Arc<Row>>,
}

impl RowChange {
    /// Of both sides. `None` only for a change that somebody made out of nothing.
    pub fn key(&self) -> Option<&AddressKey> {
        self.after.as_ref().or(self.before.as_ref()).map(|it| it.key())
    }

    /// Whether the sides say different things.
    pub fn is_change(&self) -> bool {
        !same(self.before.as_ref(), self.after.as_ref())
    }
}

fn same(a: Option<&Arc<Row>>, b: Option<&Arc<Row>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.says_the_same(b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// A row that is no longer what somebody saw when they planned to change it.
#[derive(Clone, Debug)]
pub struct RowConflict {
    pub base: Option<Arc<Row>>,
    pub theirs: Option<Arc<Row>>,
    pub yours: Option<Arc<Row>>,
}

/// Why planned rows do not fit the table any more.
#[derive(Clone, Debug)]
pub enum Misfit {
    Conflicts(Vec<RowConflict>),
    /// An address that two mailboxes would have.
    Problems(Vec<Problem>),
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
        let swap =
            |it: &RowChange| RowChange { before: it.after.clone(), after: it.before.clone() };
        Self { generation, rows: self.rows.iter().map(swap).collect() }
    }
}

impl Table {
    /// Works out what `edits` come to, one after the other, without doing it. A row that would
    /// stay as it is is no change. All conflicts are told at once: an address that two mailboxes
    /// would have, be it as their own or as an alias.
    pub fn plan(&self, edits: &[Edit], at: Timestamp) -> Result<Changes, Vec<Problem>> {
        let generation = self.generation() + 1;
        let mut draft = Draft::new(self, edits.len());
        let mut gone = Vec::new();
        for edit in edits {
            match edit {
                Edit::Put(put) => {
                    let row = draft.row(put.address.key());
                    let before = row.after.as_ref().map(|it| it.entry());
                    if before.is_none() && !put.home_said {
                        gone.push(put.gone());
                    }
                    row.after = Some(Arc::new(Row::new(put.over(before, generation, at))));
                }
                Edit::Remove(key) => draft.row(key.clone()).after = None,
            }
        }
        let mut problems = draft.conflicts();
        problems.extend(gone);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut rows = draft.rows;
        rows.retain(RowChange::is_change);
        Ok(Changes { generation, rows })
    }

    /// The rows that `edits`, which came to `changes`, leave as they are.
    pub fn stays(&self, edits: &[Edit], changes: &Changes) -> Vec<Arc<Row>> {
        let changed: HashSet<&AddressKey> =
            changes.rows.iter().filter_map(RowChange::key).collect();
        let mut seen = HashSet::new();
        let key = |it: &Edit| match it {
            Edit::Put(put) => put.address.key(),
            Edit::Remove(key) => key.clone(),
        };
        let keys = edits.iter().map(key).filter(|it| !changed.contains(it));
        let rows = keys.filter_map(|it| self.row(it.as_str()).cloned());
        rows.filter(|it| seen.insert(it.key().clone())).collect()
    }

    /// Carries rows that were planned on an earlier table over to this one: exactly those, or every
    /// conflict. Rows that say already what they should are no conflict and no change; what others
    /// did to other rows does not matter, unless an address would be in two mailboxes.
    pub fn carry(&self, planned: &[RowChange], at: Timestamp) -> Result<Changes, Misfit> {
        let generation = self.generation() + 1;
        let mut draft = Draft::new(self, planned.len());
        let mut conflicts = Vec::new();
        for wish in planned {
            let Some(key) = wish.key() else { continue };
            let row = draft.row(key.clone());
            let now = row.before.clone();
            if same(now.as_ref(), wish.after.as_ref()) {
                continue;
            }
            if !same(now.as_ref(), wish.before.as_ref()) {
                let (base, yours) = (wish.before.clone(), wish.after.clone());
                conflicts.push(RowConflict { base, theirs: now, yours });
                continue;
            }
            row.after = wish.after.as_ref().map(|it| {
                let entry = Entry { changed_at: at, generation, ..it.entry().clone() };
                Arc::new(Row::new(entry))
            });
        }
        if !conflicts.is_empty() {
            return Err(Misfit::Conflicts(conflicts));
        }
        let problems = draft.conflicts();
        if !problems.is_empty() {
            return Err(Misfit::Problems(problems));
        }
        let mut rows = draft.rows;
        rows.retain(RowChange::is_change);
        Ok(Changes { generation, rows })
    }
}

/// Those of some rows that a table takes, and those that it does not.
#[derive(Clone, Debug, Default)]
pub struct Fitting {
    pub rows: Vec<RowChange>,
    pub stay: Vec<AddressKey>,
}

impl Table {
    /// The most of `planned` that [`Table::carry`] takes: without the rows that somebody changed since,
    /// and without those whose addresses are somebody else's by now.
    pub fn carry_what_fits(&self, planned: Vec<RowChange>, at: Timestamp) -> Fitting {
        let mut fitting = Fitting { rows: planned, stay: Vec::new() };
        // Each round takes at least one row out. One that stays may keep an address that another
        // would get, so the rest is looked at again.
        while !fitting.rows.is_empty() {
            let out: HashSet<AddressKey> = match self.carry(&fitting.rows, at) {
                Ok(_) => break,
                Err(Misfit::Conflicts(rows)) => {
                    let sides = rows.iter().map(|it| [&it.base, &it.yours]);
                    sides.filter_map(|it| it.into_iter().flatten().next()).map(key_of).collect()
                }
                Err(Misfit::Problems(problems)) => {
                    let named: HashSet<&str> = problems.iter().map(|it| &*it.address).collect();
                    let after = fitting.rows.iter().filter_map(|it| it.after.as_ref());
                    after
                        .filter(|it| named.contains(&*it.address.to_string()))
                        .map(key_of)
                        .collect()
                }
            };
            let goes = |it: &RowChange| it.key().is_some_and(|key| out.contains(key));
            let (stay, rows): (Vec<_>, Vec<_>) = fitting.rows.into_iter().partition(goes);
            let none_left = stay.is_empty();
            fitting.rows = rows;
            fitting.stay.extend(stay.iter().filter_map(|it| it.key().cloned()));
            if none_left {
                // Nobody can say which of them it is.
                fitting.stay.extend(fitting.rows.iter().filter_map(|it| it.key().cloned()));
                fitting.rows.clear();
            }
        }
        fitting
    }
}

fn key_of(row: &Arc<Row>) -> AddressKey {
    row.key().clone()
}

/// Rows that edits touched, over a table that stays as it is.
struct Draft<'a> {
    table: &'a Table,
    rows: Vec<RowChange>,
    /// Where the row of a key is in `rows`.
    places: HashMap<AddressKey, usize>,
}

impl<'a> Draft<'a> {
    fn new(table: &'a Table, size: usize) -> Self {
        Self { table, rows: Vec::with_capacity(size), places: HashMap::with_capacity(size) }
    }

    fn row(&mut self, key: AddressKey) -> &mut RowChange {
        let (table, rows) = (self.table, &mut self.rows);
        let place = match self.places.entry(key) {
            Claim::Occupied(it) => *it.get(),
            Claim::Vacant(it) => {
                let before = table.row(it.key().as_str()).cloned();
                rows.push(RowChange { after: before.clone(), before });
                *it.insert(rows.len() - 1)
            }
        };
        &mut rows[place]
    }

    /// Every address that two mailboxes would have.
    fn conflicts(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut aliases: HashMap<AddressKey, &AddressKey> = HashMap::new();
        for row in self.rows.iter().filter_map(|it| it.after.as_ref()) {
            if let Some(rival) = self.alias_holder(row.key()) {
                let message = format!("{} is an alias of {rival} already", row.key());
                problems.push(problem(row, "address", message));
            }
            for alias in row.alias_keys() {
                let rival = self.holder(&alias).or_else(|| aliases.get(&alias).copied());
                if let Some(rival) = rival.filter(|it| *it != row.key()) {
                    let message = match rival == &alias {
                        true => format!("{alias} is a mailbox of its own"),
                        false => format!("{alias} is an alias of {rival} already"),
                    };
                    problems.push(problem(row, "aliases", message));
                }
                aliases.insert(alias, row.key());
            }
        }
        problems
    }

    /// The mailbox that has `key` as its address, or keeps it as an alias.
    fn holder(&self, key: &AddressKey) -> Option<&AddressKey> {
        match self.places.get_key_value(key) {
            Some((key, place)) if self.rows[*place].after.is_some() => Some(key),
            Some(_) => self.alias_holder(key),
            None => match self.table.slot(key.as_str())? {
                Slot::Mailbox(row) => Some(row.key()),
                Slot::Alias(_) => self.alias_holder(key),
            },
        }
    }

    /// The mailbox that has `key` as an alias and is not touched, so that it keeps it.
    fn alias_holder(&self, key: &AddressKey) -> Option<&AddressKey> {
        match self.table.slot(key.as_str())? {
            Slot::Mailbox(_) => None,
            Slot::Alias(alias) => Some(&alias.mailbox).filter(|it| !self.places.contains_key(*it)),
        }
    }
}

fn problem(row: &Row, column: &'static str, message: String) -> Problem {
    Problem { address: row.address.to_string(), column, message }
}
