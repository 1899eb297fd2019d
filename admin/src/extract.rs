//! What handlers take from a request. A mistake becomes a problem that says where it is.

use std::sync::Arc;

use access::Principal;
use api::path::AUTHOR_HEADER;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::Author;
use crate::problem::{Failure, Result};

/// The body as JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let body = axum::Json::<T>::from_request(request, state).await;
        body.map(|axum::Json(value)| Self(value)).map_err(|rejection| match rejection {
            JsonRejection::BytesRejection(it) => bytes_failure(&it),
            JsonRejection::MissingJsonContentType(_) => {
                Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid", "the body is not JSON")
                    .hint("send Content-Type: application/json")
            }
            other => Failure::invalid(other.body_text()),
        })
    }
}

/// The body as JSON, for a handler that looks at the request first.
pub(crate) async fn json<T: DeserializeOwned>(request: Request) -> Result<T> {
    Json::from_request(request, &()).await.map(|Json(value)| value)
}

/// The body as it is.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        Bytes::from_request(request, state).await.map(Self).map_err(|it| bytes_failure(&it))
    }
}

fn bytes_failure(rejection: &BytesRejection) -> Failure {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large")
            .hint("at most 1 MiB, and 64 MiB for a table file: split it")
    } else {
        Failure::new(StatusCode::BAD_REQUEST, "invalid", rejection.body_text())
    }
}

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|it: QueryRejection| Failure::invalid(it.body_text()))
    }
}

/// The one variable segment of the path, unescaped.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|it: PathRejection| Failure::invalid(it.body_text()))
    }
}

/// Who asks, as the guard found out.
pub(crate) struct Who(pub(crate) Arc<Principal>);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get().cloned().map(Self).ok_or_else(Failure::unauthorized)
    }
}

/// Who asks, for histories: the name of the account or the token. With `admin.token` it is what they
/// call themselves.
pub(crate) struct By(pub(crate) Author);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        match parts.extensions.get::<Arc<Principal>>() {
            Some(it) if it.via() != api::Via::BreakGlass => Ok(Self(Author(it.name().to_owned()))),
            _ => Ok(Self(author(&parts.headers))),
        }
    }
}

/// Bytes of the author's name that are kept.
const AUTHOR_BYTES_MAX: usize = 128;

fn author(headers: &HeaderMap) -> Author {
    let given = headers.get(AUTHOR_HEADER).and_then(|it| it.to_str().ok()).map(str::trim);
    let name = given.filter(|it| !it.is_empty()).unwrap_or("admin");
    Author(name.chars().take(AUTHOR_BYTES_MAX).collect())
}

/// The generation that `If-Match` names. RFC 9110 §13.1.1; `*` and no header mean any.
pub(crate) struct IfMatch(pub(crate) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let digits = text.trim_start_matches("W/").trim_matches('"');
        digits.parse().map(|generation| Self(Some(generation))).map_err(|_| {
            Failure::invalid(format!("If-Match: want a generation in quotes, not {text}"))
        })
    }
}
