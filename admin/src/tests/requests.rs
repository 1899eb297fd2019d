//! What each request answers.

use super::client::{Server, TOKEN};
use crate::endpoints;

#[tokio::test]
async fn a_token_is_wanted_for_all_but_health_and_metrics() {
    let server = Server::start().await;
    for endpoint in endpoints() {
        let method = endpoint.method.to_uppercase();
        let path = endpoint.path.replace("{name}", "x");
        let answer = server.raw(&method, &path, "", "").await;
        let open = endpoint.need == crate::Need::Open;
        assert_eq!(answer.status == 401, !open, "{method} {path}: {}", answer.status);
        let answer = server.raw(&method, &path, "Authorization: Bearer wrong\r\n", "").await;
        assert_eq!(answer.status == 401, !open, "{method} {path} with a wrong token");
    }
    let answer = server.raw("GET", "/api/v1/table", "", "").await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"causeway\""));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let lower = format!("Authorization: bearer {TOKEN}\r\n");
    assert_eq!(server.raw("GET", "/api/v1/table", &lower, "").await.status, 200);
}

#[tokio::test]
async fn every_endpoint_of_the_list_is_served_and_no_other_method() {
    let server = Server::start().await;
    // Live events would not end.
    server.backend.state().closed.cancel();
    for endpoint in endpoints() {
        let method = endpoint.method.to_uppercase();
        let path = endpoint.path.replace("{name}", "nobody");
        let answer = server.send(&method, &path, "", "").await;
        assert_ne!(answer.status, 405, "{method} {path}");
        let nothing_here = answer.status == 404 && answer.body.contains("nothing at this path");
        assert!(!nothing_here, "{method} {path}");
        let answer = server.send("PURGE", &path, "", "").await;
        assert_eq!(answer.status, 405, "PURGE {path}");
        assert_eq!(answer.json()["code"], "method_not_allowed");
        let allow = answer.header("allow").unwrap_or_default();
        assert!(allow.contains(&method), "PURGE {path}: Allow: {allow}");
    }
}

#[tokio::test]
async fn unknown_paths_are_problems_and_need_a_token_below_api() {
    let server = Server::start().await;
    assert_eq!(server.raw("GET", "/api/v1/nothing", "", "").await.status, 401);
    for path in ["/nothing", "/api/v1/nothing", "/api/v1/table/nothing/x"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("not_found")));
        assert!(answer.json()["hint"].is_string());
    }
}

