//! Accounts, tokens, sessions and the audit log.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ::access::{AccessError, Event, LoggedIn, LoginError};
use api::{
    AuditAnchor, AuditList, AuditQuery, AuditVerification, Done, Login, MadeToken, NewToken,
    NewUser, PasswordChange, SessionList, TokenList, Totp, TotpRequest, User, UserList, UserPatch,
    Whoami, path,
};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::{PAGE_DEFAULT, page_rows, segment_of};
use crate::extract::{By, Json as JsonBody, Query, Segment, Who, json};
use crate::guard::{COOKIE_NAME, check_site, now, source};
use crate::problem::{Failure, Result};
use crate::routes::{App, Shared};

/// How long a password waits for its turn to be hashed.
const HASHING_WAIT: Duration = Duration::from_secs(10);

pub(crate) fn routes() -> Router<Arc<Shared>> {
    let user = get(one_user).patch(change_user).delete(remove_user);
    Router::new()
        .route(path::SESSION, get(whoami).post(login).delete(logout))
        .route(path::SESSIONS, get(sessions))
        .route(&segment_of(path::SESSIONS, ""), delete(end_session))
        .route(path::USERS, get(users).post(add_user))
        .route(&segment_of(path::USERS, ""), user)
        .route(&segment_of(path::USERS, "/password"), post(set_password))
        .route(&segment_of(path::USERS, "/totp"), post(totp))
        .route(path::TOKENS, get(tokens).post(make_token))
        .route(&segment_of(path::TOKENS, ""), delete(revoke_token))
        .route(path::AUDIT, get(audit))
        .route(path::AUDIT_VERIFY, get(verify_audit))
        .route(path::AUDIT_EXPORT, get(export_audit))
}

/// `POST /api/v1/session`: 200 with a cookie; 401 `unauthorized` or `second_factor`; 429 with
/// `Retry-After` after too many failures. What came of it is in the audit log before it is said.
async fn login(State(app): App, request: Request) -> Result<Response> {
    check_site(request.headers())?;
    let source = source(&request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let login: Login = json(request).await?;
    let permit = turn(&app).await?;
    // Whoever hangs up in the middle is on record all the same.
    let tracker = app.tracker().clone();
    let done = tracker.spawn(async move { signed_in(&app, login, source, permit).await });
    done.await.unwrap_or_else(|error| {
        Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
    })
}

async fn signed_in(
    app: &Shared,
    login: Login,
    source: IpAddr,
    permit: OwnedSemaphorePermit,
) -> Result<Response> {
    // What was typed in the wrong field may be a secret: only names that exist are written down.
    let claimed = match &login.user {
        None => "token".to_owned(),
        Some(name) if app.access.user(name).is_ok() => name.clone(),
        Some(_) => "unknown".to_owned(),
    };
    let done = app.hashing(permit, move |access| access.login(&login, source, now())).await;
    let event = Event::new("POST /api/v1/session", "", &source.to_string()).claimed(&claimed);
    match done {
        Ok(logged_in) => {
            let logged_in = admit_session(app, event, logged_in).await?;
            Ok(private(&session_cookie(&logged_in), Json(logged_in.whoami)))
        }
        Err(error) => {
            let throttled = matches!(error, LoginError::Throttled(_));
            let failure = Failure::from(error);
            // A throttled attempt tells nothing new, and there may be thousands.
            if !throttled {
                let event = event.alone("login", failure.status(), failure.code());
                app.record(event).await.map_err(|_| Failure::audit_unavailable())?;
            }
            Err(failure)
        }
    }
}

/// The session that has begun is on record, or ends.
pub(super) async fn admit_session(
    app: &Shared,
    event: Event,
    logged_in: LoggedIn,
) -> Result<LoggedIn> {
    let event = event.by(&logged_in.principal).alone("login", 200, "");
    if app.record(event).await.is_ok() {
        return Ok(logged_in);
    }
    let (id, who) = (logged_in.principal.id().map(str::to_owned), logged_in.principal);
    let _ = app.blocking(move |it| it.end_session(&id.unwrap_or_default(), &who, now())).await;
    Err(Failure::audit_unavailable())
}

/// A permit to hash a password, or 503.
async fn turn(app: &Shared) -> Result<OwnedSemaphorePermit> {
    let hashing = Arc::clone(&app.hashing).acquire_owned();
    let permit = tokio::time::timeout(HASHING_WAIT, hashing).await;
    permit.ok().and_then(std::result::Result::ok).ok_or_else(|| {
        let detail = "too many people sign in at once";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).hint("try again soon")
    })
}

pub(super) fn session_cookie(logged_in: &LoggedIn) -> String {
    let LoggedIn { cookie, expires_in, .. } = logged_in;
    let max_age = expires_in.as_secs();
    format!("{COOKIE_NAME}={cookie}; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age={max_age}")
}

/// With a cookie, and not for any cache.
fn private(cookie: &str, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(mut value) = HeaderValue::try_from(cookie) {
        value.set_sensitive(true);
        headers.insert(SET_COOKIE, value);
    }
    response
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let detail = error.to_string();
        match error {
            LoginError::Wrong | LoginError::WrongToken => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
                    .hint("after five failures the next attempts have to wait a little")
            }
            LoginError::SecondFactor | LoginError::WrongCode => {
                Self::new(StatusCode::UNAUTHORIZED, "second_factor", detail)
                    .hint("send the six digits, or a recovery code, as code")
            }
            LoginError::Throttled(wait) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", detail)
                    .retry_after(wait.as_secs())
            }
            LoginError::Other(error) => error.into(),
        }
    }
}

