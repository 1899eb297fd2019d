//! Plans: changes of the table that are looked at before they are made.
//!
//! ```text
//! edits, file or rollback ── make ── kept in table.db ── check ── approve ── apply ── table
//!                                                        rails              now, when due, or
//!                                                                           a few rows first
//! ```
//!
//! A plan is a document (who, why, what stands in its way) and its rows. Every step of it is
//! compare-and-set on the document, so of two who do something at once one is told so. What the
//! gateway does by itself (ask the sites, keep a time, watch a canary) is in `tick`.

mod apply;
mod canary;
mod document;
mod judge;
mod make;
mod show;
mod tick;

use admin::{Answer, Author};
use api::{
    ApplyRequest, ChainReport, DiffQuery, Plan, PlanImport, PlanList, PlanQuery, PlanRequest,
    RollbackRequest, RowList, RowQuery, TableDiff,
};
use bytes::Bytes;

use super::Control;
pub(super) use apply::check_overrides;
pub use tick::Planner;
pub(crate) use tick::keep_plans;

impl admin::Plans for Control {
    fn make_plan(&self, request: PlanRequest, author: Author) -> Answer<'_, Plan> {
        Box::pin(self.plan_edits(request, author))
    }

    fn plan_import(&self, file: Bytes, options: PlanImport, author: Author) -> Answer<'_, Plan> {
        Box::pin(self.plan_file(file, options, author))
    }

    fn plan_rollback(&self, request: RollbackRequest, author: Author) -> Answer<'_, Plan> {
        Box::pin(self.plan_way_back(request, author))
    }

    fn plans(&self, query: PlanQuery) -> Answer<'_, PlanList> {
        Box::pin(self.list_plans(query))
    }

    fn one_plan(&self, id: String) -> Answer<'_, Plan> {
        Box::pin(async move { Ok(self.kept(&id).await?.plan()) })
    }

    fn plan_rows(&self, id: String, query: RowQuery) -> Answer<'_, RowList> {
        Box::pin(self.rows_of_plan(id, query))
    }

    fn approve_plan(&self, id: String, author: Author) -> Answer<'_, Plan> {
        Box::pin(self.approve(id, author))
    }

    fn cancel_plan(&self, id: String, author: Author) -> Answer<'_, Plan> {
        Box::pin(self.cancel(id, author))
    }

    fn check_plan(&self, id: String, author: Author) -> Answer<'_, Plan> {
        Box::pin(self.check_again(id, author))
    }

    fn apply_plan(&self, id: String, request: ApplyRequest, author: Author) -> Answer<'_, Plan> {
        Box::pin(self.apply(id, request, author))
    }

    fn table_diff(&self, query: DiffQuery) -> Answer<'_, TableDiff> {
        Box::pin(self.difference(query))
    }

    fn verify_table(&self) -> Answer<'_, ChainReport> {
        Box::pin(self.verify_chain())
    }
}
