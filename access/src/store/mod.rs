//! Everything about access in SQLite. All SQL of this crate is here.

mod answers;
mod audit;
mod people;
mod rows;

pub(crate) use answers::AnswerRow;
pub(crate) use audit::Search;
pub(crate) use rows::{Account, SessionKind, SessionRow, TokenRow};

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::AccessError;

/// One open file. [`crate::Access`] lets one change at a time in.
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
}

/// `Cwaa`, so that `file` and backups can tell what this is.
const APPLICATION_ID: i64 = 0x4377_6161;

/// Grows with the layout; see docs/formats/access.md.
const VERSION: i64 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// Another program that reads the file may lock it for a moment.
const BUSY_FOR: Duration = Duration::from_secs(2);

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, AccessError> {
        let error = |source| AccessError::Store { what: "open", path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(error)?;
        let store = Self { connection, path: path.to_owned() };
        store.set_up().map_err(error)?;
        let version: i64 = store
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(error)?;
        match version {
            0 => store.create().map_err(error)?,
            VERSION => (),
            found => {
                let path = path.to_owned();
                return Err(AccessError::Version { path, found, known: VERSION });
            }
        }
        Ok(store)
    }

    /// WAL with FULL: a commit is one append and one sync, and survives a power cut.
    fn set_up(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(BUSY_FOR)?;
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.set_prepared_statement_cache_capacity(32);
        Ok(())
    }

    fn create(&self) -> rusqlite::Result<()> {
        let ids = format!("PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};");
        self.connection.execute_batch(&format!("BEGIN IMMEDIATE;\n{SCHEMA}\n{ids}\nCOMMIT;"))
    }

    /// All of `change` or nothing; on disk when this returns.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, AccessError> {
        let run = || {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|it| self.error("write", it))
    }

    fn error(&self, what: &'static str, source: rusqlite::Error) -> AccessError {
        AccessError::Store { what, path: self.path.clone(), source }
    }

    fn row_error(&self, row: impl Into<String>) -> AccessError {
        AccessError::Row { path: self.path.clone(), row: row.into() }
    }
}

#[cfg(test)]
impl Store {
    /// For tests that break it.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// SQLite has no unsigned numbers; ours stay far below the bound.
fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
