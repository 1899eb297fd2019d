//! Signing in by an identity provider. These are places that a browser goes to, not calls of a script.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ::access::{Event, LoggedIn, Vouched};
use api::{OidcCallbackQuery, OidcWay, SignInWays, path};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use oidc::{Error, Person, Provider};

use super::access::{admit_session, session_cookie};
use crate::extract::Query;
use crate::guard::{cookie, now, source};
use crate::help;
use crate::problem::{Failure, Result};
use crate::routes::{App, Shared};

/// Binds a sign-in to the browser that began it. Lax: it has to come along when the provider's page
/// leads back.
const COOKIE_NAME: &str = "__Host-oidc";

const ACTION: &str = "GET /api/v1/session/oidc/callback";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(path::SESSION_WAYS, get(ways))
        .route(path::SESSION_OIDC, get(begin))
        .route(path::SESSION_OIDC_CALLBACK, get(finish))
}

/// `GET /api/v1/session/ways`
async fn ways(State(app): App) -> Json<SignInWays> {
    let Some(provider) = &app.oidc else { return Json(SignInWays::default()) };
    Json(SignInWays {
        oidc: Some(OidcWay {
            label: provider.label().to_owned(),
            path: path::SESSION_OIDC.to_owned(),
            available: provider.is_up().await,
        }),
    })
}

/// `GET /api/v1/session/oidc`: 303 to the provider.
async fn begin(State(app): App, request: Request) -> Response {
    let (from, headers) = (address(&request), request.into_parts().0.headers);
    let begun = match provider(&app) {
        Ok(provider) => provider.begin(from, now()).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let begun = match begun {
        Ok(begun) => begun,
        Err(failure) => return sorry(&headers, failure),
    };
    let (value, max_age) = (begun.browser, begun.expires_in.as_secs());
    let cookie =
        format!("{COOKIE_NAME}={value}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age={max_age}");
    let mut response = StatusCode::SEE_OTHER.into_response();
    add_cookie(&mut response, &cookie);
    if let Ok(location) = HeaderValue::try_from(begun.location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// `GET /api/v1/session/oidc/callback`: 200 with the session's cookie and a page that leads on to the
/// console. A page of ours, because the session's cookie is Strict: the browser would not send it along
/// with what another site led to.
async fn finish(
    State(app): App,
    Query(query): Query<OidcCallbackQuery>,
    request: Request,
) -> Response {
    let (from, headers) = (address(&request), request.into_parts().0.headers);
    let theirs = headers.clone();
    // Whoever hangs up in the middle is on record all the same.
    let tracker = app.tracker().clone();
    let done = tracker.spawn(async move { try_finish(&app, query, from, &theirs).await });
    let done = done.await.unwrap_or_else(|error| {
        Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
    });
    let mut response = match done {
        Ok(logged_in) => welcome(&logged_in),
        Err(failure) => sorry(&headers, failure),
    };
    let gone = format!("{COOKIE_NAME}=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0");
    add_cookie(&mut response, &gone);
    response
}

async fn try_finish(
    app: &Shared,
    query: OidcCallbackQuery,
    from: IpAddr,
    headers: &HeaderMap,
) -> Result<LoggedIn> {
    let provider = provider(app)?;
    app.access.oidc_attempt(from, now())?;
    let browser = cookie(headers, COOKIE_NAME).unwrap_or_default();
    let event = Event::new(ACTION, "", &from.to_string());
    let person = match provider.finish(&query, browser, now()).await {
        Ok(person) => person,
        Err(error) => return Err(refused(app, error, from, event).await),
    };
    let details = details(&person.issuer, &person.subject);
    let person = vouched(person);
    let logged_in = app.blocking(move |it| it.oidc_accepted(person, from, now())).await?;
    admit_session(app, event.details(details), logged_in).await
}

fn provider(app: &Shared) -> Result<&Provider> {
    app.oidc.as_deref().ok_or_else(|| {
        let detail = "no identity provider is configured";
        Failure::new(StatusCode::NOT_FOUND, "not_found", detail)
            .hint("sign in with a local account, or write [oidc] into the configuration")
    })
}

/// Whom the provider knows and we do not let in is written down; what a stranger made up is counted, and
/// written down now and then.
async fn refused(app: &Shared, error: Error, from: IpAddr, event: Event) -> Failure {
    let known = match &error {
        Error::NoGroup { name, subject } | Error::TooManyGroups { name, subject } => {
            Some((format!("oidc:{name}"), subject.clone()))
        }
        _ => None,
    };
    app.access.oidc_refused(from, known.is_some());
    let code = error.code();
    let failure = Failure::from(error);
    let event = match &known {
        Some((name, subject)) => {
            event.claimed(name).details(serde_json::json!({ "subject": subject }).to_string())
        }
        None if app.access.note_refusal(Some(from), now()) => event,
        None => return failure,
    };
    // Nobody was let in, so that the answer is true without it.
    let _ = app.record(event.alone("login", failure.status(), code)).await;
    failure
}

fn details(issuer: &str, subject: &str) -> String {
    serde_json::json!({ "issuer": issuer, "subject": subject }).to_string()
}

fn vouched(person: Person) -> Vouched {
    let Person { issuer, subject, name, grant, rules } = person;
    let oidc::Grant { role, domains, batches, .. } = grant;
    Vouched { issuer, subject, name, role, domains, batches, rules }
}

fn address(request: &Request) -> IpAddr {
    source(request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let forbidden = |hint: &str| Self::forbidden(detail.clone()).hint(hint);
        match error {
            // What exactly is in the log; a stranger need not know.
            Error::Provider(_) => {
                let detail = "the identity provider does not answer as it should";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "provider", detail)
                    .hint("sign in with a local account; the gateway's log says what is wrong")
            }
            Error::State => forbidden("sign in again from the console"),
            Error::Denied(_) | Error::Token(_) => {
                forbidden("sign in again; if it stays so, show this to an administrator")
            }
            Error::NoGroup { .. } => forbidden(
                "an administrator can put you into a group that [[oidc_group]] names, or name one of yours there",
            ),
            Error::TooManyGroups { .. } => forbidden(
                "an administrator can let the provider send only the groups of this application, or its roles",
            ),
            Error::Busy(wait) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", detail.clone())
                    .retry_after(wait.as_secs())
            }
        }
    }
}

/// With the cookie, and on to the console.
fn welcome(logged_in: &LoggedIn) -> Response {
    let head = "<meta http-equiv=\"refresh\" content=\"0;url=/console/\">\n";
    let body = "<h1>Signed in</h1>\n<p><a href=\"/console/\">To the console</a></p>\n";
    let mut response = help::html(StatusCode::OK, "Signed in", head, body);
    add_cookie(&mut response, &session_cookie(logged_in));
    response
}

/// A page for people, a problem for programs.
fn sorry(headers: &HeaderMap, failure: Failure) -> Response {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/html") {
        return failure.into_response();
    }
    let sentence = |text: &str| help::escaped(&capital(text));
    let (detail, hint) = (sentence(failure.detail()), sentence(failure.hint_text()));
    let body = format!(
        "<h1>Not signed in</h1>\n<p>{detail}.</p>\n<p>{hint}.</p>\n\
         <p><a href=\"/console/\">Back to the console</a></p>\n"
    );
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = help::html(status, "Not signed in", "", &body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

fn add_cookie(response: &mut Response, cookie: &str) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(mut value) = HeaderValue::try_from(cookie) {
        value.set_sensitive(true);
        headers.append(SET_COOKIE, value);
    }
}
