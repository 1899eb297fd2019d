//! States of mailboxes in the move, for the sidecar.

use std::sync::Arc;

use access::Principal;
use api::{
    Cut, CutRequest, Move, MovesQuery, Resolve, Resolved, Simulate, Simulation, SyncReports,
    SyncTaken, Transitions, path,
};
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Json, Router};

use super::{PAGE_DEFAULT, etag, page_rows};
use crate::extract::{By, Json as JsonBody, Query, Segment, Who};
use crate::guard::limited;
use crate::problem::{Failure, Result};
use crate::routes::{App, Shared};

/// Mailboxes in one request.
const MOVES_MAX: usize = 10_000;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(path::MOVES, get(list))
        .route(path::MOVES_TRANSITIONS, post(transitions))
        .route(path::MOVES_SYNC, put(sync))
        .route(path::SIMULATE, post(simulate))
        .route(&format!("{}/{{name}}", path::MOVES), get(one))
        .route(&format!("{}/{{name}}/cut", path::MOVES), post(cut))
        .route(&format!("{}/{{name}}/resolve", path::MOVES), post(resolve))
}

/// `GET /api/v1/moves?…`: one page of the mailboxes that match every filter, by address.
async fn list(
    State(app): App,
    Who(principal): Who,
    Query(mut query): Query<MovesQuery>,
) -> Result<impl IntoResponse> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    query.within_domains.clone_from(&principal.limit().domains);
    query.within_batches.clone_from(&principal.limit().batches);
    let mut page = app.backend.moves(query).await?;
    page.moves.retain(|it| sees(&principal, it));
    Ok((etag(page.generation), Json(page)))
}

/// `GET /api/v1/moves/{address}`: 404 if there is no such mailbox. Poll it to drain.
async fn one(
    State(app): App,
    Who(principal): Who,
    Segment(address): Segment,
) -> Result<Json<Move>> {
    limited::see_address(&app, &principal, &address).await?;
    let found = app.backend.one_move(address).await?;
    // It may have been asked for by an alias.
    limited::see_address(&app, &principal, &found.address).await?;
    Ok(Json(found))
}

/// `POST /api/v1/moves/transitions`: every step, as one generation, or none.
///
/// 200 when they are durable and route, also for steps that the same caller made before with the
/// same reason and digest; 403 `blocked` if a rail is in the way; 409 with `conflicts` if a row is not as the caller saw it; 422 names
/// every step that there is not.
async fn transitions(
    State(app): App,
    Who(principal): Who,
    By(author): By,
    JsonBody(request): JsonBody<Transitions>,
) -> Result<impl IntoResponse> {
    let one_by_one = !request.moves.is_empty();
    let whole = [request.batch.is_some(), request.from.is_some(), request.to.is_some()];
    if one_by_one == whole.contains(&true) || (!one_by_one && whole.contains(&false)) {
        return Err(Failure::invalid("want either moves, or batch, from and to"));
    }
    bounded("moves", request.moves.len())?;
    // A row that changes after this look is a conflict.
    for it in &request.moves {
        limited::move_row(&app, &principal, &it.address).await?;
    }
    if let Some(batch) = &request.batch {
        limited::move_batch(&principal, batch)?;
    }
    let done = app.to_the_end(|it| it.transitions(request, author)).await?;
    Ok((etag(done.generation), Json(done)))
}

/// `POST /api/v1/moves/{address}/resolve`: 409 while the message is being attempted, or when nothing
/// of it is in doubt.
async fn resolve(
    State(app): App,
    Who(principal): Who,
    Segment(address): Segment,
    By(author): By,
    JsonBody(what): JsonBody<Resolve>,
) -> Result<Json<Resolved>> {
    limited::move_row(&app, &principal, &address).await?;
    Ok(Json(app.to_the_end(|it| it.resolve(address, what, author)).await?))
}

/// `POST /api/v1/moves/{address}/cut`: breaks off attempts under way for a mailbox in cutover.
///
/// 200 says what became of each, once that is booked; 409 if the mailbox is not in cutover, where
/// another attempt would begin at once.
async fn cut(
    State(app): App,
    Who(principal): Who,
    Segment(address): Segment,
    By(author): By,
    JsonBody(what): JsonBody<CutRequest>,
) -> Result<Json<Cut>> {
    limited::move_row(&app, &principal, &address).await?;
    Ok(Json(app.to_the_end(|it| it.cut(address, what, author)).await?))
}

/// `PUT /api/v1/moves/sync`: 422 names every address that is not listed, and then none is kept.
async fn sync(
    State(app): App,
    Who(principal): Who,
    By(author): By,
    JsonBody(reports): JsonBody<SyncReports>,
) -> Result<Json<SyncTaken>> {
    bounded("reports", reports.reports.len())?;
    for it in &reports.reports {
        limited::move_row(&app, &principal, &it.address).await?;
    }
    Ok(Json(app.to_the_end(|it| it.sync(reports, author)).await?))
}

/// `POST /api/v1/explain/simulate`: changes nothing. 422 names every edit that cannot be made.
async fn simulate(
    State(app): App,
    JsonBody(mut what): JsonBody<Simulate>,
) -> Result<Json<Simulation>> {
    if what.edits.is_empty() == what.plan.is_none() {
        return Err(Failure::invalid("want either edits or a plan"));
    }
    bounded("edits", what.edits.len())?;
    what.limit = Some(page_rows(what.limit, PAGE_DEFAULT)?);
    Ok(Json(app.backend.simulate(what).await?))
}

fn sees(principal: &Principal, it: &Move) -> bool {
    let address = it.address.parse::<mail::Address>();
    address.is_ok_and(|address| principal.may_see(&address, it.batch.as_deref()).is_ok())
}

fn bounded(what: &str, n: usize) -> Result<()> {
    if n <= MOVES_MAX {
        return Ok(());
    }
    let failure = Failure::invalid(format!("{what}: want at most {MOVES_MAX}, not {n}"));
    Err(failure.hint("send several requests"))
}