#[tokio::test]
async fn readiness_says_why_not() {
    let server = Server::start().await;
    assert_eq!(server.raw("GET", "/livez", "", "").await.body, "ok\n");
    assert_eq!(server.raw("GET", "/readyz", "", "").await.status, 200);
    server.backend.state().ready = false;
    let answer = server.raw("GET", "/readyz", "", "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["checks"][0]["reason"], "still indexing");
}

#[tokio::test]
async fn metrics_name_the_route_and_never_the_address() {
    let server = Server::start().await;
    server.get("/api/v1/table/entries/anna@contoso.example").await;
    let answer = server.raw("GET", "/metrics", "", "").await;
    let line = "causeway_admin_request_seconds_count{method=\"GET\",route=\"/api/v1/table/entries/{name}\",status=\"404\"} 1";
    assert!(answer.body.contains(line), "{}", answer.body);
    assert!(!answer.body.contains("anna"));
}

#[tokio::test]
async fn an_edit_says_the_generation_and_what_was_before() {
    let server = Server::start().await;
    let path = "/api/v1/table/entries/anna%40contoso.example";
    let answer = server.json("PUT", path, r#"{"home":"on_prem","batch":"b1"}"#).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"1\"")));
    let answer = server.json("PUT", path, r#"{"home":"cloud"}"#).await.json();
    assert_eq!(answer["generation"], 2);
    assert_eq!(answer["changes"][0]["before"]["home"], "on_prem");
    assert_eq!(answer["changes"][0]["after"]["batch"], "b1", "what is not named stays");
    assert_eq!(server.get(path).await.json()["home"], "cloud");

    let answer = server.send("DELETE", &format!("{path}?dry_run=true"), "", "").await;
    assert_eq!((answer.status, answer.json()["removed"].as_u64()), (200, Some(1)));
    assert_eq!(server.get(path).await.status, 200, "a dry run removes nothing");
    assert_eq!(server.send("DELETE", path, "", "").await.status, 200);
    assert_eq!(server.get(path).await.status, 404);
}

#[tokio::test]
async fn an_edit_of_an_old_generation_is_refused() {
    let server = Server::start().await;
    let path = "/api/v1/table/entries/anna@contoso.example";
    let headers = |seen: &str| format!("Content-Type: application/json\r\nIf-Match: {seen}\r\n");
    let body = r#"{"home":"cloud"}"#;
    assert_eq!(server.send("PUT", path, &headers("\"0\""), body).await.status, 200);
    let answer = server.send("PUT", path, &headers("\"0\""), body).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (412, Some("conflict")));
    assert_eq!(answer.json()["generation"], 1);
    assert_eq!(server.send("PUT", path, &headers("*"), body).await.status, 200);
    assert_eq!(server.send("PUT", path, &headers("\"two\""), body).await.status, 422);
    let edits =
        r#"{"edits":[{"op":"remove","address":"anna@contoso.example"}],"expect_generation":1}"#;
    assert_eq!(server.json("POST", "/api/v1/table/edits", edits).await.status, 412);
}

#[tokio::test]
async fn a_malformed_request_says_what_is_wrong() {
    let server = Server::start().await;
    let path = "/api/v1/table/entries/anna@contoso.example";
    for (body, names) in [
        (r#"{"home":"mars"}"#, "mars"),
        (r#"{"hom":"cloud"}"#, "hom"),
        (r#"{"home":"cloud","state":"gone"}"#, "state"),
        ("{", "EOF"),
    ] {
        let answer = server.json("PUT", path, body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.body.contains(names), "{body}: {}", answer.body);
    }
    assert_eq!(server.send("PUT", path, "", "{}").await.status, 415);
    assert_eq!(server.get("/api/v1/table/entries?limit=0").await.status, 422);
    assert_eq!(server.get("/api/v1/table/entries?state=gone").await.status, 422);
    assert_eq!(server.get("/api/v1/trace").await.status, 422);
    assert_eq!(server.get("/api/v1/trace?id=x&address=y").await.status, 422);
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let server = Server::start().await;
    let rows: String = (0..5).map(|n| format!("u{n}@contoso.example,cloud\n")).collect();
    let csv = format!("address,home\n{rows}");
    assert_eq!(server.send("POST", "/api/v1/table/import", "", &csv).await.status, 200);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/v1/table/entries?limit=2{cursor}")).await.json();
        for entry in page["entries"].as_array().unwrap() {
            seen.push(entry["address"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted());
}

#[tokio::test]
async fn a_file_is_applied_whole_or_every_mistake_comes_back() {
    let server = Server::start().await;
    let path = "/api/v1/table/import";
    let bad = "address,home\na@x,mars\nb@x,cloud\nc@x,venus\n";
    let answer = server.send("POST", path, "", bad).await;
    assert_eq!(answer.status, 422);
    let places: Vec<_> =
        answer.json()["errors"].as_array().unwrap().iter().map(|it| it["place"].clone()).collect();
    assert_eq!(places, ["line 2, column home", "line 4, column home"]);
    assert_eq!(server.get("/api/v1/table").await.json()["generation"], 0);

    let answer =
        server.send("POST", path, "", "address,home\na@x,cloud\nb@x,on_prem\n").await.json();
    assert_eq!((&answer["added"], &answer["generation"]), (&2.into(), &1.into()));
    let answer = server
        .send("POST", "/api/v1/table/import?replace=true", "", "address,home\na@x,cloud\n")
        .await;
    assert_eq!(answer.json()["removed"], 1);
    let old = server.get("/api/v1/table/export?generation=1").await;
    assert_eq!(old.body, "address,home\na@x,cloud\nb@x,on_prem\n");
    assert_eq!(old.header("etag"), Some("\"1\""));
    assert_eq!(server.get("/api/v1/table/export?generation=9").await.status, 404);
}

#[tokio::test]
async fn a_queue_action_counts_before_it_acts() {
    let server = Server::start().await;
    let path = "/api/v1/queue/actions";
    let ask = |rest: &str| format!(r#"{{"action":"bounce","selector":{{{rest}}}"#);
    assert_eq!(server.json("POST", path, &(ask("") + "}")).await.status, 422, "no selector");
    let dry = ask(r#""site":"cloud""#) + r#","dry_run":true}"#;
    let answer = server.json("POST", path, &dry).await.json();
    assert_eq!((&answer["messages"], &answer["dry_run"]), (&1.into(), &true.into()));
    assert_eq!(server.backend.state().queue.len(), 2);
    let real = ask(r#""site":"cloud""#) + "}";
    assert_eq!(server.json("POST", path, &real).await.json()["recipients"], 1);
    assert_eq!(server.backend.state().queue.len(), 1);
    let discard = r#"{"action":"discard","selector":{"all":true}}"#;
    let answer = server.json("POST", path, discard).await;
    assert!(answer.status == 422 && answer.body.contains("reason"), "{}", answer.body);
}

#[tokio::test]
async fn a_message_can_be_read_out_of_the_spool() {
    let server = Server::start().await;
    let answer = server.get("/api/v1/queue/messages/0000000000001/content").await;
    assert_eq!(answer.body, "Subject: hi\r\n\r\nhello\r\n");
    assert_eq!(answer.header("content-type"), Some("message/rfc822"));
    assert_eq!(server.get("/api/v1/queue/messages/zzz/content").await.status, 404);
}

#[tokio::test]
async fn an_override_wants_a_reason_and_an_end_within_reach() {
    let server = Server::start().await;
    let path = "/api/v1/sites/cloud/override";
    assert_eq!(server.json("PUT", path, r#"{"to":"down"}"#).await.status, 422);
    let long = r#"{"to":"down","reason":"x","for_seconds":99999999}"#;
    assert_eq!(server.json("PUT", path, long).await.status, 422);
    let headers = "Content-Type: application/json\r\nCauseway-Author: maria\r\n";
    let body = r#"{"to":"down","reason":"change 77"}"#;
    let answer = server.send("PUT", path, headers, body).await.json();
    assert_eq!(answer["override"]["by"], "maria");
    let answer = server.json("PUT", path, r#"{"to":"auto"}"#).await.json();
    assert!(answer["override"].is_null());
    assert_eq!(server.json("PUT", "/api/v1/sites/mars/override", body).await.status, 404);
}

#[tokio::test]
async fn mistakes_of_a_reload_keep_their_places() {
    let server = Server::start().await;
    assert_eq!(server.send("POST", "/api/v1/reload", "", "").await.status, 200);
    let mistake = api::FieldError::new("causeway.toml:3:1", "unknown key");
    server.backend.state().mistakes.push(mistake);
    let answer = server.send("POST", "/api/v1/reload", "", "").await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["errors"][0]["place"], "causeway.toml:3:1");
}

#[tokio::test]
async fn the_history_is_read_page_by_page_from_its_end() {
    let server = Server::start().await;
    for home in ["cloud", "on_prem", "cloud"] {
        let body = format!(r#"{{"home":"{home}"}}"#);
        server.json("PUT", "/api/v1/table/entries/anna@contoso.example", &body).await;
    }
    let numbers = async |query: &str| {
        let page = server.get(&format!("/api/v1/table/history{query}")).await.json();
        let all = page["generations"].as_array().unwrap().clone();
        all.iter().map(|it| it["generation"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("").await, [3, 2, 1]);
    assert_eq!(numbers("?limit=2").await, [3, 2]);
    assert_eq!(numbers("?before=2").await, [1]);
    assert_eq!(server.get("/api/v1/table/history?limit=0").await.status, 422);
}
