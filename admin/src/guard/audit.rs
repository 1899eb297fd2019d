//! The audit log's records around a handler.
//!
//! What changes something is written down before it is begun, and is not begun if that fails. Its
//! end is written before the answer leaves. What only shows is written before it is shown.

use std::sync::Arc;

use access::Principal;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::idempotency::Turn;
use super::{Asked, changes, idempotency, now, source};
use crate::problem::{Failure, ProblemCode, Result};
use crate::routes::{BODY_BYTES_MAX, Shared};

/// Reads that are written down: mail, much of the table, and the log itself.
pub(super) const REVEALING: &[&str] = &[
    "GET /api/v1/queue/messages/{name}/content",
    "GET /api/v1/trace",
    "GET /api/v1/table/export",
    "GET /api/v1/table/diff",
    "GET /api/v1/audit",
    "GET /api/v1/audit/export",
    "GET /api/v1/stream",
];

/// What is worth keeping of a query or a body. Everything else is left out: no secret is on the list.
const KEPT: &[&str] = &[
    "reason",
    "ticket",
    "override",
    "overrides",
    "confirm",
    "dry_run",
    "replace",
    "action",
    "selector",
    "to",
    "from",
    "home",
    "state",
    "batch",
    "for_seconds",
    "older_than_seconds",
    "generation",
    "to_generation",
    "undo_generation",
    "not_before",
    "expect_generation",
    "accept_removals",
    "delivered",
    "message",
    "plan",
    "name",
    "role",
    "domains",
    "batches",
    "disabled",
    "expires_in_seconds",
    "remove",
    "id",
    "address",
    "message_id",
    "actor",
];
/// Characters of one kept value.
const VALUE_CHARACTERS_MAX: usize = 500;
/// Addresses that are named of many edits.
const ADDRESSES_MAX: usize = 10;

