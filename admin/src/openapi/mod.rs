//! The OpenAPI document and the reference page, made from the list of endpoints and the types of
//! crate `api`. What a kind of endpoint has in common is said in `responses` and `parameters`.

mod examples;
mod parameters;
mod responses;

use std::fmt::Write as _;

use axum::Json;
use serde_json::{Map, Value, json};

use crate::{Endpoint, Need, endpoints};
use parameters::parameters;
use responses::responses;

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
pub(crate) fn document() -> Value {
    let schemas = api::schemas();
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let methods = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        methods[endpoint.method] = operation(endpoint, &schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Causeway admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the gateway is asked and told. Everything that the console and the \
                command line do goes through here.",
        },
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A line of DATA_DIR/admin.token, or a token made by the API.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": crate::guard::COOKIE_NAME,
                    "description": "What logging in sets. What changes something then wants the \
                        header `causeway-csrf: 1` too.",
                },
            },
        },
    })
}

const JSON: &str = "application/json";

fn operation(endpoint: &Endpoint, schemas: &Map<String, Value>) -> Value {
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "tags": [tag(endpoint)],
        "summary": endpoint.summary,
        "parameters": parameters(endpoint, schemas),
        "responses": responses(endpoint),
    });
    if !endpoint.body.is_empty() {
        let mut content = content(endpoint.body);
        if let Some(example) = examples::of(endpoint) {
            let kind = if endpoint.body.contains('/') { endpoint.body } else { JSON };
            content[kind]["example"] = example;
        }
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation["security"] = match endpoint.need {
        Need::Open => json!([]),
        _ => json!([{ "token": [] }, { "session": [] }]),
    };
    if endpoint.need != Need::Open {
        operation["description"] =
            json!(format!("For the role {} and above.", role(endpoint.need)));
    }
    operation
}

fn role(need: Need) -> &'static str {
    match need {
        Need::Open | Need::Viewer => "viewer",
        Need::Operator => "operator",
        Need::Approver => "approver",
        Need::Administrator => "administrator",
    }
}

/// `post_queue_actions`, `get_queue_messages_name_content`: a name for the functions of clients.
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.strip_prefix(api::path::V1).unwrap_or(endpoint.path);
    let words = path.split(['/', '{', '}', '.', '-']).filter(|it| !it.is_empty());
    let words: Vec<&str> = std::iter::once(endpoint.method).chain(words).collect();
    words.join("_")
}

/// The first segment of the path says what it is about.
fn tag(endpoint: &Endpoint) -> &'static str {
    match endpoint.path.strip_prefix("/api/v1/") {
        Some(rest) => rest.split(['/', '.']).next().unwrap_or(rest),
        None => "health",
    }
}

fn tags() -> Vec<Value> {
    let mut names: Vec<&str> = endpoints().map(tag).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|it| json!({ "name": it })).collect()
}

/// A media type stands for itself, a type's name for JSON.
fn content(kind: &str) -> Value {
    match kind {
        "application/json" => json!({ kind: { "schema": { "type": "object" } } }),
        kind if kind.contains('/') => json!({ kind: { "schema": { "type": "string" } } }),
        kind => json!({ "application/json": { "schema": reference_to(kind) } }),
    }
}

fn reference_to(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// `docs/reference/api.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Admin API\n\n\
         Written by `cargo xtask docs` from the code; do not edit.\n\n\
         Everything below `/api/v1` but the login wants `Authorization: Bearer TOKEN` with a line of\n\
         `DATA_DIR/admin.token` or a token of `POST /api/v1/tokens`, or the cookie of a session; by\n\
         cookie what changes something wants the header `causeway-csrf: 1` as well. The column *wants*\n\
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn operations_have_their_own_names_and_every_reference_leads_somewhere() {
        let document = document();
        let mut seen = HashSet::new();
        for endpoint in endpoints() {
            let operation = &document["paths"][endpoint.path][endpoint.method];
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(seen.insert(id.clone()), "{id} twice");
        }
        let text = document.to_string();
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "there is no {name}");
        }
    }

    /// One that a client can copy and change.
    #[test]
    fn every_body_has_an_example() {
        let document = document();
        for endpoint in endpoints().filter(|it| !it.body.is_empty()) {
            let operation = &document["paths"][endpoint.path][endpoint.method];
            let content = operation["requestBody"]["content"].as_object().unwrap();
            let place = format!("{} {}", endpoint.method, endpoint.path);
            assert!(content.values().all(|it| !it["example"].is_null()), "{place}");
        }
    }

    #[test]
    fn the_headers_of_a_change_and_405_are_in_the_document() {
        let document = document();
        for endpoint in endpoints() {
            let operation = &document["paths"][endpoint.path][endpoint.method];
            let place = format!("{} {}", endpoint.method, endpoint.path);
            let has = |name: &str| {
                operation["parameters"].as_array().unwrap().iter().any(|it| it["name"] == name)
            };
            let changes = endpoint.method != "get" && endpoint.need != Need::Open;
            assert_eq!(has("causeway-csrf"), changes, "{place}");
            assert_eq!(has("idempotency-key"), changes && endpoint.method == "post", "{place}");
            assert!(operation["responses"]["405"]["headers"]["Allow"].is_object(), "{place}");
        }
    }

    #[test]
    fn every_parameter_is_typed_and_described() {
        let document = document();
        for endpoint in endpoints() {
            let operation = &document["paths"][endpoint.path][endpoint.method];
            for parameter in operation["parameters"].as_array().unwrap() {
                let place = format!("{} {}: {parameter}", endpoint.method, endpoint.path);
                assert!(parameter["description"].is_string(), "no description: {place}");
            }
        }
    }
}
