//! Questions to the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::{AddressKey, Timestamp};
use router::{Entry, RowChange, Table};
use rusqlite::{Row, params};

use super::rows::{COLUMNS, Decoder, RowFault, from_sql, sql_number};
use super::{Generation, PastEntry, SqliteStore};
use crate::DirectoryError;
use crate::revision::{Because, Hash};

impl SqliteStore {
    /// The last one; 0 while nothing was ever edited.
    pub(super) fn generation(&self) -> rusqlite::Result<u64> {
        let sql = "SELECT coalesce(max(generation), 0) FROM generation";
        self.connection.query_row(sql, [], |row| row.get(0)).map(from_sql)
    }

    pub(super) fn read_table(
        &self,
        generation: u64,
        sql: &str,
        arguments: &[i64],
    ) -> Result<Table, DirectoryError> {
        let read = || -> Result<Table, RowFault> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(arguments))?;
            let mut decoder = Decoder::default();
            let mut fault = None;
            let entries = std::iter::from_fn(|| match next_entry(&mut rows, &mut decoder) {
                Ok(entry) => entry,
                Err(why) => {
                    fault = Some(why);
                    None
                }
            });
            let table = Table::from_rows(generation, entries);
            fault.map_or(Ok(table), Err)
        };
        read().map_err(|it| self.fault(it))
    }

    pub(super) fn read_history(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> rusqlite::Result<Vec<Generation>> {
        let sql = format!(
            "SELECT {GENERATION} FROM generation
             WHERE generation < ?1 ORDER BY generation DESC LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let before = before.map_or(i64::MAX, sql_number);
        let rows = statement.query_map(params![before, sql_number(limit as u64)], generation)?;
        rows.collect()
    }

    pub(super) fn read_history_of(&self, key: &AddressKey) -> Result<Vec<PastEntry>, RowFault> {
        let sql = format!(
            "SELECT {COLUMNS}, generation_to FROM past_entry WHERE key = ?1
             UNION ALL SELECT {COLUMNS}, NULL FROM entry WHERE key = ?1 ORDER BY generation"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([key.as_str()])?;
        let mut decoder = Decoder::default();
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            let until: Option<i64> = row.get(9)?;
            list.push(PastEntry { entry: decoder.entry(row)?, until: until.map(from_sql) });
        }
        Ok(list)
    }

    /// Before: what the revision put into the past. After: what has its number.
    pub(super) fn read_rows_of(&self, generation: u64) -> Result<Vec<RowChange>, RowFault> {
        let mut pairs: BTreeMap<AddressKey, RowChange> = BTreeMap::new();
        let mut decoder = Decoder::default();
        for (sql, is_after) in [
            (format!("SELECT {COLUMNS} FROM past_entry WHERE generation_to = ?1"), false),
            (format!("SELECT {COLUMNS} FROM past_entry WHERE generation = ?1"), true),
            (format!("SELECT {COLUMNS} FROM entry WHERE generation = ?1"), true),
        ] {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([sql_number(generation)])?;
            while let Some(entry) = next_entry(&mut rows, &mut decoder)? {
                let row = Arc::new(router::Row::new(entry));
                let nothing = || RowChange { before: None, after: None };
                let pair = pairs.entry(row.key().clone()).or_insert_with(nothing);
                let side = if is_after { &mut pair.after } else { &mut pair.before };
                *side = Some(row);
            }
        }
        Ok(pairs.into_values().collect())
    }

    pub(super) fn fault(&self, fault: RowFault) -> DirectoryError {
        match fault {
            RowFault::Sql(source) => self.error("read", source),
            RowFault::Says { row, message } => {
                DirectoryError::Row { path: self.path.clone(), row, message }
            }
        }
    }
}

fn next_entry(
    rows: &mut rusqlite::Rows<'_>,
    decoder: &mut Decoder,
) -> Result<Option<Entry>, RowFault> {
    match rows.next()? {
        Some(row) => decoder.entry(row).map(Some),
        None => Ok(None),
    }
}

/// Columns that [`generation`] reads.
pub(super) const GENERATION: &str = "generation, at, author, reason, added, changed, removed,
    ticket, plan, approvers, overrides, previous_hash, hash";

pub(super) fn generation(row: &Row<'_>) -> rusqlite::Result<Generation> {
    let list = |text: Option<String>| -> Vec<String> {
        text.unwrap_or_default().lines().map(str::to_owned).collect()
    };
    let hash = |bytes: Option<Vec<u8>>| bytes.and_then(|it| Hash::try_from(it).ok());
    Ok(Generation {
        generation: from_sql(row.get(0)?),
        at: Timestamp::from_micros(from_sql(row.get(1)?)),
        author: row.get(2)?,
        reason: row.get(3)?,
        added: from_sql(row.get(4)?),
        changed: from_sql(row.get(5)?),
        removed: from_sql(row.get(6)?),
        because: Because {
            ticket: row.get(7)?,
            plan: row.get(8)?,
            approvers: list(row.get(9)?),
            overrides: list(row.get(10)?),
        },
        previous_hash: hash(row.get(11)?),
        hash: hash(row.get(12)?),
    })
}
