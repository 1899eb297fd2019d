//! What sidecars reported of the copies, in a file of its own: it is no part of the table.

use std::path::{Path, PathBuf};

use mail::{Address, AddressKey, Timestamp};
use rusqlite::{Connection, params};

use super::rows::{from_sql, sql_number};
use super::{APPLICATION_ID, BUSY_FOR};
use crate::{DirectoryError, SyncReport};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS sync (
    key TEXT PRIMARY KEY,             -- the address as it is searched for
    items_total INTEGER NOT NULL,
    items_done INTEGER NOT NULL,
    last_sync_at INTEGER,             -- microseconds since 1970, UTC
    reported_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;";

const PUT: &str = "INSERT INTO sync VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (key) DO UPDATE SET items_total = ?2, items_done = ?3, last_sync_at = ?4,
    reported_at = ?5";

/// One open file.
pub(crate) struct SyncStore {
    connection: Connection,
    path: PathBuf,
}

impl SyncStore {
    /// `table_path`: of the table, beside which it is.
    pub(crate) fn open(table_path: &Path) -> Result<Self, DirectoryError> {
        let path = table_path.with_file_name("moves.db");
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY_FOR)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        let connection = open().map_err(|it| error("open", &path, it))?;
        Ok(Self { connection, path })
    }

    pub(crate) fn load(&self) -> Result<Vec<(AddressKey, SyncReport)>, DirectoryError> {
        let read = || -> rusqlite::Result<Vec<(String, SyncReport)>> {
            let mut statement = self.connection.prepare(
                "SELECT key, items_total, items_done, last_sync_at, reported_at FROM sync",
            )?;
            let time = |it: i64| Timestamp::from_micros(from_sql(it));
            let rows = statement.query_map([], |row| {
                let report = SyncReport {
                    items_total: from_sql(row.get(1)?),
                    items_done: from_sql(row.get(2)?),
                    last_sync_at: row.get::<_, Option<i64>>(3)?.map(time),
                    reported_at: time(row.get(4)?),
                };
                Ok((row.get(0)?, report))
            })?;
            rows.collect()
        };
        let rows = read().map_err(|it| error("read", &self.path, it))?;
        // A key that is no address any more is of nobody.
        let known = rows
            .into_iter()
            .filter_map(|(key, it)| key.parse::<Address>().ok().map(|address| (address.key(), it)));
        Ok(known.collect())
    }

    /// All of them, in one transaction; on disk when this returns.
    pub(crate) fn put(&mut self, all: &[(AddressKey, SyncReport)]) -> Result<(), DirectoryError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            let mut put = transaction.prepare_cached(PUT)?;
            for (key, it) in all {
                put.execute(params![
                    key.as_str(),
                    sql_number(it.items_total),
                    sql_number(it.items_done),
                    it.last_sync_at.map(|it| sql_number(it.as_micros())),
                    sql_number(it.reported_at.as_micros()),
                ])?;
            }
            drop(put);
            transaction.commit()
        };
        write().map_err(|it| error("write", &self.path, it))
    }
}

fn error(what: &'static str, path: &Path, source: rusqlite::Error) -> DirectoryError {
    DirectoryError::Store { what, path: path.to_owned(), source: source.into() }
}
