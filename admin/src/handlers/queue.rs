//! What waits in the spool, and what an operator can do about it.

use api::{
    Acted, ActionRequest, QueueList, QueueQuery, QueueSummary, QueuedMessage, SelectorError,
};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::{PAGE_DEFAULT, page_rows};
use crate::extract::{By, Json as JsonBody, Query, Segment};
use crate::problem::{Failure, Result};
use crate::routes::App;

/// `GET /api/v1/queue?…`: one page of the messages that have a matching recipient, oldest first.
pub(crate) async fn list(
    State(app): App,
    Query(mut query): Query<QueueQuery>,
) -> Result<Json<QueueList>> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    Ok(Json(app.backend.queue(query).await?))
}

/// `GET /api/v1/queue/summary`: recipients by next hop, queue and age.
pub(crate) async fn summary(State(app): App) -> Result<Json<QueueSummary>> {
    Ok(Json(app.backend.queue_summary().await?))
}

/// `GET /api/v1/queue/messages/{id}`: 404 once every recipient is settled; `trace` has those.
pub(crate) async fn show(State(app): App, Segment(id): Segment) -> Result<Json<QueuedMessage>> {
    Ok(Json(app.backend.queued(id).await?))
}

/// `GET /api/v1/queue/messages/{id}/content`: the message itself, header and body.
pub(crate) async fn content(State(app): App, Segment(id): Segment) -> Result<impl IntoResponse> {
    let stream = app.backend.message(id).await?;
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], Body::from_stream(stream)))
}

/// `POST /api/v1/queue/actions`: retry, hold, release, bounce or discard what is selected.
///
/// 200 with the counts, which with `dry_run` are what it would do; 422 if nothing is selected by, or
/// if a `discard` has no reason.
pub(crate) async fn act(
    State(app): App,
    By(author): By,
    JsonBody(request): JsonBody<ActionRequest>,
) -> Result<Json<Acted>> {
    request.selector.check().map_err(|error| match error {
        SelectorError::Empty => Failure::invalid("selector: nothing is selected by")
            .hint("name ids, a site, a recipient, … or set \"all\": true"),
        SelectorError::AllAndMore => {
            Failure::invalid("selector: \"all\" cannot be given with another field")
        }
    })?;
    let unreasoned = request.reason.as_deref().unwrap_or_default().trim().is_empty();
    if request.action == api::Action::Discard && unreasoned && !request.dry_run {
        return Err(Failure::invalid("reason: a discard wants one, for the ledger"));
    }
    Ok(Json(app.to_the_end(|it| it.act(request, author)).await?))
}
