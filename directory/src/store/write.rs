//! One edit, one transaction.

use router::{Changes, RowChange};
use rusqlite::{Transaction, TransactionBehavior, params};

use super::Store;
use super::rows::{aliases_text, sql_number};
use crate::{DirectoryError, EditRequest};

const KEEP_PAST: &str = "INSERT INTO past_entry
    SELECT ?2, key, address, home, state, batch, cloud_address, aliases, note, changed_at, generation
    FROM entry WHERE key = ?1";
const REMOVE: &str = "DELETE FROM entry WHERE key = ?1";
const PUT: &str = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const GENERATION: &str = "INSERT INTO generation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl Store {
    /// Writes the changes; when this returns they are on disk. After an error nothing of them is
    /// visible. A second writer is found out by the number of the generation, which is taken.
    pub(crate) fn commit(
        &mut self,
        changes: &Changes,
        request: &EditRequest,
    ) -> Result<(), DirectoryError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(
                GENERATION,
                params![
                    sql_number(changes.generation),
                    sql_number(request.at.as_micros()),
                    request.author,
                    request.reason,
                    sql_number(changes.added() as u64),
                    sql_number(changes.changed() as u64),
                    sql_number(changes.removed() as u64),
                ],
            )?;
            write_rows(&transaction, changes)?;
            transaction.commit()
        };
        write().map_err(|it| self.error("write", it))
    }
}

/// In the order of the keys, so that neighbours in the file are written together.
fn write_rows(transaction: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut keep_past = transaction.prepare_cached(KEEP_PAST)?;
    let mut remove = transaction.prepare_cached(REMOVE)?;
    let mut put = transaction.prepare_cached(PUT)?;
    let mut rows: Vec<&RowChange> = changes.rows.iter().collect();
    rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    for row in rows {
        let key = row.key.as_str();
        if row.before.is_some() {
            keep_past.execute(params![key, sql_number(changes.generation)])?;
        }
        let Some(after) = &row.after else {
            remove.execute([key])?;
            continue;
        };
        put.execute(params![
            key,
            after.address.to_string(),
            after.home.as_str(),
            after.state.as_str(),
            after.batch.as_deref(),
            after.cloud_address.as_ref().map(ToString::to_string),
            aliases_text(&after.aliases),
            after.note.as_deref(),
            sql_number(after.changed_at.as_micros()),
            sql_number(after.generation),
        ])?;
    }
    Ok(())
}
