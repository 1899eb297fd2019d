//! Parameters of an operation: of its path, its query and its headers.

use serde_json::{Map, Value, json};

use crate::{Endpoint, Need};

pub(super) fn parameters(endpoint: &Endpoint, schemas: &Map<String, Value>) -> Vec<Value> {
    let segments: Vec<&str> = endpoint.path.split('/').collect();
    let of_path = segments.windows(2).filter_map(|pair| {
        let name = pair[1].strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": of_segment(pair[0]),
            "schema": { "type": "string", "minLength": 1 },
        }))
    });
    let of_query = endpoint.query.iter().map(|it| in_query(it, endpoint, schemas));
    of_path.chain(of_query).chain(headers(endpoint)).collect()
}

/// What the variable segment after `collection` names.
fn of_segment(collection: &str) -> String {
    let what = match collection {
        "entries" | "moves" | "recipients" => "An address, percent-encoded.",
        "messages" => "The id that the 250 gave: 13 letters and digits.",
        "sites" | "sources" => "Its name in the configuration.",
        "users" => "Their name.",
        "plans" | "tokens" | "sessions" => "Its id.",
        other => return format!("Which of {other}."),
    };
    what.to_owned()
}

fn in_query(name: &str, endpoint: &Endpoint, schemas: &Map<String, Value>) -> Value {
    let (mut schema, required) = declared(name, endpoint, schemas);
    let description = match schema.as_object_mut().and_then(|it| it.remove("description")) {
        Some(Value::String(text)) => text,
        _ => known(name).to_owned(),
    };
    if name == "limit" {
        schema = json!({ "type": "integer", "minimum": 1, "maximum": 1000 });
    }
    json!({
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    })
}

/// The type that a query string is read into has exactly these fields; failing that, a field of
/// this name means the same in another one.
fn declared(name: &str, endpoint: &Endpoint, schemas: &Map<String, Value>) -> (Value, bool) {
    let is_its = |it: &Map<String, Value>| {
        it.len() == endpoint.query.len() && endpoint.query.iter().all(|name| it.contains_key(*name))
    };
    let queries = || schemas.iter().filter(|(name, _)| is_query(name)).map(|(_, it)| it);
    let of = |it: &'_ Value| it["properties"].as_object().cloned().unwrap_or_default();
    let exact = queries().find(|it| is_its(&of(it)));
    let found = exact.or_else(|| queries().find(|it| of(it).contains_key(name)));
    let Some(found) = found else { return (unknown(name), false) };
    let required = exact.is_some()
        && found["required"].as_array().is_some_and(|it| it.iter().any(|it| it == name));
    (given(found["properties"][name].clone()), required)
}

/// By its name, or that of one of the few that are called otherwise.
fn is_query(name: &str) -> bool {
    name.ends_with("Query") || name.ends_with("Options") || name == "Explain"
}

/// A parameter is not `null`: it is there or not.
fn given(mut schema: Value) -> Value {
    let Some(fields) = schema.as_object_mut() else { return schema };
    fields.remove("default");
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(any)) = fields.get_mut("anyOf") {
        any.retain(|it| it["type"] != "null");
        if let [only] = any.as_slice() {
            let mut only = only.clone();
            if let Some(text) = fields.remove("description") {
                only["description"] = text;
            }
            return only;
        }
    }
    schema
}

fn unknown(name: &str) -> Value {
    match name {
        "dry_run" | "replace" => json!({ "type": "boolean" }),
        "generation" | "expect_generation" | "from" | "to" | "before" => {
            json!({ "type": "integer", "format": "uint64", "minimum": 0 })
        }
        _ => json!({ "type": "string" }),
    }
}

/// What the names mean that are the same everywhere.
fn known(name: &str) -> &'static str {
    match name {
        "limit" => "Rows of a page: 1 to 1,000.",
        "cursor" => "`next_cursor` of the page before.",
        "reason" => "Why, for the history.",
        "ticket" => "Of whatever you keep tickets in, for the history.",
        "dry_run" => "Say what would be done, and do nothing.",
        "replace" => "The file is the whole table: what is not in it is removed.",
        "generation" => "Of the table; else the present one.",
        "expect_generation" => "412 if the table is at another generation by then.",
        "override" => "Rails that are to let it pass, with commas between.",
        "ids" => "Ids, with commas between.",
        "address" => "The address.",
        "home" | "site" => "The name of a site.",
        "batch" => "The name of a batch.",
        "state" => "Only those in this state.",
        "domain" => "Only those of this domain.",
        "matching" => "Part of the address, in any case.",
        "sender" => "Part of the reverse-path.",
        "recipient" => "Part of a recipient's address.",
        "from" => "The earlier generation.",
        "to" => "The later generation.",
        "before" | "after" => "Only what is on this side of it.",
        _ => "See the type.",
    }
}

/// Headers that mean something to this endpoint.
fn headers(endpoint: &Endpoint) -> Vec<Value> {
    let header = |name: &str, schema: Value, about: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": about, "schema": schema,
        })
    };
    let text = || json!({ "type": "string" });
    let mut headers = Vec::new();
    let changes = endpoint.method != "get";
    if changes && endpoint.need != Need::Open {
        let about = "Who asks, for the history, if the token does not say it. At most 128 bytes.";
        headers.push(header(api::path::AUTHOR_HEADER, text(), about));
    }
    if changes && endpoint.need != Need::Open {
        let about = "Of a caller who is signed in by cookie: any value. A page of another site cannot \
            send it.";
        headers.push(header(api::path::CSRF_HEADER, text(), about));
    }
    if endpoint.method == "post" && endpoint.need != Need::Open {
        let about = "Makes the request safe to repeat: the same key and body within a day get the \
            same answer, and nothing is done again. A UUID will do.";
        let key =
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        headers.push(header(api::path::IDEMPOTENCY_HEADER, key, about));
    }
    if changes && takes_if_match(endpoint) {
        let about = "The generation that you saw, as its ETag: 412 if it is another by now.";
        let quoted = json!({ "type": "string", "pattern": "^\"[0-9]{1,15}\"$" });
        headers.push(header("If-Match", quoted, about));
    }
    if endpoint.path == api::path::STREAM {
        let about = "The id of the last event that was heard: what came after it is sent first.";
        headers.push(header("Last-Event-ID", text(), about));
    }
    headers
}

/// Edits of the table, not what only reads it.
pub(super) fn takes_if_match(endpoint: &Endpoint) -> bool {
    endpoint.path.starts_with(api::path::TABLE)
}
