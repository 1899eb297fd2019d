//! Plans: changes of the table that are looked at before they are made.

use std::sync::Arc;

use api::{
    ApplyRequest, ChainReport, DiffQuery, Plan, PlanImport, PlanList, PlanQuery, PlanRequest,
    RollbackRequest, RowList, RowQuery, TableDiff, path,
};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::{PAGE_DEFAULT, page_rows};
use crate::BackendError;
use crate::extract::{By, IfMatch, Json as JsonBody, Query, Raw, Segment, Who};
use crate::guard::limited;
use crate::problem::{Failure, Result};
use crate::routes::{App, IMPORT_BYTES_MAX, Shared};

/// Edits in one plan; more come as a file.
const EDITS_MAX: usize = 10_000;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    let one = |rest: &str| format!("{}/{{name}}{rest}", path::PLANS);
    let import = post(import).layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX));
    Router::new()
        .route(path::PLANS, get(list).post(make))
        .route(path::PLANS_IMPORT, import)
        .route(path::PLANS_ROLLBACK, post(rollback))
        .route(&one(""), get(show))
        .route(&one("/rows"), get(rows))
        .route(&one("/approve"), post(approve))
        .route(&one("/cancel"), post(cancel))
        .route(&one("/check"), post(check))
        .route(&one("/apply"), post(apply))
        .route(path::DIFF, get(diff))
        .route(path::TABLE_VERIFY, get(verify))
}

/// `POST /api/v1/plans`: works out what the edits come to, holds it against the rails, keeps it.
///
/// 200 with the plan, blocked or not; 412 if `base_generation` is not the table's; 422 names every
/// mistake.
async fn make(
    State(app): App,
    Who(principal): Who,
    if_match: IfMatch,
    By(author): By,
    JsonBody(mut request): JsonBody<PlanRequest>,
) -> Result<Json<Plan>> {
    if request.edits.len() > EDITS_MAX {
        let detail = format!("edits: want at most {EDITS_MAX}, not {}", request.edits.len());
        return Err(Failure::invalid(detail).hint("POST a file to /api/v1/plans/import"));
    }
    request.base_generation = if_match.0.or(request.base_generation);
    let plan = app.to_the_end(|it| it.make_plan(request, author)).await;
    let plan = plan.map_err(|it| limited::hide(&principal, it))?;
    limited::keep_plan(&app, &principal, plan).await.map(Json)
}

/// `POST /api/v1/plans/import?…`: the same from a file, ours or Microsoft's. 422 lists every mistake
/// by line and column.
async fn import(
    State(app): App,
    Who(principal): Who,
    Query(options): Query<PlanImport>,
    By(author): By,
    request: Request,
) -> Result<Json<Plan>> {
    // Before the body is read: it is what takes the memory.
    let permit = Arc::clone(&app.imports).try_acquire_owned().map_err(|_| BackendError::Busy {
        detail: "other table files are being read".to_owned(),
    })?;
    let Raw(file) = Raw::from_request(request, &()).await?;
    let plan = app.to_the_end(|backend| {
        let plan = backend.plan_import(file, options, author);
        Box::pin(async move {
            let plan = plan.await;
            drop(permit);
            plan
        })
    });
    let plan = plan.await.map_err(|it| limited::hide(&principal, it))?;
    limited::keep_plan(&app, &principal, plan).await.map(Json)
}

/// `POST /api/v1/plans/rollback`: a plan that goes back to a generation, or takes one back.
async fn rollback(
    State(app): App,
    Who(principal): Who,
    By(author): By,
    JsonBody(request): JsonBody<RollbackRequest>,
) -> Result<Json<Plan>> {
    if request.to_generation.is_some() == request.undo_generation.is_some() {
        return Err(Failure::invalid("want either to_generation or undo_generation"));
    }
    let plan = app.to_the_end(|it| it.plan_rollback(request, author)).await;
    let plan = plan.map_err(|it| limited::hide(&principal, it))?;
    limited::keep_plan(&app, &principal, plan).await.map(Json)
}

