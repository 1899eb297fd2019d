//! The table of the gateway in memory.

use std::collections::BTreeMap;

use api::{
    Change, Changed, Entry, EntryList, EntryPatch, FieldError, Generation, History, HistoryQuery,
    ImportOptions, Imported, ListQuery, MoveState, TableEdit, TableEdits, TableInfo,
};
use bytes::Bytes;

use crate::BackendError;

type Rows = BTreeMap<String, Entry>;

/// Every generation of a small table; the last is the present one.
#[derive(Debug)]
pub struct FakeTable(Vec<Rows>);

impl Default for FakeTable {
    fn default() -> Self {
        Self(vec![Rows::new()])
    }
}

/// Homes that exist.
const SITES: [&str; 2] = ["cloud", "on_prem"];

impl FakeTable {
    pub fn generation(&self) -> u64 {
        self.0.len() as u64 - 1
    }

    fn rows(&self) -> &Rows {
        &self.0[self.0.len() - 1]
    }

    /// Of a generation it knows no more than how many entries there were.
    pub(super) fn history(&self, query: &HistoryQuery) -> History {
        let at = |n: u64| usize::try_from(n).ok().and_then(|it| self.0.get(it));
        let len = |n: u64| at(n).map_or(0, |it| it.len() as u64);
        let end = query.before.unwrap_or(u64::MAX).min(self.generation() + 1);
        let limit = query.limit.unwrap_or(200) as usize;
        let generations = (1..end).rev().take(limit).map(|n| Generation {
            generation: n,
            at: "2026-01-05T08:00:00.000000Z".to_owned(),
            author: "maria".to_owned(),
            reason: (n == 1).then(|| "first wave".to_owned()),
            added: len(n).saturating_sub(len(n - 1)),
            changed: 0,
            removed: len(n - 1).saturating_sub(len(n)),
            parent: Some(n - 1),
            ..Generation::default()
        });
        History { generations: generations.collect() }
    }

    pub(super) fn info(&self) -> TableInfo {
        let entries = self.rows().len() as u64;
        TableInfo { generation: self.generation(), entries, changed_at: None }
    }

    pub(super) fn get(&self, address: &str) -> Result<(u64, Entry), BackendError> {
        let missing = || BackendError::not_found(format!("entry for {address}"));
        self.rows().get(address).cloned().map(|it| (self.generation(), it)).ok_or_else(missing)
    }

    pub(super) fn list(&self, query: &ListQuery) -> Result<EntryList, BackendError> {
        let limit = query.limit.unwrap_or(200) as usize;
        let generation = query.generation.unwrap_or_else(|| self.generation());
        let rows = usize::try_from(generation).ok().and_then(|it| self.0.get(it));
        let missing = || BackendError::not_found(format!("generation {generation}"));
        let found = rows.ok_or_else(missing)?.values().filter(|it| {
            query.cursor.as_ref().is_none_or(|cursor| it.address > *cursor)
                && query.home.as_ref().is_none_or(|home| it.home == *home)
                && query.batch.as_ref().is_none_or(|batch| it.batch.as_ref() == Some(batch))
                && (query.within_domains.is_empty()
                    || query.within_domains.iter().any(|one| it.address.ends_with(one.as_str())))
                && (query.within_batches.is_empty()
                    || it.batch.as_ref().is_some_and(|it| query.within_batches.contains(it)))
        });
        let total = query.offset.map(|_| found.clone().count() as u64);
        let skipped = query.offset.unwrap_or_default() as usize;
        let mut entries: Vec<_> = found.skip(skipped).take(limit + 1).cloned().collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next_cursor = entries.last().filter(|_| more).map(|it| it.address.clone());
        Ok(EntryList { generation, entries, next_cursor, total })
    }

    pub(super) fn edit(&mut self, edits: &TableEdits) -> Result<Changed, BackendError> {
        self.expect(edits.expect_generation)?;
        let next = self.generation() + 1;
        let mut rows = self.rows().clone();
        let mut changed = Changed { dry_run: edits.dry_run, ..Changed::default() };
        for edit in &edits.edits {
            let address = edit.address().to_owned();
            let before = rows.get(&address).cloned();
            let after = match edit {
                TableEdit::Set { entry, .. } => {
                    Some(apply(&address, before.as_ref(), entry, next)?)
                }
                TableEdit::Remove { .. } if before.is_none() => {
                    return Err(BackendError::not_found(format!("entry for {address}")));
                }
                TableEdit::Remove { .. } => None,
            };
            match (&before, &after) {
                (None, _) => changed.added += 1,
                (Some(_), Some(_)) => changed.changed += 1,
                (Some(_), None) => changed.removed += 1,
            }
            match after.clone() {
                Some(entry) => rows.insert(address.clone(), entry),
                None => rows.remove(&address),
            };
            changed.changes.push(Change { address, before, after });
        }
        changed.generation = self.publish(rows, edits.dry_run);
        Ok(changed)
    }

