//! Each handler parses, calls one method of the backend, and translates.

pub(crate) mod access;
pub(crate) mod health;
pub(crate) mod moves;
pub(crate) mod oidc;
pub(crate) mod plans;
pub(crate) mod queue;
pub(crate) mod recipients;
pub(crate) mod site;
pub(crate) mod table;
pub(crate) mod trace;
pub(crate) mod watch;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::problem::{Failure, Result};

/// The path of one of a collection.
fn segment_of(collection: &str, rest: &str) -> String {
    format!("{collection}/{{name}}{rest}")
}

/// Rows of a page when the client does not say.
const PAGE_DEFAULT: u32 = 200;
const PAGE_MAX: u32 = 1000;

/// `asked` rows, or the default; 422 outside 1 to 1,000.
fn page_rows(asked: Option<u32>, default: u32) -> Result<u32> {
    match asked.unwrap_or(default) {
        rows @ 1..=PAGE_MAX => Ok(rows),
        other => Err(Failure::invalid(format!("limit: want 1 to {PAGE_MAX}, not {other}"))),
    }
}

/// The generation as a validator that `If-Match` takes. RFC 9110 §8.8.3.
fn etag(generation: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(format!("\"{generation}\"")) {
        headers.insert(header::ETAG, value);
    }
    headers
}