/// `GET /api/v1/plans?…`: the newest first.
async fn list(
    State(app): App,
    Who(principal): Who,
    Query(mut query): Query<PlanQuery>,
) -> Result<Json<PlanList>> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    let mut page = app.backend.plans(query).await?;
    limited::keep_own_plans(&app, &principal, &mut page.plans).await;
    Ok(Json(page))
}

/// `GET /api/v1/plans/{id}`
async fn show(State(app): App, Who(principal): Who, Segment(id): Segment) -> Result<Json<Plan>> {
    limited::see_plan(&app, &principal, &id).await?;
    Ok(Json(app.backend.one_plan(id).await?))
}

/// `GET /api/v1/plans/{id}/rows?…`: before and after, by address.
async fn rows(
    State(app): App,
    Who(principal): Who,
    Segment(id): Segment,
    Query(mut query): Query<RowQuery>,
) -> Result<Json<RowList>> {
    limited::see_plan(&app, &principal, &id).await?;
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    Ok(Json(app.backend.plan_rows(id, query).await?))
}

/// `POST /api/v1/plans/{id}/approve`: 403 for its author, and for who has no name but what they say: it
/// could be the author. 409 if it waits for nobody.
async fn approve(
    State(app): App,
    Who(principal): Who,
    Segment(id): Segment,
    By(author): By,
) -> Result<Json<Plan>> {
    if principal.is_break_glass() {
        let detail = "an approval needs a named person, and admin.token is nobody's name";
        return Err(Failure::forbidden(detail).hint(
            "sign in with an account, or use a token of `causeway token make NAME --role approver`",
        ));
    }
    limited::see_plan(&app, &principal, &id).await?;
    Ok(Json(app.to_the_end(|it| it.approve_plan(id, author)).await?))
}

/// `POST /api/v1/plans/{id}/cancel`: 409 if it is over already.
async fn cancel(
    State(app): App,
    Who(principal): Who,
    Segment(id): Segment,
    By(author): By,
) -> Result<Json<Plan>> {
    limited::see_plan(&app, &principal, &id).await?;
    Ok(Json(app.to_the_end(|it| it.cancel_plan(id, author)).await?))
}

/// `POST /api/v1/plans/{id}/check`: holds it against the rails again.
async fn check(
    State(app): App,
    Who(principal): Who,
    Segment(id): Segment,
    By(author): By,
) -> Result<Json<Plan>> {
    limited::see_plan(&app, &principal, &id).await?;
    let checked = app.to_the_end(|it| it.check_plan(id, author)).await;
    checked.map(Json).map_err(|it| limited::hide(&principal, it))
}

/// `POST /api/v1/plans/{id}/apply`: exactly its rows.
///
/// 200 with the plan: applied, or scheduled, or begun as a canary; 403 `blocked` with each rail; 409
/// `conflict` with the rows that others changed since; 409 `refused` if it is over already.
async fn apply(
    State(app): App,
    Who(principal): Who,
    Segment(id): Segment,
    if_match: IfMatch,
    By(author): By,
    JsonBody(mut request): JsonBody<ApplyRequest>,
) -> Result<Json<Plan>> {
    request.expect_generation = if_match.0.or(request.expect_generation);
    limited::see_plan(&app, &principal, &id).await?;
    let applied = app.to_the_end(|it| it.apply_plan(id, request, author)).await;
    applied.map(Json).map_err(|it| limited::hide(&principal, it))
}

/// `GET /api/v1/table/diff?from=…`: rows that differ between two generations.
async fn diff(State(app): App, Query(mut query): Query<DiffQuery>) -> Result<Json<TableDiff>> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    Ok(Json(app.backend.table_diff(query).await?))
}

/// `GET /api/v1/table/verify`: reads every revision and compares its hash.
async fn verify(State(app): App) -> Result<Json<ChainReport>> {
    Ok(Json(app.backend.verify_table().await?))
}
