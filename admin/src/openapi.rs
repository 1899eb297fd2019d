//! The list of endpoints, from which the OpenAPI document and the reference page are made.

use std::fmt::Write as _;

use axum::Json;
use serde_json::{Map, Value, json};

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    pub method: &'static str,
    /// With `{name}` for the variable segment.
    pub path: &'static str,
    pub summary: &'static str,
    /// Names of the query's parameters.
    pub query: &'static [&'static str],
    /// Type of the body and of the answer in crate `api`; empty for none.
    pub body: &'static str,
    pub answer: &'static str,
}

const fn endpoint(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    body: &'static str,
    answer: &'static str,
) -> Endpoint {
    Endpoint { method, path, summary, query, body, answer }
}

/// Every endpoint that the router serves; a test compares the two.
pub const ENDPOINTS: &[Endpoint] = &[
    endpoint("get", "/livez", "Is the process alive? No token.", &[], "", "text/plain"),
    endpoint("get", "/readyz", "Can mail be taken? No token; 503 if not.", &[], "", "Readiness"),
    endpoint("get", "/metrics", "Prometheus metrics. No token.", &[], "", "text/plain"),
    endpoint("get", "/api/v1/version", "What runs here, since when.", &[], "", "Version"),
    endpoint("get", "/api/v1/stats", "The figures one looks at first.", &[], "", "Stats"),
    endpoint("post", "/api/v1/reload", "Read the configuration again.", &[], "", "Reloaded"),
    endpoint("get", "/api/v1/openapi.json", "This list.", &[], "", "application/json"),
    endpoint("get", "/api/v1/table", "Generation and size of the table.", &[], "", "TableInfo"),
    endpoint(
        "get",
        "/api/v1/table/entries",
        "One page of the entries that match.",
        &["home", "state", "batch", "domain", "matching", "changed_after", "cursor", "limit"],
        "",
        "EntryList",
    ),
    endpoint("get", "/api/v1/table/entries/{name}", "One entry.", &[], "", "Entry"),
    endpoint(
        "put",
        "/api/v1/table/entries/{name}",
        "Make an entry, or change the fields that are given.",
        &["reason", "dry_run"],
        "EntryPatch",
        "Changed",
    ),
    endpoint(
        "delete",
        "/api/v1/table/entries/{name}",
        "Remove an entry.",
        &["reason", "dry_run"],
        "",
        "Changed",
    ),
    endpoint(
        "post",
        "/api/v1/table/edits",
        "Several edits as one generation.",
        &[],
        "TableEdits",
        "Changed",
    ),
    endpoint(
        "post",
        "/api/v1/table/import",
        "A CSV file as one generation; all of it or nothing.",
        &["dry_run", "replace", "reason", "expect_generation"],
        "text/csv",
        "Imported",
    ),
    endpoint(
        "get",
        "/api/v1/table/history",
        "Generations of the table, the newest first.",
        &["before", "limit"],
        "",
        "History",
    ),
    endpoint(
        "get",
        "/api/v1/table/export",
        "The table as CSV, at any generation.",
        &["generation"],
        "",
        "text/csv",
    ),
    endpoint(
        "get",
        "/api/v1/explain",
        "Where mail for an address goes, and why.",
        &["address", "ip", "generation"],
        "",
        "Explanation",
    ),
    endpoint(
        "get",
        "/api/v1/queue",
        "One page of the messages in the spool that match.",
        &["ids", "site", "recipient", "sender", "state", "older_than_seconds", "cursor", "limit"],
        "",
        "QueueList",
    ),
    endpoint(
        "get",
        "/api/v1/queue/summary",
        "Recipients by next hop, queue and age.",
        &[],
        "",
        "QueueSummary",
    ),
    endpoint(
        "post",
        "/api/v1/queue/actions",
        "Retry, hold, release, bounce or discard.",
        &[],
        "ActionRequest",
        "Acted",
    ),
    endpoint(
        "get",
        "/api/v1/queue/messages/{name}",
        "One message in the spool.",
        &[],
        "",
        "QueuedMessage",
    ),
    endpoint(
        "get",
        "/api/v1/queue/messages/{name}/content",
        "The message itself.",
        &[],
        "",
        "message/rfc822",
    ),
    endpoint("get", "/api/v1/sites", "Health and backlog of the sites.", &[], "", "SiteList"),
    endpoint("post", "/api/v1/sites/{name}/probe", "Talk to a site now.", &[], "", "Probe"),
    endpoint(
        "put",
        "/api/v1/sites/{name}/override",
        "Say up or down against the probes, or auto.",
        &[],
        "OverrideRequest",
        "Site",
    ),
    endpoint(
        "get",
        "/api/v1/trace",
        "What happened to a message.",
        &["id", "address", "message_id", "limit"],
        "",
        "Traced",
    ),
    endpoint(
        "get",
        "/api/v1/ledger/verify",
        "Do all accepted recipients add up?",
        &[],
        "",
        "Verification",
    ),
];

/// `GET /api/v1/openapi.json`.
pub(crate) async fn serve() -> Json<Value> {
    Json(document())
}

/// `docs/reference/openapi.json`, with a line end.
pub fn openapi() -> String {
    let mut text = serde_json::to_string_pretty(&document()).expect("keys are texts");
    text.push('\n');
    text
}

/// OpenAPI 3.1. Bodies and answers are named by their type in crate `api`, without its fields.
fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let methods = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        methods[endpoint.method] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Causeway admin API", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> =
        endpoint.query.iter().map(|name| parameter(name, "query")).collect();
    if endpoint.path.contains("{name}") {
        parameters.push(parameter("name", "path"));
    }
    let mut operation = json!({
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done.", "content": content(endpoint.answer) },
            "default": {
                "description": "A problem.",
                "content": { api::PROBLEM_JSON: { "schema": { "title": "Problem" } } },
            },
        },
    });
    if !endpoint.body.is_empty() {
        operation["requestBody"] = json!({ "content": content(endpoint.body) });
    }
    if endpoint.path.starts_with(api::path::V1) {
        operation["security"] = json!([{ "token": [] }]);
    }
    operation
}

fn parameter(name: &str, place: &str) -> Value {
    let required = place == "path";
    json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } })
}

/// A media type stands for itself, a type's name for JSON.
fn content(kind: &str) -> Value {
    if kind.contains('/') {
        json!({ kind: {} })
    } else {
        json!({ "application/json": { "schema": { "title": kind } } })
    }
}

/// `docs/reference/api.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Admin API\n\n\
         Written by `cargo xtask docs` from the code; do not edit.\n\n\
         Everything below `/api/v1` wants `Authorization: Bearer TOKEN` with a line of\n\
         `DATA_DIR/admin.token`. Bodies are JSON; failures are RFC 9457 problems with `code`, `detail`\n\
         and `hint`. The table's generation is the `ETag`; send it back as `If-Match` to edit only\n\
         what you saw (412 if it has changed). The names in the last two columns are types of crate\n\
         `api`, whose documentation lists their fields.\n\n\
         | | path | does | query | body | answer |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for it in ENDPOINTS {
        let method = it.method.to_uppercase();
        let query = it.query.join(", ");
        let row = writeln!(
            page,
            "| {method} | `{}` | {} | {query} | {} | {} |",
            it.path, it.summary, it.body, it.answer
        );
        row.expect("a String takes any text");
    }
    page
}
