//! Every answer that is not a success, as an RFC 9457 problem.

use access::AccessError;
use api::{FieldError, PROBLEM_JSON, Problem};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::BackendError;

/// What a handler fails with.
#[derive(Debug)]
pub(crate) struct Failure(Box<Problem>, Option<u64>);

/// The problem's code beside the answer, for the audit log.
#[derive(Clone)]
pub(crate) struct ProblemCode(pub(crate) String);

/// What a handler returns.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(
            Box::new(Problem {
                status: status.as_u16(),
                code: code.to_owned(),
                title: status.canonical_reason().unwrap_or("Failed").to_owned(),
                detail: detail.into(),
                ..Problem::default()
            }),
            None,
        )
    }

    /// Seconds to wait before the next attempt. RFC 9110 §10.2.3.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.1 = Some(seconds);
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn hint_text(&self) -> &str {
        self.0.hint.as_deref().unwrap_or_default()
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "a valid bearer token is needed")
            .hint("send \"Authorization: Bearer TOKEN\", or sign in: POST /api/v1/session")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
            .hint("GET /api/v1/openapi.json lists what there is")
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "not with this method")
            .hint("the Allow header lists the methods")
    }

    pub(crate) fn timeout(seconds: u64) -> Self {
        let detail = format!("no answer within {seconds} s; what was asked may still be done");
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail)
            .hint("look at the state before you ask again")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        let detail = error.to_string();
        match error {
            BackendError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            BackendError::Conflict { generation } => {
                let mut failure = Self::new(StatusCode::PRECONDITION_FAILED, "conflict", detail)
                    .hint("read the table again, then repeat the edit if it still makes sense");
                failure.0.generation = Some(generation);
                failure
            }
            BackendError::Invalid { errors, .. } => Self::invalid(detail).errors(errors),
            BackendError::Refused { hint, .. } => {
                with_hint(Self::new(StatusCode::CONFLICT, "refused", detail), hint)
            }
            BackendError::MovesChanged { generation, conflicts } => {
                let mut failure = Self::new(StatusCode::CONFLICT, "conflict", detail).hint(
                    "read the moves again; a step that you made yourself can be repeated as it was",
                );
                failure.0.generation = Some(generation);
                failure.0.conflicts = conflicts;
                failure
            }
            BackendError::RowsChanged { generation, conflicts } => {
                let mut failure = Self::new(StatusCode::CONFLICT, "conflict", detail)
                    .hint("look at `conflicts`, then make a new plan");
                failure.0.generation = Some(generation);
                failure.0.conflicts = conflicts;
                failure
            }
            BackendError::Blocked(blocked) => {
                let hint = blocked.first().map(|it| it.hint.clone());
                let mut failure =
                    with_hint(Self::new(StatusCode::FORBIDDEN, "blocked", detail), hint);
                failure.0.blocked = blocked;
                failure
            }
            BackendError::Busy { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).hint("try again soon")
            }
            BackendError::Failed { .. } => {
                tracing::error!(error = %detail, "An admin request failed.");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
                    .hint("the gateway's log has the details")
            }
        }
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        let detail = error.to_string();
        match error {
            AccessError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            AccessError::Invalid { .. } => Self::invalid(detail),
            AccessError::Refused { hint, .. } => {
                Self::new(StatusCode::CONFLICT, "refused", detail).hint(hint)
            }
            AccessError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
            AccessError::Full(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).hint("try again later")
            }
            _ => {
                tracing::error!(error = %detail, "An admin request failed.");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
                    .hint("the gateway's log has the details")
            }
        }
    }
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = ProblemCode(self.0.code.clone());
        let mut response = (status, axum::Json(*self.0)).into_response();
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"causeway\""),
                );
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => (),
        }
        if let Some(seconds) = self.1 {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
