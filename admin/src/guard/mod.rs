//! What is asked of every request below `/api/v1` before its handler: who are you, may you do that,
//! may you do it to this; and the audit log's records before and after.
//!
//! ```text
//! identify ── need ── limit ── key ── audit "begun" ── handler ── audit "ended" ── answer
//!    401       403     403     409        503              (on the tracker, to its end)
//! ```

mod audit;
mod idempotency;
mod identify;
pub(crate) mod limited;

use std::sync::Arc;

use access::Principal;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) use identify::{COOKIE_NAME, Peer, check_site, cookie, now, source};

use crate::endpoints::{Endpoint, Need, endpoints};
use crate::problem::Failure;
use crate::routes::{App, Shared};

/// The layer of everything that is not open to all.
pub(crate) async fn guarded(State(shared): App, mut request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    if asked.need == Need::Open {
        return next.run(request).await;
    }
    let principal = match identify::identify(&shared, request.headers(), source(&request)) {
        Ok(principal) => principal,
        Err(unknown) => {
            let event = asked.event(&request).alone("refused", 401, "unauthorized");
            return refused(&shared, event, unknown).await;
        }
    };
    if let Err(failure) = admit(&principal, &asked, &request) {
        let event = asked.event(&request).by(&principal);
        if asked.is_audited(request.method()) && shared.access.note_refusal(source(&request), now())
        {
            let event = event.alone("refused", failure.status(), failure.code());
            let _ = shared.record(event).await;
        }
        return failure.into_response();
    }
    request.extensions_mut().insert(Arc::new(principal.clone()));
    audit::audited(shared, asked, principal, request, next).await
}

/// Bad tokens are written down, but not without end.
async fn refused(shared: &Shared, event: access::Event, unknown: identify::Unknown) -> Response {
    shared.unauthorized();
    if unknown.is_worth_a_record {
        let _ = shared.record(event).await;
    }
    Failure::unauthorized().into_response()
}

fn admit(principal: &Principal, asked: &Asked, request: &Request) -> Result<(), Failure> {
    if principal.is_session() && changes(request.method()) {
        identify::check_csrf(request.headers())?;
    }
    if !asked.need.is_met_by(principal.role()) {
        let detail = format!(
            "{} is {}, and this wants {}",
            principal.name(),
            principal.role().as_str(),
            asked.need.as_str()
        );
        return Err(Failure::forbidden(detail)
            .hint("ask an administrator for the role, or somebody who has it to do it"));
    }
    limited::admit(principal, &asked.action)
}

/// What a request is, by the list of endpoints.
#[derive(Clone)]
pub(crate) struct Asked {
    need: Need,
    /// `POST /api/v1/plans/{name}/apply`
    action: String,
    route: Option<MatchedPath>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let path = route.as_ref().map_or("", MatchedPath::as_str);
        let method = match *request.method() {
            Method::HEAD => "get".to_owned(),
            ref other => other.as_str().to_ascii_lowercase(),
        };
        let is_it = |it: &&Endpoint| it.path == path && it.method == method;
        let need = match endpoints().find(is_it) {
            Some(endpoint) => endpoint.need,
            // There is nothing there, which anybody with a token may know.
            None if path.contains("{*") => Need::Viewer,
            None => Need::Administrator,
        };
        let path = if path.contains("{*") { "/api/v1/…" } else { path };
        Self { need, action: format!("{} {path}", method.to_uppercase()), route }
    }

    /// What changes something, and what shows mail or much of the table.
    fn is_audited(&self, method: &Method) -> bool {
        let is_nothing = self.route.as_ref().is_none_or(|it| it.as_str().contains("{*"));
        (changes(method) && !is_nothing) || audit::REVEALING.contains(&self.action.as_str())
    }

    fn event(&self, request: &Request) -> access::Event {
        let target = audit::target(self.route.as_ref(), request.uri().path());
        let source = source(request).map(|it| it.to_string()).unwrap_or_default();
        access::Event::new(self.action.clone(), target, &source)
    }
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

impl Failure {
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }
}
