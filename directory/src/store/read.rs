//! Questions to the file.

use mail::{AddressKey, Timestamp};
use router::{Entry, Table};
use rusqlite::{Row, params};

use super::rows::{COLUMNS, Decoder, RowFault, from_sql, sql_number};
use super::{Generation, PastEntry, Store};
use crate::DirectoryError;

impl Store {
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

    pub(crate) fn history(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Generation>, DirectoryError> {
        let sql = "SELECT generation, at, author, reason, added, changed, removed FROM generation
                   WHERE generation < ?1 ORDER BY generation DESC LIMIT ?2";
        let read = || -> rusqlite::Result<Vec<Generation>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let before = before.map_or(i64::MAX, sql_number);
            let rows =
                statement.query_map(params![before, sql_number(limit as u64)], generation)?;
            rows.collect()
        };
        read().map_err(|it| self.error("read", it))
    }

    pub(crate) fn history_of(&self, key: &AddressKey) -> Result<Vec<PastEntry>, DirectoryError> {
        let sql = format!(
            "SELECT {COLUMNS}, generation_to FROM past_entry WHERE key = ?1
             UNION ALL SELECT {COLUMNS}, NULL FROM entry WHERE key = ?1 ORDER BY generation"
        );
        let read = || -> Result<Vec<PastEntry>, RowFault> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([key.as_str()])?;
            let mut decoder = Decoder::default();
            let mut list = Vec::new();
            while let Some(row) = rows.next()? {
                let until: Option<i64> = row.get(9)?;
                list.push(PastEntry { entry: decoder.entry(row)?, until: until.map(from_sql) });
            }
            Ok(list)
        };
        read().map_err(|it| self.fault(it))
    }

    fn fault(&self, fault: RowFault) -> DirectoryError {
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

fn generation(row: &Row<'_>) -> rusqlite::Result<Generation> {
    Ok(Generation {
        generation: from_sql(row.get(0)?),
        at: Timestamp::from_micros(from_sql(row.get(1)?)),
        author: row.get(2)?,
        reason: row.get(3)?,
        added: from_sql(row.get(4)?),
        changed: from_sql(row.get(5)?),
        removed: from_sql(row.get(6)?),
    })
}
