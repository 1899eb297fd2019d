//! Plans as the directory keeps them: rows that it carries over to the table, and a document of
//! whoever makes plans, which it does not read.

use std::sync::Arc;
use std::time::Instant;

use mail::Timestamp;
use router::{Misfit, Row, RowChange};

use crate::revision::Revision;
use crate::{ApplyError, Because, Committed, Directory, DirectoryError, EditOutcome, lines};

/// Rows that stay, of which more are only counted.
pub const UNCHANGED_KEPT_MAX: usize = 10_000;

/// A plan that is new.
#[derive(Clone, Debug)]
pub struct NewPlan {
    pub state: String,
    pub is_over: bool,
    pub created_at: Timestamp,
    pub document: String,
    /// Made by [`plan_text`].
    pub rows: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    pub id: u64,
    pub state: String,
    pub is_over: bool,
    pub created_at: Timestamp,
    pub document: String,
}

/// What a plan becomes, if it is still what one saw.
#[derive(Clone, Debug)]
pub struct PlanStep {
    pub id: u64,
    /// The document that one saw.
    pub expect: String,
    pub state: String,
    pub is_over: bool,
    pub document: String,
}

/// Rows of a plan that go into the table, as one revision.
pub struct Application<'a> {
    pub rows: &'a [RowChange],
    pub author: String,
    pub reason: String,
    pub because: Because,
    pub at: Timestamp,
    pub expect_generation: Option<u64>,
    /// What the plan becomes, given what was done.
    pub step: &'a dyn Fn(&Committed) -> PlanStep,
}

/// Rows as a plan keeps them: those that change, then as many of those that stay as are kept.
pub fn plan_text(changes: &[RowChange], stay: &[Arc<Row>]) -> String {
    let mut text = String::with_capacity(128 * changes.len());
    for row in changes {
        text.push_str(&lines::change(row));
    }
    for row in stay.iter().take(UNCHANGED_KEPT_MAX) {
        lines::line(&mut text, '=', row);
    }
    text
}

impl Directory {
    pub fn add_plan(&self, plan: &NewPlan, keep_over: usize) -> Result<u64, DirectoryError> {
        self.store().add_plan(plan, keep_over)
    }

    /// `false`: it is not what was expected any more.
    pub fn step_plan(&self, step: &PlanStep) -> Result<bool, DirectoryError> {
        self.store().step_plan(step)
    }

    pub fn plan(&self, id: u64) -> Result<Option<StoredPlan>, DirectoryError> {
        self.store().plan(id)
    }

    /// The newest first, at most `limit`, all with a smaller number than `before`.
    pub fn plans(
        &self,
        state: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredPlan>, DirectoryError> {
        self.store().plans(state, before, limit)
    }

    /// Those that something may become of.
    pub fn open_plans(&self) -> Result<Vec<StoredPlan>, DirectoryError> {
        self.store().open_plans()
    }

    /// The rows that change, and those that stay.
    #[expect(clippy::type_complexity, reason = "two lists of one plan")]
    pub fn plan_rows(
        &self,
        id: u64,
    ) -> Result<Option<(Vec<RowChange>, Vec<Arc<Row>>)>, DirectoryError> {
        let Some(text) = self.store().plan_rows(id)? else { return Ok(None) };
        let unreadable = || DirectoryError::Plan { id };
        lines::read(&text).map(Some).ok_or_else(unreadable)
    }

    /// Puts exactly these rows into the table and the plan into its new state, in one transaction,
    /// or does nothing. Rows that are so already make no revision, but the plan goes on.
    pub fn apply(&self, it: &Application<'_>) -> Result<Committed, ApplyError> {
        let started = Instant::now();
        let result = self.carry_and_commit(it);
        let outcome = match &result {
            Ok(done) if done.changed.is_empty() => EditOutcome::Unchanged,
            Ok(_) => {
                self.metrics().edit_seconds.observe(started.elapsed().as_secs_f64());
                return result;
            }
            Err(ApplyError::Conflict { .. } | ApplyError::Rows { .. } | ApplyError::Plan) => {
                EditOutcome::Conflict
            }
            Err(ApplyError::Problems(_)) => EditOutcome::Refused,
            Err(ApplyError::Store(_)) => EditOutcome::Failed,
        };
        self.metrics().count(outcome);
        result
    }

    fn carry_and_commit(&self, it: &Application<'_>) -> Result<Committed, ApplyError> {
        let mut store = self.store();
        let table = self.snapshot();
        let actual = table.generation();
        if let Some(expected) = it.expect_generation.filter(|it| *it != actual) {
            return Err(ApplyError::Conflict { expected, actual });
        }
        let changes = table.carry(it.rows, it.at).map_err(|misfit| match misfit {
            Misfit::Conflicts(rows) => ApplyError::Rows { generation: actual, rows },
            Misfit::Problems(problems) => ApplyError::Problems(problems),
        })?;
        if changes.rows.is_empty() {
            let nothing = Committed::nothing(actual);
            let stepped = store.step_plan(&(it.step)(&nothing))?;
            return if stepped { Ok(nothing) } else { Err(ApplyError::Plan) };
        }
        let revision = Revision {
            generation: changes.generation,
            at: it.at,
            author: it.author.clone(),
            reason: it.reason.clone(),
            because: it.because.in_lines(),
        };
        let committed = Committed::from(&changes);
        let step = (it.step)(&committed);
        if !self.publish(&mut store, &table, &changes, &revision, Some(&step))? {
            return Err(ApplyError::Plan);
        }
        self.metrics().committed(&changes);
        Ok(committed)
    }
}
