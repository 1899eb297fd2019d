//! One edit, one transaction.

use router::{Changes, Row, RowChange};
use rusqlite::{Statement, Transaction, TransactionBehavior, params};

use super::Store;
use super::rows::{aliases_text, sql_number};
use crate::{DirectoryError, EditRequest};

const KEEP_PAST: &str = "INSERT INTO past_entry (key, address, home, state, batch, cloud_address,
    aliases, note, changed_at, generation, generation_to)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const REMOVE: &str = "DELETE FROM entry WHERE key = ?1";
const ADD: &str = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const CHANGE: &str = "UPDATE entry SET address = ?2, home = ?3, state = ?4, batch = ?5,
    cloud_address = ?6, aliases = ?7, note = ?8, changed_at = ?9, generation = ?10 WHERE key = ?1";
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
    let mut add = transaction.prepare_cached(ADD)?;
    let mut change = transaction.prepare_cached(CHANGE)?;
    let mut rows: Vec<&RowChange> = changes.rows.iter().collect();
    rows.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
    for row in rows {
        if let Some(before) = &row.before {
            bind(&mut keep_past, before)?;
            keep_past.raw_bind_parameter(11, sql_number(changes.generation))?;
            keep_past.raw_execute()?;
        }
        match (&row.before, &row.after) {
            (None, None) => (),
            (Some(before), None) => {
                remove.execute([before.key().as_str()])?;
            }
            (before, Some(after)) => {
                let put = if before.is_some() { &mut change } else { &mut add };
                bind(put, after)?;
                put.raw_execute()?;
            }
        }
    }
    Ok(())
}

/// The row as parameters 1 to 10, in the order of the columns of `entry`.
fn bind(statement: &mut Statement<'_>, row: &Row) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, row.key().as_str())?;
    statement.raw_bind_parameter(2, row.address.to_string())?;
    statement.raw_bind_parameter(3, row.home.as_str())?;
    statement.raw_bind_parameter(4, row.state.as_str())?;
    statement.raw_bind_parameter(5, row.batch.as_deref())?;
    statement.raw_bind_parameter(6, row.cloud_address.as_ref().map(ToString::to_string))?;
    statement.raw_bind_parameter(7, aliases_text(&row.aliases))?;
    statement.raw_bind_parameter(8, row.note.as_deref())?;
    statement.raw_bind_parameter(9, sql_number(row.changed_at.as_micros()))?;
    statement.raw_bind_parameter(10, sql_number(row.generation))
}
