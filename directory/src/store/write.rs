//! One edit, one transaction.

use router::{Changes, Row, RowChange};
use rusqlite::{Statement, Transaction, TransactionBehavior, params};

use super::rows::{aliases_text, sql_number};
use super::{SqliteStore, chain, plans};
use crate::plans::PlanStep;
use crate::revision::{Because, Revision};

const KEEP_PAST: &str = "INSERT INTO past_entry (key, address, home, state, batch, cloud_address,
    aliases, note, changed_at, generation, generation_to)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const REMOVE: &str = "DELETE FROM entry WHERE key = ?1";
const ADD: &str = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const CHANGE: &str = "UPDATE entry SET address = ?2, home = ?3, state = ?4, batch = ?5,
    cloud_address = ?6, aliases = ?7, note = ?8, changed_at = ?9, generation = ?10 WHERE key = ?1";
const GENERATION: &str = "INSERT INTO generation (generation, at, author, reason, added, changed,
    removed, ticket, plan, approvers, overrides, previous_hash, hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

impl SqliteStore {
    /// A second writer is found out by the number of the generation, which is taken.
    pub(super) fn write(
        &mut self,
        changes: &Changes,
        revision: &Revision,
        plan: Option<&PlanStep>,
    ) -> rusqlite::Result<bool> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(step) = plan
            && !plans::step(&transaction, step)?
        {
            return Ok(false);
        }
        let mut rows: Vec<&RowChange> = changes.rows.iter().collect();
        rows.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        let previous = chain::hash_of(&transaction, changes.generation.saturating_sub(1))?;
        let hash = revision.hash(previous.as_ref(), &rows);
        let Because { ticket, plan, approvers, overrides } = &revision.because;
        let list = |all: &[String]| (!all.is_empty()).then(|| all.join("\n"));
        transaction.execute(
            GENERATION,
            params![
                sql_number(changes.generation),
                sql_number(revision.at.as_micros()),
                revision.author,
                revision.reason,
                sql_number(changes.added() as u64),
                sql_number(changes.changed() as u64),
                sql_number(changes.removed() as u64),
                ticket,
                plan,
                list(approvers),
                list(overrides),
                previous.as_ref().map(|it| it.as_slice()),
                hash.as_slice(),
            ],
        )?;
        write_rows(&transaction, changes.generation, &rows)?;
        transaction.commit()?;
        Ok(true)
    }
}

/// In the order of the keys, so that neighbours in the file are written together.
fn write_rows(
    transaction: &Transaction<'_>,
    generation: u64,
    rows: &[&RowChange],
) -> rusqlite::Result<()> {
    let mut keep_past = transaction.prepare_cached(KEEP_PAST)?;
    let mut remove = transaction.prepare_cached(REMOVE)?;
    let mut add = transaction.prepare_cached(ADD)?;
    let mut change = transaction.prepare_cached(CHANGE)?;
    for row in rows {
        if let Some(before) = &row.before {
            bind(&mut keep_past, before)?;
            keep_past.raw_bind_parameter(11, sql_number(generation))?;
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
