//! What an operation answers, by status.

use serde_json::{Map, Value, json};

use super::parameters::takes_if_match;
use super::{content, reference_to};
use crate::{Endpoint, Need};

pub(super) fn responses(endpoint: &Endpoint) -> Map<String, Value> {
    let mut responses = Map::new();
    let done = match endpoint.answer {
        "" => json!({ "description": "Done." }),
        answer => json!({ "description": "Done.", "content": content(answer) }),
    };
    let done = with_headers(done, success_headers(endpoint));
    responses.insert(success(endpoint).to_string(), done);
    if endpoint.path == api::path::READYZ {
        let no = json!({ "description": "No, and why.", "content": content(endpoint.answer) });
        responses.insert("503".into(), no);
    }
    for (status, about) in problems(endpoint) {
        let problem = json!({
            "description": about,
            "content": { api::PROBLEM_JSON: { "schema": reference_to("Problem") } },
        });
        let headers = match status {
            401 => json!({ "WWW-Authenticate": text_header("How to authenticate.") }),
            405 => json!({ "Allow": text_header("Methods, with commas between.") }),
            429 | 503 => json!({ "Retry-After": text_header("Seconds to wait.") }),
            _ => Value::Null,
        };
        let is_open = endpoint.need == Need::Open && status != 405;
        let headers = if is_open { Value::Null } else { headers };
        responses.entry(status.to_string()).or_insert_with(|| with_headers(problem, headers));
    }
    responses
}

fn with_headers(mut response: Value, headers: Value) -> Value {
    if !headers.is_null() {
        response["headers"] = headers;
    }
    response
}

fn text_header(about: &str) -> Value {
    json!({ "description": about, "schema": { "type": "string" } })
}

/// 204 has nothing to say; what it made or did is in the body otherwise.
fn success(endpoint: &Endpoint) -> u16 {
    match (endpoint.path, endpoint.answer) {
        (api::path::SESSION_OIDC, _) => 303,
        (_, "") => 204,
        _ => 200,
    }
}

fn success_headers(endpoint: &Endpoint) -> Value {
    let reads_table = matches!(
        endpoint.answer,
        "TableInfo" | "EntryList" | "Entry" | "Changed" | "Imported" | "text/csv"
    );
    match takes_if_match(endpoint) && reads_table {
        true => json!({ "ETag": text_header("The table's generation, in quotes.") }),
        false => Value::Null,
    }
}

/// Statuses that can come, with when.
fn problems(endpoint: &Endpoint) -> Vec<(u16, &'static str)> {
    let v1 = endpoint.path.starts_with(api::path::V1);
    let changes = endpoint.method != "get";
    let names = endpoint.path.contains('{');
    let has_body = !endpoint.body.is_empty();
    let is_table = takes_if_match(endpoint);
    // A plan names the generation that it was made for.
    let plans = ["/plans", "/moves", "/explain"].iter().any(|it| endpoint.path.contains(it));
    let is_oidc = endpoint.path.starts_with(api::path::SESSION_OIDC);
    let asks = names || has_body || !endpoint.query.is_empty();
    let all = [
        (400, v1, "The request is no HTTP that can be read, or its body broke off."),
        (401, v1, "No valid token or session."),
        (403, v1, "Not for this role, or blocked by a rail."),
        (404, v1 && (asks || changes || is_oidc), "There is no such thing."),
        (405, true, "Not by this method; `Allow` names those that the path takes."),
        (409, changes, "Not in this state, or somebody else changed the same."),
        (412, changes && (is_table || plans), "The table has changed since."),
        (413, has_body, "The body is too large."),
        (415, has_body, "The body is of another type."),
        (422, v1 && (asks || changes), "What is asked makes no sense; `errors` says where."),
        (429, endpoint.path.contains("/session"), "Too many attempts; wait."),
        (500, true, "The gateway failed; its log says more."),
        (503, true, "Not now."),
        (504, true, "No answer in time; what was asked may still be done."),
    ];
    all.into_iter().filter(|it| it.1).map(|(status, _, about)| (status, about)).collect()
}
