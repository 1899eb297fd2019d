//! What there is to see of plans and revisions.

use std::sync::Arc;

use admin::BackendError;
use api::{
    ChainReport, Change, DiffQuery, PlanList, PlanQuery, RowKind, RowList, RowQuery, TableDiff,
};
use router::RowChange;

use super::document::{Kept, failed, name, number};
use crate::control::table::{blocking, entry, parse_address};
use crate::control::{Control, page_limit};

impl Control {
    pub(super) async fn list_plans(&self, query: PlanQuery) -> Result<PlanList, BackendError> {
        let before = query.cursor.as_deref().map(number).transpose()?;
        let limit = page_limit(query.limit);
        let directory = Arc::clone(self.routes.directory());
        let state = query.state;
        blocking(move || {
            let state = state.map(api::PlanState::as_str);
            let mut stored = directory.plans(state, before, limit + 1).map_err(failed)?;
            let more = stored.len() > limit;
            stored.truncate(limit);
            let next_cursor = stored.last().filter(|_| more).map(|it| name(it.id));
            let plans: Result<Vec<_>, _> =
                stored.into_iter().map(|it| Kept::read(it).map(|it| it.plan())).collect();
            Ok(PlanList { plans: plans?, next_cursor })
        })
        .await
    }

    /// The cursor is the number of rows that were shown.
    pub(super) async fn rows_of_plan(
        &self,
        id: String,
        query: RowQuery,
    ) -> Result<RowList, BackendError> {
        let kept = number(&id)?;
        let limit = page_limit(query.limit);
        let start: usize = match query.cursor.as_deref().map(str::parse) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => return Err(BackendError::invalid("cursor", "want one of ours")),
        };
        let directory = Arc::clone(self.routes.directory());
        blocking(move || {
            let found = directory.plan_rows(kept).map_err(failed)?;
            let found = found.ok_or_else(|| BackendError::not_found(format!("plan {id}")))?;
            let (rows, stay) = found;
            let stay = stay
                .into_iter()
                .map(|it| RowChange { before: Some(Arc::clone(&it)), after: Some(it) });
            let all = rows.into_iter().map(|it| (kind(&it), it));
            let all = all.chain(stay.map(|it| (RowKind::Unchanged, it)));
            let wanted = all.filter(|(it, _)| match query.kind {
                Some(kind) => kind == *it,
                None => *it != RowKind::Unchanged,
            });
            let mut page: Vec<Change> =
                wanted.skip(start).take(limit + 1).map(|(_, it)| change(&it)).collect();
            let more = page.len() > limit;
            page.truncate(limit);
            let next_cursor = more.then(|| (start + limit).to_string());
            Ok(RowList { rows: page, next_cursor })
        })
        .await
    }

    /// The cursor is the last address that was shown.
    pub(super) async fn difference(&self, query: DiffQuery) -> Result<TableDiff, BackendError> {
        let limit = page_limit(query.limit);
        let after = query.cursor.as_deref().map(|it| parse_address(it, "cursor")).transpose()?;
        let (old, new) = (self.table_at(Some(query.from)).await?, self.table_at(query.to).await?);
        blocking(move || {
            let after = after.map(|it| it.key());
            let rows = old.difference(&new).into_iter();
            let mut rows: Vec<RowChange> = rows
                .filter(|it| after.as_ref().is_none_or(|after| it.key() > Some(after)))
                .take(limit + 1)
                .collect();
            let more = rows.len() > limit;
            rows.truncate(limit);
            let last = rows.last().filter(|_| more);
            let last = last.and_then(|it| it.after.as_ref().or(it.before.as_ref()));
            let next_cursor = last.map(|it| it.address.to_string());
            let rows = rows.iter().map(change).collect();
            Ok(TableDiff { from: old.generation(), to: new.generation(), rows, next_cursor })
        })
        .await
    }

    pub(super) async fn verify_chain(&self) -> Result<ChainReport, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let chain = blocking(move || directory.verify().map_err(failed)).await?;
        if let Some((generation, problem)) = &chain.broken {
            tracing::error!(generation, problem, "The history of the table was altered.");
        }
        Ok(ChainReport {
            whole: chain.broken.is_none(),
            revisions: chain.revisions,
            head: chain.head.as_ref().map(directory::hex),
            broken_at: chain.broken.as_ref().map(|it| it.0),
            problem: chain.broken.map(|it| it.1),
        })
    }
}

const fn kind(row: &RowChange) -> RowKind {
    match (&row.before, &row.after) {
        (None, _) => RowKind::Add,
        (Some(_), None) => RowKind::Remove,
        (Some(_), Some(_)) => RowKind::Change,
    }
}

pub(super) fn change(row: &RowChange) -> Change {
    Change {
        address: row.key().map(ToString::to_string).unwrap_or_default(),
        before: row.before.as_ref().map(|it| entry(it)),
        after: row.after.as_ref().map(|it| entry(it)),
    }
}