pub(super) async fn audited(
    shared: Arc<Shared>,
    asked: Asked,
    principal: Principal,
    request: Request,
    next: Next,
) -> Response {
    if !asked.is_audited(request.method()) {
        return next.run(request).await;
    }
    let event = asked.event(&request).by(&principal);
    if !changes(request.method()) {
        let details = details(&principal, &request, None);
        return shown(&shared, event.details(details), next.run(request).await).await;
    }
    if principal.is_break_glass() {
        shared.access.note_glass(&asked.action, source(&request), now());
    }
    match changed(shared, asked, principal, (event, request), next).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn changed(
    shared: Arc<Shared>,
    asked: Asked,
    principal: Principal,
    (event, request): (access::Event, Request),
    next: Next,
) -> Result<Response> {
    let key = idempotency::key(&request)?;
    let (request, body) = with_body(request, key.is_some()).await?;
    let event = event.details(details(&principal, &request, body.as_ref()));
    let tracker = shared.tracker().clone();
    // The key is taken in there too: whoever goes away must not leave it behind.
    let to_the_end = tracker.spawn(async move {
        let Some(key) = key else { return Ok(between(&shared, event, request, next).await) };
        let route = format!("{} {}", request.method(), request.uri());
        let body = body.map(|it| it.to_vec()).unwrap_or_default();
        match idempotency::claim(&shared, &principal, &asked, (key, route), body).await? {
            Turn::Answer(response) => Ok(response),
            Turn::Do(claimed) => {
                let response = between(&shared, event, request, next).await;
                Ok(idempotency::keep(&shared, claimed, response).await)
            }
        }
    });
    to_the_end.await.unwrap_or_else(|error| {
        Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
    })
}

/// The handler between its two records.
async fn between(shared: &Shared, event: access::Event, request: Request, next: Next) -> Response {
    let Ok(begun) = shared.record(event.clone()).await else {
        return Failure::audit_unavailable().into_response();
    };
    let response = next.run(request).await;
    let ended = event.ended(begun, response.status().as_u16(), code(&response));
    // It is done, and its beginning is on record: the answer is true either way.
    let _ = shared.record(ended.details("")).await;
    response
}

/// Nothing is shown that is not on record.
async fn shown(shared: &Shared, event: access::Event, response: Response) -> Response {
    let event = event.alone("shown", response.status().as_u16(), code(&response));
    match shared.record(event).await {
        Ok(_) => response,
        Err(_) => Failure::audit_unavailable().into_response(),
    }
}

fn code(response: &Response) -> &str {
    response.extensions().get::<ProblemCode>().map_or("", |it| it.0.as_str())
}

/// The variable parts of the path, unescaped, one after the other.
pub(super) fn target(route: Option<&MatchedPath>, path: &str) -> String {
    let Some(route) = route else { return String::new() };
    let pairs = route.as_str().split('/').zip(path.split('/'));
    let parts = pairs.filter(|(name, _)| name.starts_with('{')).map(|(_, value)| unescape(value));
    parts.collect::<Vec<_>>().join(" ")
}

/// RFC 3986 §2.1, as far as it is UTF-8.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let hex = (first == b'%').then(|| others.get(..2)).flatten();
        let byte = hex
            .and_then(|it| std::str::from_utf8(it).ok())
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &others[2..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a JSON body, so that its reason can be written down; a file is left to its handler, unless
/// it has a key, by which it could come again.
async fn with_body(request: Request, has_key: bool) -> Result<(Request, Option<Bytes>)> {
    if !is_json(request.headers()) && !has_key {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let too_large = || {
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large").hint(
            "at most 1 MiB; 64 MiB for a table file, which then has no Idempotency-Key: send \
             If-Match",
        )
    };
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if length.is_some_and(|it: usize| it > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())?;
    let request = Request::from_parts(parts, Body::from(bytes.clone()));
    Ok((request, Some(bytes)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // As the handlers' own reader has it: RFC 6839 §3.1.
    let subtype = kind.strip_prefix("application/").unwrap_or_default();
    subtype == "json" || subtype.ends_with("+json")
}

/// Reason, ticket, overridden rails and the like, as JSON; empty if there is none.
fn details(principal: &Principal, request: &Request, body: Option<&Bytes>) -> String {
    let mut kept = Map::new();
    if principal.via() == api::Via::BreakGlass
        && let Some(author) = request.headers().get(api::path::AUTHOR_HEADER)
    {
        // What they say: anybody who has the token can say anything.
        let author: String = author.to_str().unwrap_or_default().chars().take(128).collect();
        kept.insert("author".into(), author.into());
    }
    if let Some((issuer, subject)) = principal.vouched() {
        kept.insert("issuer".into(), issuer.into());
        kept.insert("subject".into(), subject.into());
    }
    let query = request.uri().query().unwrap_or_default();
    // As the handlers read it, and apart from the body: one cannot pass for the other.
    let asked: Map<String, Value> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| KEPT.contains(&name.as_ref()))
        .map(|(name, value)| (name.into_owned(), short(value.into_owned())))
        .collect();
    if !asked.is_empty() {
        kept.insert("query".into(), asked.into());
    }
    let body = body.and_then(|it| serde_json::from_slice::<Value>(it).ok());
    if let Some(Value::Object(fields)) = body {
        for (name, value) in fields {
            if name == "edits" {
                keep_edits(&mut kept, &value);
            } else if KEPT.contains(&name.as_str()) && !value.is_null() {
                kept.insert(name, shorter(value));
            }
        }
    }
    if kept.is_empty() { String::new() } else { Value::Object(kept).to_string() }
}

fn keep_edits(kept: &mut Map<String, Value>, edits: &Value) {
    let Some(edits) = edits.as_array() else { return };
    kept.insert("edits".into(), edits.len().into());
    let addresses = edits.iter().filter_map(|it| it["address"].as_str());
    let addresses: Vec<Value> =
        addresses.take(ADDRESSES_MAX).map(|it| short(it.to_owned())).collect();
    kept.insert("addresses".into(), addresses.into());
}

fn short(text: String) -> Value {
    text.chars().take(VALUE_CHARACTERS_MAX).collect::<String>().into()
}

fn shorter(value: Value) -> Value {
    match value {
        Value::String(text) => short(text),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.len() <= VALUE_CHARACTERS_MAX { value } else { short(text) }
        }
        other => other,
    }
}
