//! How often each operation was answered what, as the gateway itself counted.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Gateway;

/// What the tool cannot do: follow live events to an end that they do not have, sign in by a provider
/// that is not there, and sign out, for which one has to have signed in by cookie.
const CANNOT: [&str; 4] = [
    "GET /api/v1/stream",
    "GET /api/v1/session/oidc",
    "GET /api/v1/session/oidc/callback",
    "DELETE /api/v1/session",
];

const COUNT: &str = "causeway_admin_request_seconds_count{";

#[derive(Default)]
struct Counts {
    good: u64,
    refused: u64,
    failed: u64,
}

/// Prints a line for each operation of the document, and says which of them should have succeeded
/// and never did.
pub(super) fn report(gateway: &Gateway) -> Result<Vec<String>> {
    let counts = counts(&gateway.http("GET /metrics HTTP/1.0\r\n\r\n")?);
    let request = format!(
        "GET /api/v1/openapi.json HTTP/1.0\r\nAuthorization: Bearer {}\r\n\r\n",
        gateway.token()?
    );
    let answer = gateway.http(&request)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a body")?;
    let document: Value = serde_json::from_str(body)?;
    let mut never = Vec::new();
    eprintln!("{:>7} {:>7} {:>7}", "2xx", "4xx", "5xx");
    let paths = document["paths"].as_object().context("the document has paths")?;
    for (path, methods) in paths {
        for method in methods.as_object().into_iter().flat_map(|it| it.keys()) {
            let operation = (method.to_uppercase(), path.clone());
            let it = counts.get(&operation);
            let of = |which: fn(&Counts) -> u64| it.map_or(0, which);
            let name = format!("{} {}", operation.0, operation.1);
            let (good, refused, failed) =
                (of(|it| it.good), of(|it| it.refused), of(|it| it.failed));
            eprintln!("{good:>7} {refused:>7} {failed:>7}  {name}");
            if good == 0 && !CANNOT.contains(&name.as_str()) {
                never.push(name);
            }
        }
    }
    let all = |which: fn(&Counts) -> u64| counts.values().map(which).sum::<u64>();
    let (good, refused, failed) = (all(|it| it.good), all(|it| it.refused), all(|it| it.failed));
    eprintln!("{good:>7} {refused:>7} {failed:>7}  in all; never successful: {}", never.len());
    Ok(never)
}

/// By method and route.
fn counts(metrics: &str) -> BTreeMap<(String, String), Counts> {
    let mut counts: BTreeMap<(String, String), Counts> = BTreeMap::new();
    for line in metrics.lines().filter_map(|it| it.strip_prefix(COUNT)) {
        let Some((labels, number)) = line.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        let (Some(method), Some(route), Some(status)) =
            (label("method"), label("route"), label("status"))
        else {
            continue;
        };
        let number = number.trim().parse().unwrap_or(0);
        let of = counts.entry((method, route)).or_default();
        match status.as_bytes().first() {
            Some(b'2') => of.good += number,
            Some(b'4') => of.refused += number,
            _ => of.failed += number,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_s_own_counts_are_read_by_method_and_route() {
        let text = "# TYPE x histogram\n\
            causeway_admin_request_seconds_count{method=\"GET\",route=\"/a/{name}\",status=\"200\"} 3\n\
            causeway_admin_request_seconds_count{method=\"GET\",route=\"/a/{name}\",status=\"404\"} 2\n\
            causeway_admin_request_seconds_sum{method=\"GET\",route=\"/a/{name}\",status=\"404\"} 9\n";
        let counts = counts(text);
        let it = &counts[&("GET".to_owned(), "/a/{name}".to_owned())];
        assert_eq!((it.good, it.refused, it.failed), (3, 2, 0));
    }
}
