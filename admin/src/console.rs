//! `/console/`: the operator's console, embedded. It wants no token itself; the calls that it makes
//! are those of the API and are authorised like any other.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use webui::{Asset, INDEX};

use crate::problem::Failure;

const ROOT: &str = "/console/";

/// Nothing inline, nothing from another origin, no string that becomes code.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const SECURITY: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(to_console))
        .route("/console", get(to_console))
        .route(ROOT, get(page))
        .route(&format!("{ROOT}{{*path}}"), get(page))
}

async fn to_console() -> impl IntoResponse {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, ROOT)])
}

/// A file of the console. Its own places, such as `/console/moves/anna@contoso.example`, are all the
/// first page; files are in no folder.
async fn page(uri: Uri, request: HeaderMap) -> Response {
    let path = uri.path().strip_prefix(ROOT).unwrap_or_default();
    let accept = request.get(header::ACCEPT_ENCODING).and_then(|it| it.to_str().ok());
    let accept = accept.unwrap_or_default();
    let is_file = path.contains('.') && !path.contains('/');
    let name = if is_file { path } else { INDEX };
    let Some(asset) = webui::asset(name, accept) else {
        return Failure::not_found().into_response();
    };
    let tag = format!("\"{name}{}\"", asset.encoding.unwrap_or_default());
    let known =
        request.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes());
    let mut response = match asset.immutable && known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => asset.bytes.into_response(),
    };
    let headers = response.headers_mut();
    describe(headers, &asset);
    if asset.immutable {
        headers.extend(HeaderValue::try_from(tag).ok().map(|it| (header::ETAG, it)));
    }
    response
}

fn describe(headers: &mut HeaderMap, asset: &Asset) {
    let keep = match asset.immutable {
        true => "public, max-age=31536000, immutable",
        false => "no-store",
    };
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, asset.content_type);
    set(header::CACHE_CONTROL, keep);
    set(header::VARY, "accept-encoding");
    if let Some(encoding) = asset.encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    for (name, value) in SECURITY {
        set(name, value);
    }
}
