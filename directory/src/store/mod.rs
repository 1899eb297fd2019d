//! The table in SQLite. All SQL of this crate is here.

mod read;
mod rows;
mod syncs;
mod write;

pub(crate) use rows::aliases_text;
pub(crate) use syncs::SyncStore;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::Timestamp;
use router::{Entry, Table};
use rusqlite::Connection;

use crate::DirectoryError;

/// One open file. Not shared: the directory lets one edit or one question at a time in.
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
}

/// One edit of the table, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    pub generation: u64,
    pub at: Timestamp,
    pub author: String,
    pub reason: String,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// A row while it was valid. Its first generation is in the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEntry {
    pub entry: Entry,
    /// The generation that changed or removed it; `None` while it stands.
    pub until: Option<u64>,
}

/// `Cway`, so that `file` and backups can tell what this is.
const APPLICATION_ID: i64 = 0x4377_6179;

/// Grows with the layout; see docs/formats/table.md.
const VERSION: i64 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// Another program that reads the file may lock it for a moment.
const BUSY_FOR: Duration = Duration::from_secs(2);

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, DirectoryError> {
        let error = |source| DirectoryError::Store { what: "open", path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(error)?;
        let store = Self { connection, path: path.to_owned() };
        store.set_up().map_err(error)?;
        let version = store.version().map_err(error)?;
        match version {
            0 => store.create().map_err(error)?,
            VERSION => (),
            found => {
                let path = path.to_owned();
                return Err(DirectoryError::Version { path, found, known: VERSION });
            }
        }
        Ok(store)
    }

    /// WAL with FULL: a commit is one append and one sync, and survives a power cut.
    fn set_up(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(BUSY_FOR)?;
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.pragma_update(None, "cache_size", -65_536)?;
        self.connection.set_prepared_statement_cache_capacity(16);
        Ok(())
    }

    fn version(&self) -> rusqlite::Result<i64> {
        self.connection.pragma_query_value(None, "user_version", |row| row.get(0))
    }

    fn create(&self) -> rusqlite::Result<()> {
        let ids = format!("PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};");
        self.connection.execute_batch(&format!("BEGIN IMMEDIATE;\n{SCHEMA}\n{ids}\nCOMMIT;"))
    }

    fn error(&self, what: &'static str, source: rusqlite::Error) -> DirectoryError {
        DirectoryError::Store { what, path: self.path.clone(), source }
    }

    pub(crate) fn load(&self) -> Result<Table, DirectoryError> {
        let generation = self.generation().map_err(|it| self.error("read", it))?;
        self.read_table(generation, rows::CURRENT, &[])
    }

    /// The table of an earlier generation.
    pub(crate) fn load_at(&self, generation: u64) -> Result<Table, DirectoryError> {
        self.read_table(generation, rows::AT, &[rows::sql_number(generation)])
    }
}

#[cfg(test)]
impl Store {
    /// For tests that break the disk.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test with a killed process can see these two: the system keeps what a process wrote.
    #[test]
    fn a_commit_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("table.db")).unwrap();
        let pragma = |name: &str| -> String {
            let read = |row: &rusqlite::Row<'_>| row.get_ref(0).map(|it| format!("{it:?}"));
            store.connection().pragma_query_value(None, name, read).unwrap()
        };
        assert!(pragma("journal_mode").contains("wal") || pragma("journal_mode").contains("119"));
        assert_eq!(pragma("synchronous"), "Integer(2)");
    }
}
