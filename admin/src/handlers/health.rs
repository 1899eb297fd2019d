//! Is it alive, may mail be sent to it, what does it count.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use prometheus::TextEncoder;

use crate::extract::By;
use crate::problem::{Failure, Result};
use crate::routes::App;

/// `GET /livez`: 200 as long as the process answers at all.
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when mail can be taken, 503 otherwise; each check with its reason.
pub(crate) async fn readyz(State(app): App) -> Result<impl IntoResponse> {
    let readiness = app.backend.readiness().await?;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(readiness)))
}

/// `GET /metrics`: Prometheus' text format, version 0.0.4.
pub(crate) async fn metrics(State(app): App) -> Result<impl IntoResponse> {
    let families = app.registry.gather();
    let text = TextEncoder::new().encode_to_string(&families).map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    })?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

/// `GET /api/v1/version`.
pub(crate) async fn version(State(app): App) -> Json<api::Version> {
    Json(app.backend.version())
}

/// `GET /api/v1/stats`: the figures one looks at first.
pub(crate) async fn stats(State(app): App) -> Result<Json<api::Stats>> {
    Ok(Json(app.backend.stats().await?))
}

/// `GET /api/v1/configuration`: what the gateway goes by, and what a reload would change.
///
/// 200 also when the file has mistakes by now: they are in the answer.
pub(crate) async fn configuration(State(app): App) -> Result<Json<api::Configuration>> {
    Ok(Json(app.backend.configuration().await?))
}

/// `POST /api/v1/reload`: reads the configuration again, as SIGHUP does.
///
/// 200 with what changed and what waits for a restart; 422 with every mistake of the file, and then
/// the old configuration stays.
pub(crate) async fn reload(State(app): App, By(author): By) -> Result<Json<api::Reloaded>> {
    Ok(Json(app.to_the_end(|it| it.reload(author)).await?))
}
