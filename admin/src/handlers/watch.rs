//! Live events and alerts.

use std::sync::Arc;

use api::{AlertList, AlertTest, Figures, StreamQuery, Topic, path};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use events::{EventId, Interest};

use crate::BackendError;
use crate::extract::{By, Query, Who};
use crate::problem::{Failure, Result};
use crate::routes::{App, Shared};
use crate::stream;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(path::STREAM, get(events))
        .route(path::ALERTS, get(alerts))
        .route(path::ALERTS_TEST, post(test_alerts))
        .route(path::FIGURES, get(figures))
}

/// The header by which a client says what it has heard last. WHATWG HTML §9.2.4.
const LAST_EVENT_ID: &str = "last-event-id";

/// `GET /api/v1/stream?…`: what happens, as it happens, until the client goes away.
///
/// With `Last-Event-ID` it begins after that event, as far as it is kept; what is lost is counted in
/// a `dropped` event. 503 when as many listen as may.
async fn events(
    State(app): App,
    Who(principal): Who,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<impl IntoResponse> {
    let interest = interest(query)?;
    // An id that we did not make is one of which nothing is kept.
    let unknown = EventId { run: 0, number: 0 };
    let after = headers
        .get(LAST_EVENT_ID)
        .map(|it| it.to_str().ok().and_then(|it| it.trim().parse().ok()).unwrap_or(unknown));
    let listener = app.backend.events().listen(interest, after).map_err(|it| {
        BackendError::Busy { detail: format!("{} connections follow live events already", it.max) }
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // For nginx, which otherwise keeps events until it has a bufferful.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let access = Arc::clone(&app.access);
    let may_hear = move || access.is_still(&principal, crate::guard::now());
    Ok((headers, stream::body(listener, &app.metrics, may_hear)))
}

fn interest(query: StreamQuery) -> Result<Interest> {
    let topic = |name: &str| {
        Topic::named(name).ok_or_else(|| {
            Failure::invalid(format!("topics: there is no topic {name:?}"))
                .hint("want some of flow, table, sites, alerts, plans, with commas between")
        })
    };
    let names = query.topics.as_deref().unwrap_or_default();
    let names = names.split(',').map(str::trim).filter(|it| !it.is_empty());
    Ok(Interest {
        topics: names.map(topic).collect::<Result<_>>()?,
        recipient: query.recipient.map(|it| it.to_lowercase()).filter(|it| !it.is_empty()),
        site: query.site.filter(|it| !it.is_empty()),
    })
}

/// `GET /api/v1/alerts`: what the gateway finds wrong with itself.
async fn alerts(State(app): App) -> Result<Json<AlertList>> {
    Ok(Json(app.backend.alerts().await?))
}

/// `POST /api/v1/alerts/test`: sends a test to whoever is told of alerts. 200 with what came of it.
async fn test_alerts(State(app): App, By(author): By) -> Result<Json<AlertTest>> {
    Ok(Json(app.to_the_end(|it| it.test_alerts(author)).await?))
}

/// `GET /api/v1/metrics/summary`: what was accepted, delivered, deferred and bounced in the last
/// hour, and what waited.
async fn figures(State(app): App) -> Result<Json<Figures>> {
    Ok(Json(app.backend.figures().await?))
}
