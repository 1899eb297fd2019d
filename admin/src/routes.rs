//! Path and method → handler, and what is asked of every request before it gets there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::access::{Access, AccessError, Event};
use ::oidc::Provider;
use api::path;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use prometheus::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::console;
use crate::guard::guarded;
use crate::handlers::{
    access, health, moves, oidc, plans, queue, recipients, site, table, trace, watch,
};
use crate::help;
use crate::metrics::AdminMetrics;
use crate::openapi;
use crate::problem::Failure;
use crate::{Answer, Backend, BackendError};

/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a table file: a million rows of 64 bytes.
pub const IMPORT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Table files held in memory at the same time; further imports are told to come back.
const IMPORTS_MAX: usize = 2;
/// Passwords hashed at the same time, 19 MiB each by default.
const HASHING_MAX: usize = 2;

/// What handlers share.
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) registry: Registry,
    pub(crate) imports: Arc<Semaphore>,
    tracker: TaskTracker,
    pub(crate) access: Arc<Access>,
    /// Passwords hashed at the same time: each takes memory.
    pub(crate) hashing: Arc<Semaphore>,
    pub(crate) metrics: AdminMetrics,
    pub(crate) oidc: Option<Arc<Provider>>,
}

pub(crate) type App = State<Arc<Shared>>;

impl Shared {
    /// For what changes something: it runs to its end, whatever becomes of the request. A client
    /// that goes away or a deadline that passes must not leave an action half done.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        change: impl for<'a> FnOnce(&'a dyn Backend) -> Answer<'a, T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let backend = Arc::clone(&self.backend);
        let done = self.tracker.spawn(async move { change(&*backend).await });
        done.await.unwrap_or_else(|it| Err(BackendError::Failed { detail: it.to_string() }))
    }
}

impl Shared {
    /// What waits for the disk of `access`, away from the runtime's threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Access) -> T + Send + 'static,
    ) -> T {
        let access = Arc::clone(&self.access);
        let done = tokio::task::spawn_blocking(move || work(&access)).await;
        done.expect("no panic in there, and it is not aborted")
    }

    /// The same for what hashes a password: its turn lasts as long as the work, not the request.
    pub(crate) async fn hashing<T: Send + 'static>(
        &self,
        permit: OwnedSemaphorePermit,
        work: impl FnOnce(&Access) -> T + Send + 'static,
    ) -> T {
        self.blocking(move |access| {
            let done = work(access);
            drop(permit);
            done
        })
        .await
    }

    /// On disk when this returns.
    pub(crate) async fn record(&self, event: Event) -> Result<u64, AccessError> {
        self.blocking(move |access| access.record(event, crate::guard::now())).await
    }

    pub(crate) fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    pub(crate) fn unauthorized(&self) {
        self.metrics.unauthorized.inc();
    }
}

/// The whole of the admin API, for [`crate::serve`]. Fails if `registry` has our metrics already.
/// What changes something runs on `tracker`, so that shutdown waits for it.
pub fn router(
    backend: Arc<dyn Backend>,
    access: Arc<Access>,
    registry: Registry,
    tracker: TaskTracker,
    oidc: Option<Arc<Provider>>,
) -> Result<(Router, AdminMetrics), prometheus::Error> {
    let metrics = AdminMetrics::register(&registry)?;
    let imports = Arc::new(Semaphore::new(IMPORTS_MAX));
    let hashing = Arc::new(Semaphore::new(HASHING_MAX));
    let metrics_too = metrics.clone();
    let shared =
        Shared { backend, registry, imports, tracker, access, hashing, metrics: metrics_too, oidc };
    let shared = Arc::new(shared);
    let router = open()
        .merge(console::routes())
        .merge(closed(&shared))
        .fallback(async || Failure::not_found())
        .method_not_allowed_fallback(async || Failure::method_not_allowed())
        .layer(from_fn(within_deadline))
        .layer(from_fn_with_state(Arc::clone(&shared), measured))
        .with_state(shared);
    Ok((router, metrics))
}

