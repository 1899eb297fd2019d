//! What happened to mail, and the proof that none is missing.

use api::{TraceQuery, Traced, Verification};
use axum::Json;
use axum::extract::State;

use super::page_rows;
use crate::extract::Query;
use crate::problem::{Failure, Result};
use crate::routes::App;

/// Stories when the client does not say.
const STORIES_DEFAULT: u32 = 50;

/// `GET /api/v1/trace?…`: the stories of the messages found by one of id, address, Message-ID.
pub(crate) async fn trace(
    State(app): App,
    Query(mut query): Query<TraceQuery>,
) -> Result<Json<Traced>> {
    let keys = [&query.id, &query.address, &query.message_id];
    if keys.iter().filter(|it| it.is_some()).count() != 1 {
        return Err(Failure::invalid("want exactly one of id, address, message_id"));
    }
    query.limit = Some(page_rows(query.limit, STORIES_DEFAULT)?);
    Ok(Json(app.backend.trace(query).await?))
}

/// `GET /api/v1/ledger/verify`: reads the ledger and the spool and compares. 200 also if they
/// disagree: see `balanced`.
pub(crate) async fn verify(State(app): App) -> Result<Json<Verification>> {
    Ok(Json(app.backend.verify_ledger().await?))
}
