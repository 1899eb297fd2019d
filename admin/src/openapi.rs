//! The OpenAPI document and the reference page, made from the list of endpoints and the types of
//! crate `api`.

use std::fmt::Write as _;

use axum::Json;
use serde_json::{Map, Value, json};

use crate::guard::COOKIE_NAME;
use crate::{Endpoint, Need, endpoints};

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

/// OpenAPI 3.1. Bodies and answers refer to the schemas of crate `api`.
fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let methods = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        methods[endpoint.method] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Causeway admin API", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "schemas": api::schemas(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": COOKIE_NAME },
            },
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
                "content": { api::PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } },
            },
        },
    });
    if !endpoint.body.is_empty() {
        operation["requestBody"] = json!({ "content": content(endpoint.body) });
    }
    if endpoint.need != Need::Open {
        operation["security"] = json!([{ "token": [] }, { "session": [] }]);
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
        let schema = format!("#/components/schemas/{kind}");
        json!({ "application/json": { "schema": { "$ref": schema } } })
    }
}

/// `docs/reference/api.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Admin API\n\n\
         Written by `cargo xtask docs` from the code; do not edit.\n\n\
         Everything below `/api/v1` but the login wants `Authorization: Bearer TOKEN` with a line of\n\
         `DATA_DIR/admin.token` or a token of `POST /api/v1/tokens`, or the cookie of a session; by\n\
         cookie what changes something wants the header `causeway-csrf: 1` as well. The third column\n\
         says the least role. A POST with an `Idempotency-Key` is safe to repeat. Bodies are JSON; failures are RFC 9457 problems with `code`, `detail`\n\
         and `hint`. The table's generation is the `ETag`; send it back as `If-Match` to edit only\n\
         what you saw (412 if it has changed). The names in the last two columns are types of crate\n\
         `api`, whose documentation lists their fields.\n\n\
         | | path | wants | does | query | body | answer |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for it in endpoints() {
        let method = it.method.to_uppercase();
        let query = it.query.join(", ");
        let row = writeln!(
            page,
            "| {method} | `{}` | {} | {} | {query} | {} | {} |",
            it.path,
            it.need.as_str(),
            it.summary,
            it.body,
            it.answer
        );
        row.expect("a String takes any text");
    }
    page
}