/// For load balancers and Prometheus: no token, nothing of the table or the mail.
fn open() -> Router<Arc<Shared>> {
    Router::new()
        .route(path::LIVEZ, get(health::livez))
        .route(path::READYZ, get(health::readyz))
        .route(path::METRICS, get(health::metrics))
        .route("/help", get(help::index))
        .route("/help/", get(help::index))
        .route("/help/{page}", get(help::page))
}

/// Everything that wants a token, unknown paths below `/api/v1` included.
fn closed(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let import = post(table::import).layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX));
    let of_entry = get(table::entry).put(table::put_entry).delete(table::delete_entry);
    Router::new()
        .route(path::VERSION, get(health::version))
        .route(path::STATS, get(health::stats))
        .route(path::CONFIGURATION, get(health::configuration))
        .route(path::RELOAD, post(health::reload))
        .route(path::OPENAPI, get(openapi::serve))
        .route(path::TABLE, get(table::info))
        .route(path::ENTRIES, get(table::entries))
        .route(&with_segment(path::ENTRIES, ""), of_entry)
        .route(path::EDITS, post(table::edits))
        .route(path::HISTORY, get(table::history))
        .route(path::EXPORT, get(table::export))
        .route(path::EXPLAIN, get(table::explain))
        .route(path::QUEUE, get(queue::list))
        .route(path::QUEUE_SUMMARY, get(queue::summary))
        .route(path::QUEUE_ACTIONS, post(queue::act))
        .route(&with_segment(path::QUEUE_MESSAGES, ""), get(queue::show))
        .route(&with_segment(path::QUEUE_MESSAGES, "/content"), get(queue::content))
        .route(path::SITES, get(site::list))
        .route(&with_segment(path::SITES, "/probe"), post(site::probe))
        .route(&with_segment(path::SITES, "/override"), put(site::force))
        .route(path::TRACE, get(trace::trace))
        .route(path::LEDGER_VERIFY, get(trace::verify))
        .merge(plans::routes())
        .merge(moves::routes())
        .merge(recipients::routes())
        .merge(access::routes())
        .merge(oidc::routes())
        .merge(watch::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .route(path::IMPORT, import)
        .route(
            &format!("{}/{{*rest}}", path::V1),
            axum::routing::any(async || Failure::not_found()),
        )
        .layer(from_fn_with_state(Arc::clone(shared), guarded))
        .layer(from_fn(kept_by_nobody))
}

/// Addresses, mail and secrets are for whoever asked: for no cache, and for no guess at what they are.
async fn kept_by_nobody(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(crate) fn with_segment(collection: &str, rest: &str) -> String {
    format!("{collection}/{{name}}{rest}")
}

/// Cuts off what takes too long: the answer, and not a change, see [`Shared::to_the_end`]. A streamed
/// answer has begun by then and is not cut.
async fn within_deadline(request: Request, next: Next) -> Response {
    let deadline = deadline(request.uri().path());
    match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::timeout(deadline.as_secs()).into_response(),
    }
}

/// How long a request may take: 30 s, unless it moves a file, reads the whole spool or waits for
/// another server. The body's arrival counts.
fn deadline(path: &str) -> Duration {
    let long = [
        path::IMPORT,
        path::PLANS_IMPORT,
        path::TABLE_VERIFY,
        path::LEDGER_VERIFY,
        path::AUDIT_VERIFY,
    ];
    let long = long.contains(&path) || path.starts_with(path::DIRECTORY_SOURCES);
    let probe = path.starts_with(path::SITES) && path.ends_with("/probe");
    Duration::from_secs(match (long, probe) {
        (true, _) => 300,
        (_, true) => 90,
        (false, false) => 30,
    })
}

async fn measured(State(shared): App, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    shared.metrics.observe(route, method, response.status().as_u16(), begun.elapsed());
    response
}

/// A label must not be a stranger's invention.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
