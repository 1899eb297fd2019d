//! Who asks: by a bearer token or a cookie.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use access::{Attempt, Method, Principal};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, StatusCode};

use crate::problem::Failure;
use crate::routes::Shared;

/// `__Host-` makes browsers insist on Secure, Path=/ and no Domain. RFC 6265bis §4.1.3.2.
pub(crate) const COOKIE_NAME: &str = "__Host-sid";

/// The other end of the connection; put into each request by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

pub(crate) fn source(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|it| it.0.ip().to_canonical())
}

pub(crate) fn now() -> mail::Timestamp {
    mail::Timestamp::from_system(SystemTime::now())
}

/// Nobody we know.
pub(super) struct Unknown {
    /// A token was offered, and this network has not failed too often lately.
    pub(super) is_worth_a_record: bool,
}

pub(super) fn identify(
    shared: &Shared,
    headers: &HeaderMap,
    source: Option<IpAddr>,
) -> Result<Principal, Unknown> {
    let access = &shared.access;
    if let Some(token) = bearer(headers) {
        if let Some(principal) = access.by_token(token, now()) {
            if principal.via() == api::Via::BreakGlass {
                access.metrics().attempt(Method::BreakGlass, Attempt::Accepted);
            }
            return Ok(principal);
        }
        access.metrics().attempt(Method::Token, Attempt::Refused);
        return Err(Unknown { is_worth_a_record: access.note_refusal(source, now()) });
    }
    let found = cookie(headers, COOKIE_NAME).and_then(|it| access.by_cookie(it, now()));
    found.ok_or(Unknown { is_worth_a_record: false })
}

/// The token after `Bearer`. RFC 6750 §2.1; the scheme's name is in any case, RFC 9110 §11.1.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// RFC 6265 §4.2.1.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let pairs = all.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// A page of another site cannot add a header of ours, and a browser says where the page was from.
pub(super) fn check_csrf(headers: &HeaderMap) -> Result<(), Failure> {
    if !headers.contains_key(api::path::CSRF_HEADER) {
        let detail = "a signed-in browser has to prove that the page is ours";
        return Err(Failure::new(StatusCode::FORBIDDEN, "csrf", detail)
            .hint(format!("add the header {}: 1", api::path::CSRF_HEADER)));
    }
    check_site(headers)
}

/// Fetch metadata: browsers that send it cannot be made to lie by a page.
pub(crate) fn check_site(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(site) = headers.get("sec-fetch-site") else { return Ok(()) };
    if matches!(site.as_bytes(), b"same-origin" | b"none") {
        return Ok(());
    }
    let detail = "the page that asks is not the gateway's own";
    Err(Failure::new(StatusCode::FORBIDDEN, "csrf", detail).hint("open the console itself"))
}
