//! Moves over the wire.

use super::client::Server;

async fn server() -> Server {
    let server = Server::start().await;
    let path = "/api/v1/table/entries/anna%40contoso.example";
    let put = server.json("PUT", path, r#"{"home":"on_prem","state":"cutover"}"#).await;
    assert_eq!(put.status, 200);
    server
}

const TRANSITIONS: &str = "/api/v1/moves/transitions";

#[tokio::test]
async fn a_transition_says_where_the_mailbox_is_now() {
    let server = server().await;
    let body = r#"{"moves":[{"address":"anna@contoso.example","generation":1,"to":"cloud"}],"digest":"x"}"#;
    let answer = server.json("POST", TRANSITIONS, body).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")), "{}", answer.body);
    let moved = &answer.json()["moves"][0];
    assert_eq!((moved["state"].as_str(), moved["generation"].as_u64()), (Some("cloud"), Some(2)));
}

#[tokio::test]
async fn a_transition_of_an_old_row_is_a_conflict_that_names_the_row() {
    let server = server().await;
    let body = r#"{"moves":[{"address":"anna@contoso.example","generation":0,"to":"cloud"}]}"#;
    let answer = server.json("POST", TRANSITIONS, body).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("conflict")));
    let row = &answer.json()["conflicts"][0];
    assert_eq!((row["expected"].as_u64(), row["actual"].as_u64()), (Some(0), Some(1)));
    assert_eq!(row["state"], "cutover");
}

#[tokio::test]
async fn a_request_for_steps_is_either_a_list_or_a_batch() {
    let server = server().await;
    for body in [
        "{}",
        r#"{"batch":"b1"}"#,
        r#"{"batch":"b1","from":"syncing"}"#,
        r#"{"moves":[{"address":"a@x","generation":0,"to":"cloud"}],"batch":"b1"}"#,
        r#"{"moves":[{"address":"a@x","generation":0,"to":"mars"}]}"#,
        r#"{"moves":[{"address":"a@x","generation":0,"to":"cloud","from":"cutover"}]}"#,
    ] {
        let answer = server.json("POST", TRANSITIONS, body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.body);
    }
    let row = r#"{"address":"a@x","generation":0,"to":"cloud"}"#;
    let many = format!(r#"{{"moves":[{}]}}"#, vec![row; 10_001].join(","));
    let answer = server.json("POST", TRANSITIONS, &many).await;
    assert_eq!(answer.status, 422);
    assert!(answer.json()["hint"].is_string());
}

#[tokio::test]
async fn the_moves_are_listed_resolved_and_reported_on() {
    let server = server().await;
    let list = server.get("/api/v1/moves?state=cutover").await.json();
    assert_eq!(list["moves"][0]["in_doubt_total"], 1);
    assert_eq!(server.get("/api/v1/moves?limit=0").await.status, 422);
    assert_eq!(server.get("/api/v1/moves/nobody@contoso.example").await.status, 404);
    let path = "/api/v1/moves/anna%40contoso.example/resolve";
    let body = r#"{"message":"0000000000001","delivered":true}"#;
    assert_eq!(server.json("POST", path, body).await.json()["recipients"], 1);
    let other = r#"{"message":"0000000000002","delivered":true}"#;
    assert_eq!(server.json("POST", path, other).await.status, 409);
    let body = r#"{"reports":[{"address":"anna@contoso.example","items_total":2,"items_done":1}]}"#;
    assert_eq!(server.json("PUT", "/api/v1/moves/sync", body).await.json()["taken"], 1);
}

#[tokio::test]
async fn who_is_limited_moves_the_mailboxes_of_the_limit_only() {
    let server = Server::start().await;
    for (name, batch) in [("anna", "one"), ("ben", "two")] {
        let path = format!("/api/v1/table/entries/{name}@contoso.example");
        let body = format!(r#"{{"home":"on_prem","state":"cutover","batch":"{batch}"}}"#);
        assert_eq!(server.json("PUT", &path, &body).await.status, 200);
    }
    let token = server.token("operator", r#","batches":["one"]"#).await;
    let ask = async |method: &str, path: &str, body: &str| {
        server.with_token(&token, method, &format!("/api/v1/{path}"), body).await
    };
    let list = ask("GET", "moves", "").await;
    assert!(list.body.contains("anna@") && !list.body.contains("ben@"), "{}", list.body);
    assert_eq!(ask("GET", "moves/ben@contoso.example", "").await.status, 403);
    let step = |name: &str, generation: u64| {
        let move_ = format!(
            r#"{{"address":"{name}@contoso.example","generation":{generation},"to":"cloud"}}"#
        );
        format!(r#"{{"moves":[{move_}]}}"#)
    };
    assert_eq!(ask("POST", "moves/transitions", &step("ben", 2)).await.status, 403);
    assert_eq!(ask("POST", "moves/transitions", &step("anna", 1)).await.status, 200);
    let batch = |name: &str| format!(r#"{{"batch":"{name}","from":"cutover","to":"cloud"}}"#);
    assert_eq!(ask("POST", "moves/transitions", &batch("two")).await.status, 403);
    let resolve = r#"{"message":"0000000000001","delivered":true}"#;
    assert_eq!(ask("POST", "moves/ben@contoso.example/resolve", resolve).await.status, 403);
    assert_eq!(ask("POST", "moves/anna@contoso.example/resolve", resolve).await.status, 200);
    let report = |name: &str| {
        format!(
            r#"{{"reports":[{{"address":"{name}@contoso.example","items_total":2,"items_done":1}}]}}"#
        )
    };
    assert_eq!(ask("PUT", "moves/sync", &report("ben")).await.status, 403);
    assert_eq!(ask("PUT", "moves/sync", &report("anna")).await.status, 200);
    let anyone = r#"{"edits":[{"op":"remove","address":"ben@contoso.example"}]}"#;
    assert_eq!(ask("POST", "explain/simulate", anyone).await.status, 403, "it shows all mail");
}
