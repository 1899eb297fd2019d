//! The same POST twice: by its Idempotency-Key it gets the answer that it got, and is not done again.

use std::sync::Arc;

use access::{Answered, Claim, Principal, Question};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;

use super::{Asked, now};
use crate::problem::{Failure, Result};
use crate::routes::Shared;

const KEY_BYTES_MAX: usize = 255;
/// Bytes of an answer that is read to be kept. What is longer than 64 KiB is not kept, but passed on.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Headers that an answer has again.
const HEADERS: [HeaderName; 2] = [CONTENT_TYPE, ETAG];
/// Says that nothing was done this time.
const REPLAYED: &str = "idempotency-replayed";
/// Answers with a secret in them: those are not kept.
const SECRET: &[&str] = &["POST /api/v1/tokens", "POST /api/v1/users/{name}/totp"];

/// A key that was new. If it is dropped before its answer is kept, nobody waits for it any more.
pub(super) struct Claimed {
    shared: Arc<Shared>,
    question: Question,
    hash: [u8; 32],
    keeps_body: bool,
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.shared.access.give_up(&self.question);
    }
}

pub(super) enum Turn {
    Do(Claimed),
    Answer(Response),
}

/// The key of a POST, without the quotes that the draft wants and few send.
pub(super) fn key(request: &Request) -> Result<Option<String>> {
    let value = request.headers().get(api::path::IDEMPOTENCY_HEADER);
    let Some(value) = value.filter(|_| request.method() == Method::POST) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text);
    let fits = !text.is_empty() && text.len() <= KEY_BYTES_MAX;
    if !fits {
        let detail = format!("Idempotency-Key: want 1 to {KEY_BYTES_MAX} characters");
        return Err(Failure::invalid(detail).hint("a random UUID will do"));
    }
    Ok(Some(text.to_owned()))
}

pub(super) async fn claim(
    shared: &Arc<Shared>,
    principal: &Principal,
    asked: &Asked,
    (key, route): (String, String),
    body: Vec<u8>,
) -> Result<Turn> {
    // Another token may get the name of one that is gone.
    let actor = match (principal.via(), principal.id()) {
        (api::Via::Token, Some(id)) => format!("{} {id}", principal.name()),
        _ => principal.name().to_owned(),
    };
    let question = Question { actor, key, route };
    let asking = question.clone();
    let claim = shared.blocking(move |access| access.claim(&asking, &body, now())).await?;
    let conflict = |code: &str, detail: &str| Failure::new(StatusCode::CONFLICT, code, detail);
    match claim {
        Claim::New(hash) => {
            let keeps_body = !SECRET.contains(&asked.action.as_str());
            Ok(Turn::Do(Claimed { shared: Arc::clone(shared), question, hash, keeps_body }))
        }
        Claim::Done(answered) => Ok(Turn::Answer(again(answered))),
        Claim::Mismatch => {
            let detail = "the Idempotency-Key was used with another body";
            Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail)
                .hint("take a new key for a new request"))
        }
        Claim::Running => {
            let detail = "the request with this Idempotency-Key has no answer yet";
            Err(conflict("idempotency_running", detail).hint("ask again in a moment"))
        }
        Claim::Unknown => {
            let detail = "the gateway stopped while it did this: nobody knows how far it came";
            Err(conflict("idempotency_unknown", detail)
                .hint("look at the state, then ask with a new key if it is still wanted"))
        }
        Claim::Forgotten(status) => {
            let detail = format!("this was done and answered {status}; the answer was not kept");
            Err(conflict("idempotency_done", &detail).hint("look at the state"))
        }
    }
}

fn again(answered: Answered) -> Response {
    let mut response = Response::new(Body::from(answered.body));
    *response.status_mut() =
        StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answered.headers {
        let pair = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = pair {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Keeps the answer. A refusal (4xx) or a 503 did nothing, and its key is free again.
pub(super) async fn keep(shared: &Arc<Shared>, claimed: Claimed, response: Response) -> Response {
    let (question, hash) = (claimed.question.clone(), claimed.hash);
    let keeps_body = claimed.keeps_body;
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap_or_default();
    let did_nothing =
        parts.status.is_client_error() || parts.status == StatusCode::SERVICE_UNAVAILABLE;
    let answered = (!did_nothing).then(|| {
        let value = |name: &HeaderName| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        let headers = HEADERS.iter().filter_map(|it| Some((it.to_string(), value(it)?))).collect();
        let body = bytes.to_vec();
        Answered { status: parts.status.as_u16(), headers, body }
    });
    let kept =
        shared.blocking(move |access| access.answer(&question, hash, answered, keeps_body, now()));
    if let Err(error) = kept.await {
        tracing::error!(%error, "Cannot keep an answer for its Idempotency-Key.");
    }
    Response::from_parts(parts, Body::from(bytes))
}
