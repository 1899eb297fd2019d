//! The chain of revisions in the file: read, and made for revisions of version 1.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::read::{GENERATION, generation};
use super::rows::{RowFault, from_sql, sql_number};
use super::{Generation, SCHEMA_2, SqliteStore, VERSION};
use crate::DirectoryError;
use crate::revision::{Chain, Hash, Revision};

pub(super) fn hash_of(connection: &Connection, generation: u64) -> rusqlite::Result<Option<Hash>> {
    let sql = "SELECT hash FROM generation WHERE generation = ?1";
    let found: Option<Option<Vec<u8>>> =
        connection.query_row(sql, [sql_number(generation)], |row| row.get(0)).optional()?;
    Ok(found.flatten().and_then(|it| Hash::try_from(it).ok()))
}

impl SqliteStore {
    /// Layout 1 to 2. The revisions that are there are chained now: what was done to them before
    /// nobody can tell, what is done to them from now on shows.
    pub(super) fn migrate(&mut self) -> Result<(), DirectoryError> {
        self.chain_up().map_err(|it| self.fault(it))?;
        tracing::info!(path = %self.path.display(), "The file of the table has layout 2 now.");
        Ok(())
    }

    fn chain_up(&mut self) -> Result<(), RowFault> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = self.chain_all();
        self.connection.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done
    }

    fn chain_all(&self) -> Result<(), RowFault> {
        self.connection.execute_batch(SCHEMA_2)?;
        let mut previous = None;
        for it in self.all()? {
            let hash = self.computed(&it, previous.as_ref())?;
            self.connection.execute(
                "UPDATE generation SET previous_hash = ?2, hash = ?3 WHERE generation = ?1",
                params![
                    sql_number(it.generation),
                    previous.as_ref().map(Hash::as_slice),
                    hash.as_slice()
                ],
            )?;
            previous = Some(hash);
        }
        self.connection.pragma_update(None, "user_version", VERSION)?;
        Ok(())
    }

    fn all(&self) -> rusqlite::Result<Vec<Generation>> {
        let sql = format!("SELECT {GENERATION} FROM generation ORDER BY generation");
        self.connection.prepare(&sql)?.query_map([], generation)?.collect()
    }

    fn computed(&self, it: &Generation, previous: Option<&Hash>) -> Result<Hash, RowFault> {
        let rows = self.read_rows_of(it.generation)?;
        let revision = Revision {
            generation: it.generation,
            at: it.at,
            author: it.author.clone(),
            reason: it.reason.clone(),
            because: it.because.clone(),
        };
        Ok(revision.hash(previous, &rows.iter().collect::<Vec<_>>()))
    }

    /// A row that belongs to no revision would be routed by, and be in no hash.
    fn stray_row(&self, head: u64) -> rusqlite::Result<Option<u64>> {
        const STRAY: &str = "SELECT generation FROM entry WHERE generation NOT BETWEEN 1 AND ?1
            UNION ALL SELECT generation FROM past_entry WHERE generation NOT BETWEEN 1 AND ?1
                OR generation_to NOT BETWEEN 1 AND ?1
            LIMIT 1";
        let head = sql_number(head);
        self.connection.query_row(STRAY, [head], |row| row.get(0)).map(from_sql).optional()
    }

    pub(super) fn read_chain(&self) -> Result<Chain, RowFault> {
        let mut chain = Chain::default();
        for it in self.all()? {
            let expected = chain.revisions + 1;
            let problem = if it.generation != expected {
                Some(format!("revision {expected} is missing"))
            } else if it.previous_hash != chain.head {
                Some("it does not follow the one before it".to_owned())
            } else if it.hash != Some(self.computed(&it, chain.head.as_ref())?) {
                Some("it, or a row of it, is not as it was written".to_owned())
            } else {
                None
            };
            if let Some(problem) = problem {
                chain.broken = Some((it.generation, problem));
                return Ok(chain);
            }
            (chain.revisions, chain.head) = (expected, it.hash);
        }
        if let Some(generation) = self.stray_row(chain.revisions)? {
            let problem = "a row names it, and no revision has that number".to_owned();
            chain.broken = Some((generation, problem));
        }
        Ok(chain)
    }
}
