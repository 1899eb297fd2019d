//! Plans: changes of the table that are looked at before they are made.

use api::{
    ApplyRequest, ChainReport, DiffQuery, Plan, PlanImport, PlanList, PlanQuery, PlanRequest,
    RollbackRequest, RowList, RowQuery, TableDiff,
};
use bytes::Bytes;

use crate::{Answer, Author};

/// See the module, and [`crate::Backend`]. Limits of queries are set and in range.
pub trait Plans {
    /// Durable when it returns; nothing of it is applied.
    fn make_plan(&self, request: PlanRequest, author: Author) -> Answer<'_, Plan>;
    /// Mistakes of the file are [`crate::BackendError::Invalid`], all of them.
    fn plan_import(&self, file: Bytes, options: PlanImport, author: Author) -> Answer<'_, Plan>;
    fn plan_rollback(&self, request: RollbackRequest, author: Author) -> Answer<'_, Plan>;
    fn plans(&self, query: PlanQuery) -> Answer<'_, PlanList>;
    fn one_plan(&self, id: String) -> Answer<'_, Plan>;
    fn plan_rows(&self, id: String, query: RowQuery) -> Answer<'_, RowList>;
    /// By somebody other than its author.
    fn approve_plan(&self, id: String, author: Author) -> Answer<'_, Plan>;
    fn cancel_plan(&self, id: String, author: Author) -> Answer<'_, Plan>;
    /// Holds it against the rails again.
    fn check_plan(&self, id: String, author: Author) -> Answer<'_, Plan>;
    /// Exactly the rows of the plan, or [`crate::BackendError::RowsChanged`].
    fn apply_plan(&self, id: String, request: ApplyRequest, author: Author) -> Answer<'_, Plan>;
    fn table_diff(&self, query: DiffQuery) -> Answer<'_, TableDiff>;
    fn verify_table(&self) -> Answer<'_, ChainReport>;
}
