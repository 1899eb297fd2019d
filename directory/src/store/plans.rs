//! Plans in the file.

use mail::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::SqliteStore;
use super::rows::{from_sql, sql_number};
use crate::plans::{NewPlan, PlanStep, StoredPlan};

const COLUMNS: &str = "id, state, is_over, created_at, document";

impl SqliteStore {
    /// Plans that are over make room, the oldest first.
    pub(super) fn insert_plan(
        &mut self,
        plan: &NewPlan,
        keep_over: usize,
    ) -> rusqlite::Result<u64> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Numbers are never used again, so that a command with an old one cannot mean a new plan.
        let last: i64 = transaction.query_row(
            "SELECT max((SELECT coalesce(max(id), 0) FROM plan),
                        (SELECT coalesce(max(CAST(substr(plan, 2) AS INTEGER)), 0) FROM generation
                         WHERE plan IS NOT NULL))",
            [],
            |row| row.get(0),
        )?;
        let id = last + 1;
        transaction.execute(
            "INSERT INTO plan (id, state, is_over, created_at, document, rows)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                id,
                plan.state,
                plan.is_over,
                sql_number(plan.created_at.as_micros()),
                plan.document,
                plan.rows
            ],
        )?;
        transaction.execute(
            "DELETE FROM plan WHERE is_over = 1 AND id NOT IN
             (SELECT id FROM plan WHERE is_over = 1 ORDER BY id DESC LIMIT ?1)",
            [sql_number(keep_over as u64)],
        )?;
        transaction.commit()?;
        Ok(from_sql(id))
    }

    pub(super) fn read_plan(&self, id: u64) -> rusqlite::Result<Option<StoredPlan>> {
        let sql = format!("SELECT {COLUMNS} FROM plan WHERE id = ?1");
        self.connection.query_row(&sql, [sql_number(id)], stored).optional()
    }

    pub(super) fn read_plans(
        &self,
        state: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> rusqlite::Result<Vec<StoredPlan>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM plan WHERE (?1 IS NULL OR state = ?1) AND id < ?2
             ORDER BY id DESC LIMIT ?3"
        );
        let before = before.map_or(i64::MAX, sql_number);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![state, before, sql_number(limit as u64)], stored)?;
        rows.collect()
    }

    pub(super) fn read_open_plans(&self) -> rusqlite::Result<Vec<StoredPlan>> {
        let sql = format!("SELECT {COLUMNS} FROM plan WHERE is_over = 0 ORDER BY id");
        self.connection.prepare_cached(&sql)?.query_map([], stored)?.collect()
    }

    pub(super) fn read_plan_rows(&self, id: u64) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT rows FROM plan WHERE id = ?1";
        self.connection.query_row(sql, [sql_number(id)], |row| row.get(0)).optional()
    }
}

/// Compare and set: `false` when the plan is not as the step expects it.
pub(super) fn step(connection: &Connection, step: &PlanStep) -> rusqlite::Result<bool> {
    let n = connection.execute(
        "UPDATE plan SET state = ?3, is_over = ?4, document = ?5 WHERE id = ?1 AND document = ?2",
        params![sql_number(step.id), step.expect, step.state, step.is_over, step.document],
    )?;
    Ok(n == 1)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredPlan> {
    Ok(StoredPlan {
        id: from_sql(row.get(0)?),
        state: row.get(1)?,
        is_over: row.get(2)?,
        created_at: Timestamp::from_micros(from_sql(row.get(3)?)),
        document: row.get(4)?,
    })
}
