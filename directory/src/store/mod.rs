//! Where the table is kept: a trait, and SQLite behind it. All SQL of this crate is here.

mod chain;
mod checkpoint;
mod plans;
mod read;
mod rows;
mod syncs;
mod write;

pub(crate) use rows::aliases_text;
pub(crate) use syncs::SyncStore;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::{AddressKey, Timestamp};
use router::{Changes, Entry, RowChange, Table};
use rusqlite::Connection;

use checkpoint::Checkpointer;

use crate::DirectoryError;
use crate::plans::{NewPlan, PlanStep, StoredPlan};
use crate::revision::{Because, Chain, Hash, Revision};

/// What a store of the table can do. Everything that changes something is on disk, whole, when it
/// returns; after an error nothing of it is visible. PostgreSQL could implement it as well: nothing
/// here depends on a file.
pub(crate) trait TableStore: Send {
    fn load(&self) -> Result<Table, DirectoryError>;
    /// The table of an earlier generation.
    fn load_at(&self, generation: u64) -> Result<Table, DirectoryError>;
    /// Writes a revision with its rows, and in the same transaction the plan that it comes from.
    /// `Ok(false)`: the plan is no longer in the state that is expected, and nothing was written.
    fn commit(
        &mut self,
        changes: &Changes,
        revision: &Revision,
        plan: Option<&PlanStep>,
    ) -> Result<bool, DirectoryError>;
    fn history(&self, before: Option<u64>, limit: usize)
    -> Result<Vec<Generation>, DirectoryError>;
    fn history_of(&self, key: &AddressKey) -> Result<Vec<PastEntry>, DirectoryError>;
    /// The rows of one revision, before and after, by key.
    fn rows_of(&self, generation: u64) -> Result<Vec<RowChange>, DirectoryError>;
    /// Reads all revisions and compares their hashes.
    fn verify(&self) -> Result<Chain, DirectoryError>;
    /// The number of the new plan.
    fn add_plan(&mut self, plan: &NewPlan, keep_over: usize) -> Result<u64, DirectoryError>;
    /// `false`: it is no longer in the state that is expected.
    fn step_plan(&mut self, step: &PlanStep) -> Result<bool, DirectoryError>;
    fn plan(&self, id: u64) -> Result<Option<StoredPlan>, DirectoryError>;
    /// The newest first.
    fn plans(
        &self,
        state: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredPlan>, DirectoryError>;
    /// Those that something may become of, the oldest first.
    fn open_plans(&self) -> Result<Vec<StoredPlan>, DirectoryError>;
    /// As [`crate::lines`] wrote them.
    fn plan_rows(&self, id: u64) -> Result<Option<String>, DirectoryError>;

    /// For tests that break the disk.
    #[cfg(test)]
    fn connection(&self) -> &Connection;
}

/// Not shared: the directory lets one edit or one question at a time in.
pub(crate) type Store = Box<dyn TableStore>;

pub(crate) fn open(path: &Path) -> Result<Store, DirectoryError> {
    Ok(Box::new(SqliteStore::open(path)?))
}

/// For long looks at the past, beside the one that edits go through. It must be there already.
pub(crate) fn open_to_read(path: &Path) -> Result<Store, DirectoryError> {
    let store = SqliteStore::open(path)?;
    store
        .connection
        .pragma_update(None, "query_only", true)
        .map_err(|it| store.error("open", it))?;
    Ok(Box::new(store))
}

/// One open file.
pub(crate) struct SqliteStore {
    connection: Connection,
    checkpointer: Checkpointer,
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
    pub because: Because,
    pub hash: Option<Hash>,
    pub previous_hash: Option<Hash>,
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
const VERSION: i64 = 2;

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_2: &str = include_str!("schema-2.sql");

/// Another program that reads the file may lock it for a moment.
const BUSY_FOR: Duration = Duration::from_secs(2);

impl SqliteStore {
    fn open(path: &Path) -> Result<Self, DirectoryError> {
        let error = |source: rusqlite::Error| DirectoryError::Store {
            what: "open",
            path: path.to_owned(),
            source: source.into(),
        };
        let connection = Connection::open(path).map_err(error)?;
        set_up(&connection).map_err(error)?;
        let checkpointer = Checkpointer::start(&connection, path).map_err(error)?;
        let mut store = Self { connection, checkpointer, path: path.to_owned() };
        let version = store.version().map_err(error)?;
        match version {
            0 => store.create().map_err(error)?,
            1 => store.migrate()?,
            VERSION => (),
            found => {
                let path = path.to_owned();
                return Err(DirectoryError::Version { path, found, known: VERSION });
            }
        }
        Ok(store)
    }