    pub(super) fn import(
        &mut self,
        csv: &[u8],
        options: &ImportOptions,
    ) -> Result<Imported, BackendError> {
        self.expect(options.expect_generation)?;
        let previous_generation = self.generation();
        let mut rows = if options.replace { Rows::new() } else { self.rows().clone() };
        let mut imported =
            Imported { previous_generation, dry_run: options.dry_run, ..Imported::default() };
        let mut errors = Vec::new();
        for (line, text) in String::from_utf8_lossy(csv).lines().enumerate().skip(1) {
            let (address, home) = text.split_once(',').unwrap_or((text, ""));
            let patch = EntryPatch { home: Some(home.to_owned()), ..EntryPatch::default() };
            imported.rows += 1;
            match apply(address, rows.get(address), &patch, previous_generation + 1) {
                Ok(entry) => {
                    let known = rows.insert(address.to_owned(), entry).is_some();
                    imported.added += u64::from(!known);
                    imported.changed += u64::from(known);
                }
                Err(error) => {
                    errors.push(FieldError::row(line as u64 + 1, "home", error.to_string()));
                }
            }
        }
        if !errors.is_empty() {
            let detail =
                format!("{} rows of the file are wrong; nothing was applied", errors.len());
            return Err(BackendError::Invalid { detail, errors });
        }
        imported.removed = self.rows().keys().filter(|it| !rows.contains_key(*it)).count() as u64;
        imported.generation = self.publish(rows, options.dry_run);
        Ok(imported)
    }

    /// What `edits` come to, and what they leave as it is.
    pub(super) fn rehearse(&self, edits: &[TableEdit]) -> Result<Changed, BackendError> {
        let rows = self.rows();
        let next = self.generation() + 1;
        let mut changed = Changed { generation: next, ..Changed::default() };
        for edit in edits {
            let before = rows.get(edit.address()).cloned();
            let after = match edit {
                TableEdit::Set { address, entry } => {
                    Some(apply(address, before.as_ref(), entry, next)?)
                }
                TableEdit::Remove { .. } => None,
            };
            match (&before, &after) {
                (None, _) => changed.added += 1,
                (Some(_), Some(_)) => changed.changed += 1,
                (Some(_), None) => changed.removed += 1,
            }
            changed.changes.push(Change { address: edit.address().to_owned(), before, after });
        }
        Ok(changed)
    }

    /// The difference of two generations.
    pub(super) fn diff(&self, from: u64, to: u64) -> Result<Vec<Change>, BackendError> {
        let missing = |at: u64| BackendError::not_found(format!("generation {at}"));
        let rows = |at: u64| self.0.get(at as usize).ok_or_else(|| missing(at));
        let (old, new) = (rows(from)?, rows(to)?);
        let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let change = |key: &String| Change {
            address: key.clone(),
            before: old.get(key).cloned(),
            after: new.get(key).cloned(),
        };
        Ok(keys.into_iter().map(change).filter(|it| it.before != it.after).collect())
    }

    pub(super) fn export(&self, at: Option<u64>) -> Result<(u64, Vec<Bytes>), BackendError> {
        let at = at.unwrap_or_else(|| self.generation());
        let missing = || BackendError::not_found(format!("generation {at}"));
        let rows = self.0.get(at as usize).ok_or_else(missing)?;
        let lines = rows.values().map(|it| Bytes::from(format!("{},{}\n", it.address, it.home)));
        Ok((at, std::iter::once(Bytes::from_static(b"address,home\n")).chain(lines).collect()))
    }

    fn expect(&self, generation: Option<u64>) -> Result<(), BackendError> {
        match generation {
            Some(seen) if seen != self.generation() => {
                Err(BackendError::Conflict { generation: self.generation() })
            }
            _ => Ok(()),
        }
    }

    fn publish(&mut self, rows: Rows, dry_run: bool) -> u64 {
        if !dry_run {
            self.0.push(rows);
        }
        self.generation()
    }
}

fn apply(
    address: &str,
    before: Option<&Entry>,
    patch: &EntryPatch,
    generation: u64,
) -> Result<Entry, BackendError> {
    let home = patch.home.clone().or_else(|| before.map(|it| it.home.clone()));
    let home = home.ok_or_else(|| BackendError::invalid("home", "wanted for a new entry"))?;
    if !SITES.contains(&home.as_str()) {
        return Err(BackendError::invalid("home", format!("no site is called {home}")));
    }
    let state = patch.state.or_else(|| before.map(|it| it.state)).unwrap_or(MoveState::OnPrem);
    let old = |field: fn(&Entry) -> Option<String>| before.and_then(field);
    Ok(Entry {
        address: address.to_owned(),
        home,
        state,
        batch: patch.batch.clone().unwrap_or_else(|| old(|it| it.batch.clone())),
        cloud_address: patch
            .cloud_address
            .clone()
            .unwrap_or_else(|| old(|it| it.cloud_address.clone())),
        aliases: patch
            .aliases
            .clone()
            .or_else(|| before.map(|it| it.aliases.clone()))
            .unwrap_or_default(),
        note: patch.note.clone().unwrap_or_else(|| old(|it| it.note.clone())),
        changed_at: "2026-01-05T08:00:00.000000Z".to_owned(),
        generation,
    })
}