impl Failure {
    pub(crate) fn audit_unavailable() -> Self {
        let detail = "the audit log cannot be written, so this was not done";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", detail)
            .hint("is the disk full, or data_dir read-only? The gateway's log has the error")
    }
}

/// `GET /api/v1/session`
async fn whoami(Who(principal): Who) -> Json<Whoami> {
    Json(principal.whoami())
}

/// `DELETE /api/v1/session`: with a token there is none to end.
async fn logout(State(app): App, Who(principal): Who) -> Result<Response> {
    if !principal.is_session() {
        let detail = "this call came with a token, and not by a session";
        return Err(Failure::new(StatusCode::CONFLICT, "refused", detail)
            .hint("DELETE /api/v1/tokens/{id} revokes a token"));
    }
    let id = principal.id().unwrap_or_default().to_owned();
    let done = app.blocking(move |access| access.end_session(&id, &principal, now())).await?;
    let gone = format!("{COOKIE_NAME}=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0");
    Ok(private(&gone, Json(done)))
}

/// `GET /api/v1/sessions`
async fn sessions(State(app): App, Who(principal): Who) -> Json<SessionList> {
    Json(app.access.sessions(&principal, now()))
}

/// `DELETE /api/v1/sessions/{id}`
async fn end_session(
    State(app): App,
    Who(principal): Who,
    Segment(id): Segment,
) -> Result<Json<Done>> {
    Ok(Json(app.blocking(move |access| access.end_session(&id, &principal, now())).await?))
}

/// `GET /api/v1/users`
async fn users(State(app): App) -> Json<UserList> {
    Json(app.access.users())
}

/// `GET /api/v1/users/{name}`
async fn one_user(State(app): App, Segment(name): Segment) -> Result<Json<User>> {
    Ok(Json(app.access.user(&name)?))
}

/// `POST /api/v1/users`: 409 if there is one of that name; 422 for a weak password.
async fn add_user(
    State(app): App,
    By(author): By,
    JsonBody(new): JsonBody<NewUser>,
) -> Result<Json<User>> {
    let permit = turn(&app).await?;
    Ok(Json(app.hashing(permit, move |access| access.add_user(new, &author.0, now())).await?))
}

/// `PATCH /api/v1/users/{name}`
async fn change_user(
    State(app): App,
    Segment(name): Segment,
    JsonBody(patch): JsonBody<UserPatch>,
) -> Result<Json<User>> {
    Ok(Json(app.blocking(move |access| access.change_user(&name, &patch, now())).await?))
}

/// `DELETE /api/v1/users/{name}`
async fn remove_user(State(app): App, Segment(name): Segment) -> Result<Json<Done>> {
    Ok(Json(app.blocking(move |access| access.remove_user(&name)).await?))
}

/// `POST /api/v1/users/{name}/password`
async fn set_password(
    State(app): App,
    Who(principal): Who,
    Segment(name): Segment,
    JsonBody(change): JsonBody<PasswordChange>,
) -> Result<Json<Done>> {
    let permit = turn(&app).await?;
    let set = move |it: &::access::Access| it.set_password(&name, &change, &principal, now());
    Ok(Json(app.hashing(permit, set).await?))
}

/// `POST /api/v1/users/{name}/totp`
async fn totp(
    State(app): App,
    Who(principal): Who,
    Segment(name): Segment,
    JsonBody(request): JsonBody<TotpRequest>,
) -> Result<Json<Totp>> {
    let done: std::result::Result<Totp, AccessError> =
        app.blocking(move |it| it.totp(&name, &request, &principal, "Causeway", now())).await;
    Ok(Json(done?))
}

/// `GET /api/v1/tokens`
async fn tokens(State(app): App) -> Json<TokenList> {
    Json(app.access.tokens())
}

/// `POST /api/v1/tokens`
async fn make_token(
    State(app): App,
    By(author): By,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<Json<MadeToken>> {
    Ok(Json(app.blocking(move |access| access.make_token(&new, &author.0, now())).await?))
}

/// `DELETE /api/v1/tokens/{id}`
async fn revoke_token(State(app): App, Segment(id): Segment) -> Result<Json<Done>> {
    Ok(Json(app.blocking(move |access| access.revoke_token(&id)).await?))
}

/// `GET /api/v1/audit?…`
async fn audit(State(app): App, Query(mut query): Query<AuditQuery>) -> Result<Json<AuditList>> {
    query.limit = Some(page_rows(query.limit, PAGE_DEFAULT)?);
    Ok(Json(app.blocking(move |access| access.audit(&query)).await?))
}

/// `GET /api/v1/audit/verify?…`: 200 also if it is broken.
async fn verify_audit(
    State(app): App,
    Query(anchor): Query<AuditAnchor>,
) -> Result<Json<AuditVerification>> {
    if anchor.seq.is_some() != anchor.hash.is_some() {
        return Err(Failure::invalid("seq, hash: want both of an earlier head, or neither"));
    }
    Ok(Json(app.blocking(move |access| access.verify_audit(&anchor)).await?))
}

/// `GET /api/v1/audit/export`: up to the record that this call makes, and not without end.
async fn export_audit(State(app): App) -> Result<Response> {
    let head = app.blocking(|it| it.audit_head()).await?;
    let pieces = stream::try_unfold((0, app), move |(after, app)| async move {
        if after >= head {
            return Ok(None);
        }
        let records = app.blocking(move |access| access.audit_after(after)).await;
        let records = records.map_err(std::io::Error::other)?;
        let Some(last) = records.last().map(|it| it.seq) else { return Ok(None) };
        let mut lines = Vec::new();
        for record in records.iter().filter(|it| it.seq <= head) {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        Ok::<_, std::io::Error>(Some((Bytes::from(lines), (last, app))))
    });
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