    fn version(&self) -> rusqlite::Result<i64> {
        self.connection.pragma_query_value(None, "user_version", |row| row.get(0))
    }

    fn create(&self) -> rusqlite::Result<()> {
        let ids = format!("PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};");
        let sql = format!("BEGIN IMMEDIATE;\n{SCHEMA}\n{SCHEMA_2}\n{ids}\nCOMMIT;");
        self.connection.execute_batch(&sql)
    }

    fn error(
        &self,
        what: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> DirectoryError {
        DirectoryError::Store { what, path: self.path.clone(), source: source.into() }
    }
}

/// WAL with FULL: a commit is one append and one sync, and survives a power cut.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_FOR)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(())
}

impl TableStore for SqliteStore {
    fn load(&self) -> Result<Table, DirectoryError> {
        let generation = self.generation().map_err(|it| self.error("read", it))?;
        self.read_table(generation, rows::CURRENT, &[])
    }

    fn load_at(&self, generation: u64) -> Result<Table, DirectoryError> {
        self.read_table(generation, rows::AT, &[rows::sql_number(generation)])
    }

    fn commit(
        &mut self,
        changes: &Changes,
        revision: &Revision,
        plan: Option<&PlanStep>,
    ) -> Result<bool, DirectoryError> {
        let done = self.write(changes, revision, plan).map_err(|it| self.error("write", it))?;
        self.checkpointer.committed();
        Ok(done)
    }

    fn history(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Generation>, DirectoryError> {
        self.read_history(before, limit).map_err(|it| self.error("read", it))
    }

    fn history_of(&self, key: &AddressKey) -> Result<Vec<PastEntry>, DirectoryError> {
        self.read_history_of(key).map_err(|it| self.fault(it))
    }

    fn rows_of(&self, generation: u64) -> Result<Vec<RowChange>, DirectoryError> {
        self.read_rows_of(generation).map_err(|it| self.fault(it))
    }

    fn verify(&self) -> Result<Chain, DirectoryError> {
        // One look for all of it: what is committed meanwhile is not half seen.
        let look = self.connection.unchecked_transaction().map_err(|it| self.error("read", it))?;
        let chain = self.read_chain().map_err(|it| self.fault(it));
        look.finish().map_err(|it| self.error("read", it))?;
        chain
    }

    fn add_plan(&mut self, plan: &NewPlan, keep_over: usize) -> Result<u64, DirectoryError> {
        let id = self.insert_plan(plan, keep_over).map_err(|it| self.error("write", it))?;
        self.checkpointer.committed();
        Ok(id)
    }

    fn step_plan(&mut self, step: &PlanStep) -> Result<bool, DirectoryError> {
        plans::step(&self.connection, step).map_err(|it| self.error("write", it))
    }

    fn plan(&self, id: u64) -> Result<Option<StoredPlan>, DirectoryError> {
        self.read_plan(id).map_err(|it| self.error("read", it))
    }

    fn plans(
        &self,
        state: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredPlan>, DirectoryError> {
        self.read_plans(state, before, limit).map_err(|it| self.error("read", it))
    }

    fn open_plans(&self) -> Result<Vec<StoredPlan>, DirectoryError> {
        self.read_open_plans().map_err(|it| self.error("read", it))
    }

    fn plan_rows(&self, id: u64) -> Result<Option<String>, DirectoryError> {
        self.read_plan_rows(id).map_err(|it| self.error("read", it))
    }

    #[cfg(test)]
    fn connection(&self) -> &Connection {
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
        let store = open(&dir.path().join("table.db")).unwrap();
        let pragma = |name: &str| -> String {
            let read = |row: &rusqlite::Row<'_>| row.get_ref(0).map(|it| format!("{it:?}"));
            store.connection().pragma_query_value(None, name, read).unwrap()
        };
        assert!(pragma("journal_mode").contains("wal") || pragma("journal_mode").contains("119"));
        assert_eq!(pragma("synchronous"), "Integer(2)");
    }
}
