//! Who exists, by directory services and files.

use std::sync::Arc;

use api::{
    DirectoryImport, DirectoryStatus, DirectorySync, DriftList, DriftQuery, Recipient,
    RecipientList, RecipientQuery, SyncRequest, path,
};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::{PAGE_DEFAULT, page_rows};
use crate::BackendError;
use crate::extract::{By, Json as JsonBody, Query, Raw, Segment};
use crate::problem::Result;
use crate::routes::{App, IMPORT_BYTES_MAX, Shared, with_segment};

pub(crate) fn routes() -> Router<Arc<Shared>> {
    let import = post(import).layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX));
    Router::new()
        .route(path::DIRECTORY, get(status))
        .route(path::DIRECTORY_RECIPIENTS, get(list))
        .route(&with_segment(path::DIRECTORY_RECIPIENTS, ""), get(show))
        .route(&with_segment(path::DIRECTORY_SOURCES, "/sync"), post(sync))
        .route(&with_segment(path::DIRECTORY_SOURCES, "/import"), import)
        .route(path::DIRECTORY_DRIFT, get(drift))
}

/// `GET /api/v1/directory`: each source, its age, and what it waits for.
async fn status(State(app): App) -> Result<Json<DirectoryStatus>> {
    Ok(Json(app.backend.directory().await?))
}

/// `GET /api/v1/directory/recipients?…`: one page of those that match every filter, by address.
async fn list(
    State(app): App,
    Query(mut query): Query<RecipientQuery>,
) -> Result<Json<RecipientList>> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    Ok(Json(app.backend.recipients(query).await?))
}

/// `GET /api/v1/directory/recipients/{address}`: whoever has it. 404 if nobody does.
async fn show(State(app): App, Segment(address): Segment) -> Result<Json<Recipient>> {
    Ok(Json(app.backend.recipient(address).await?))
}

/// `POST /api/v1/directory/sources/{name}/sync`: reads it in full.
///
/// 200 also if it would remove more than the bound: see `pending_removals`, and ask again with
/// `accept_removals`. 409 if it cannot be read now; the last good copy then serves on.
async fn sync(
    State(app): App,
    Segment(source): Segment,
    By(author): By,
    JsonBody(request): JsonBody<SyncRequest>,
) -> Result<Json<DirectorySync>> {
    Ok(Json(app.to_the_end(|it| it.sync_recipients(source, request, author)).await?))
}

/// `POST /api/v1/directory/sources/{name}/import?…`: the file is everybody.
///
/// 200 as for `sync`; 422 with every mistake by line and column, and then nothing was changed.
async fn import(
    State(app): App,
    Segment(source): Segment,
    Query(options): Query<DirectoryImport>,
    By(author): By,
    request: Request,
) -> Result<Json<DirectorySync>> {
    // Before the body is read: it is what takes the memory.
    let permit = Arc::clone(&app.imports)
        .try_acquire_owned()
        .map_err(|_| BackendError::Busy { detail: "other files are being imported".to_owned() })?;
    let Raw(csv) = Raw::from_request(request, &()).await?;
    let imported = app.to_the_end(|backend| {
        let import = backend.import_recipients(source, csv, options, author);
        Box::pin(async move {
            let imported = import.await;
            drop(permit);
            imported
        })
    });
    Ok(Json(imported.await?))
}

/// `GET /api/v1/directory/drift?…`: one page of disagreements, by address.
async fn drift(State(app): App, Query(mut query): Query<DriftQuery>) -> Result<Json<DriftList>> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    Ok(Json(app.backend.drift(query).await?))
}
