//! The routing table: read, edit, carry in and out, explain.

use std::sync::Arc;

use api::{
    Changed, EntryPatch, Explain, History, HistoryQuery, ImportOptions, ListQuery, Rail, TableEdit,
    TableEdits,
};
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::{PAGE_DEFAULT, etag, page_rows};
use crate::BackendError;
use crate::extract::{By, IfMatch, Json as JsonBody, Query, Raw, Segment, Who};
use crate::guard::limited;
use crate::problem::{Failure, Result};
use crate::routes::App;

/// Edits in one request; more come as a file.
const EDITS_MAX: usize = 10_000;

/// `GET /api/v1/table`: the generation, also as `ETag`, and the number of entries.
pub(crate) async fn info(State(app): App) -> Result<impl IntoResponse> {
    let info = app.backend.table().await?;
    Ok((etag(info.generation), Json(info)))
}

/// `GET /api/v1/table/history?…`: who changed the table when, and why; the newest first.
pub(crate) async fn history(
    State(app): App,
    Query(mut query): Query<HistoryQuery>,
) -> Result<Json<History>> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    Ok(Json(app.backend.history(query).await?))
}

/// `GET /api/v1/table/entries?…`: one page of the entries that match every filter, by address.
pub(crate) async fn entries(
    State(app): App,
    Who(principal): Who,
    Query(mut query): Query<ListQuery>,
) -> Result<impl IntoResponse> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    if query.cursor.is_some() && query.offset.is_some() {
        let failure = Failure::invalid("a page begins at a cursor or at an offset, not at both");
        return Err(failure.hint("leave one of the two out"));
    }
    limited::narrow(&principal, &mut query)?;
    let mut page = app.backend.entries(query).await?;
    limited::keep_seen(&principal, &mut page.entries);
    Ok((etag(page.generation), Json(page)))
}

/// `GET /api/v1/table/entries/{address}`: its entry, or that of the mailbox it is an alias of.
/// 404 if there is none.
pub(crate) async fn entry(
    State(app): App,
    Who(principal): Who,
    Segment(address): Segment,
) -> Result<impl IntoResponse> {
    limited::see_address(&app, &principal, &address).await?;
    let (generation, entry) = app.backend.entry(address).await?;
    limited::see(&principal, &entry)?;
    Ok((etag(generation), Json(entry)))
}

/// What a request without a body can say about an edit.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditQuery {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    dry_run: bool,
    /// Rails to pass, with commas between them.
    #[serde(default, rename = "override")]
    overrides: Option<String>,
}

/// `PUT /api/v1/table/entries/{address}`: says where a mailbox now lives.
///
/// Makes the entry or changes the fields that are given. 200 with the new generation and the entry
/// before and after; 412 if `If-Match` names an older generation; 422 if a field is malformed.
/// Idempotent. Applies to the next RCPT, and to queued mail at its next attempt.
pub(crate) async fn put_entry(
    State(app): App,
    Who(principal): Who,
    Segment(address): Segment,
    Query(query): Query<EditQuery>,
    if_match: IfMatch,
    By(author): By,
    JsonBody(entry): JsonBody<EntryPatch>,
) -> Result<impl IntoResponse> {
    let edit = TableEdit::Set { address, entry };
    let edits = one(edit, query, &if_match)?;
    Ok(answer(limited::edit(&app, &principal, edits, author).await?))
}

/// `DELETE /api/v1/table/entries/{address}`: 404 if there is no entry; else as `PUT`.
pub(crate) async fn delete_entry(
    State(app): App,
    Who(principal): Who,
    Segment(address): Segment,
    Query(query): Query<EditQuery>,
    if_match: IfMatch,
    By(author): By,
) -> Result<impl IntoResponse> {
    let edit = TableEdit::Remove { address };
    let edits = one(edit, query, &if_match)?;
    Ok(answer(limited::edit(&app, &principal, edits, author).await?))
}

fn one(edit: TableEdit, query: EditQuery, if_match: &IfMatch) -> Result<TableEdits> {
    let EditQuery { reason, dry_run, overrides } = query;
    let overrides = rails(overrides.as_deref())?;
    Ok(TableEdits { edits: vec![edit], reason, dry_run, expect_generation: if_match.0, overrides })
}

/// `large_change,loop` as rails.
fn rails(text: Option<&str>) -> Result<Vec<Rail>> {
    let names = text.unwrap_or_default().split(',').map(str::trim).filter(|it| !it.is_empty());
    let known = |name: &str| {
        Rail::parse(name).ok_or_else(|| {
            let all: Vec<_> = Rail::ALL.into_iter().map(Rail::as_str).collect();
            Failure::invalid(format!("override: there is no rail {name}"))
                .hint(format!("want {}", all.join(", ")))
        })
    };
    names.map(known).collect()
}

/// `POST /api/v1/table/edits`: all of them or none, as one generation. 422 names every mistake.
pub(crate) async fn edits(
    State(app): App,
    Who(principal): Who,
    if_match: IfMatch,
    By(author): By,
    JsonBody(mut edits): JsonBody<TableEdits>,
) -> Result<impl IntoResponse> {
    if edits.edits.len() > EDITS_MAX {
        let detail = format!("edits: want at most {EDITS_MAX}, not {}", edits.edits.len());
        return Err(Failure::invalid(detail).hint("POST a file to /api/v1/table/import"));
    }
    edits.expect_generation = if_match.0.or(edits.expect_generation);
    Ok(answer(limited::edit(&app, &principal, edits, author).await?))
}

fn answer(changed: Changed) -> impl IntoResponse {
    (etag(changed.generation), Json(changed))
}

/// `POST /api/v1/table/import?…`: the body is a CSV file and becomes one generation.
///
/// 200 with counts; 412 as above; 422 with every mistake by line and column, and then nothing was
/// applied; 413 above 64 MiB; 503 while two other files are being read.
pub(crate) async fn import(
    State(app): App,
    Query(mut options): Query<ImportOptions>,
    if_match: IfMatch,
    By(author): By,
    request: Request,
) -> Result<impl IntoResponse> {
    // Before the body is read: it is what takes the memory.
    let permit = Arc::clone(&app.imports).try_acquire_owned().map_err(|_| BackendError::Busy {
        detail: "other table files are being imported".to_owned(),
    })?;
    let Raw(csv) = Raw::from_request(request, &()).await?;
    options.expect_generation = if_match.0.or(options.expect_generation);
    rails(options.overrides.as_deref())?;
    let imported = app.to_the_end(|backend| {
        let import = backend.import(csv, options, author);
        Box::pin(async move {
            let imported = import.await;
            drop(permit);
            imported
        })
    });
    let imported = imported.await?;
    Ok((etag(imported.generation), Json(imported)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    #[serde(default)]
    generation: Option<u64>,
}

/// `GET /api/v1/table/export`: the table as a CSV file that `import` takes, at any generation.
pub(crate) async fn export(
    State(app): App,
    Query(query): Query<ExportQuery>,
) -> Result<impl IntoResponse> {
    let (generation, stream) = app.backend.export(query.generation).await?;
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((etag(generation), headers, Body::from_stream(stream)))
}

/// `GET /api/v1/explain?address=…`: the decision for a recipient and each step that led to it.
pub(crate) async fn explain(
    State(app): App,
    Who(principal): Who,
    Query(question): Query<Explain>,
) -> Result<Json<api::Explanation>> {
    limited::see_address(&app, &principal, &question.address).await?;
    Ok(Json(app.backend.explain(question).await?))
}
