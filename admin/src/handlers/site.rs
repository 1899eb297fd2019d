//! Health of the sites.

use api::{OverrideRequest, OverrideTo, Probe, Site, SiteList};
use axum::Json;
use axum::extract::State;

use crate::extract::{By, Json as JsonBody, Segment};
use crate::problem::{Failure, Result};
use crate::routes::App;

/// Longest override, in seconds: 30 days. One that outlives its reason is a trap.
const OVERRIDE_SECONDS_MAX: u64 = 30 * 86_400;

/// `GET /api/v1/sites`: state, hosts, override and backlog of each.
pub(crate) async fn list(State(app): App) -> Result<Json<SiteList>> {
    Ok(Json(app.backend.sites().await?))
}

/// `POST /api/v1/sites/{name}/probe`: talks to each of its hosts now. 200 also if they fail: see
/// `ok`. Does not change the site's state by itself.
pub(crate) async fn probe(State(app): App, Segment(name): Segment) -> Result<Json<Probe>> {
    Ok(Json(app.backend.probe(name).await?))
}

/// `PUT /api/v1/sites/{name}/override`: an operator's word against the probes, or `auto`.
///
/// 200 with the site as it is then; 404 for an unknown site; 422 if a reason is missing.
pub(crate) async fn force(
    State(app): App,
    Segment(name): Segment,
    By(author): By,
    JsonBody(request): JsonBody<OverrideRequest>,
) -> Result<Json<Site>> {
    if request.to != OverrideTo::Auto && request.reason.trim().is_empty() {
        return Err(Failure::invalid("reason: say why, for whoever finds the override later"));
    }
    if request.for_seconds.is_some_and(|it| it == 0 || it > OVERRIDE_SECONDS_MAX) {
        let detail = format!("for_seconds: want 1 to {OVERRIDE_SECONDS_MAX}, or null for no end");
        return Err(Failure::invalid(detail));
    }
    Ok(Json(app.to_the_end(|it| it.force(name, request, author)).await?))
}
