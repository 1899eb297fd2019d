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

#[tokio::test]
async fn a_rail_is_403_blocked_until_it_is_overridden_with_a_reason() {
    let server = server().await;
    server.backend.state().blocked = vec![api::Blocked {
        rail: api::Rail::SiteNotHealthy,
        message: "cloud is down".into(),
        hint: "wait until it is up".into(),
        rows: 1,
        examples: vec!["anna@contoso.example".into()],
        overridable: true,
        overridden_by: None,
    }];
    let body = |more: &str| {
        format!(
            r#"{{"moves":[{{"address":"anna@contoso.example","generation":1,"to":"cloud"}}]{more}}}"#
        )
    };
    let refused = server.json("POST", TRANSITIONS, &body("")).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("blocked")));
    assert_eq!(refused.json()["blocked"][0]["rail"], "site_not_healthy");
    let looked = server.json("POST", TRANSITIONS, &body(r#","dry_run":true"#)).await;
    assert_eq!((looked.status, looked.json()["dry_run"].as_bool()), (200, Some(true)));
    let over = r#","overrides":[{"rail":"site_not_healthy","reason":"change 77"}]"#;
    let passed = server.json("POST", TRANSITIONS, &body(over)).await;
    assert_eq!((passed.status, passed.json()["generation"].as_u64()), (200, Some(2)));
    let audit = server.get("/api/v1/audit").await.body;
    assert!(audit.contains("change 77"), "{audit}");
}

#[tokio::test]
async fn a_cut_wants_a_mailbox_in_cutover_and_says_what_became_of_it() {
    let server = server().await;
    let path = "/api/v1/moves/anna%40contoso.example/cut";
    let answer =
        server.json("POST", path, r#"{"older_than_seconds":120,"reason":"too long"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let outcomes: Vec<_> = answer.json()["leases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["in_doubt", "aborted"]);
    let audit = server.get("/api/v1/audit").await.body;
    assert!(audit.contains("too long") && audit.contains("120"), "{audit}");
    server
        .json(
            "POST",
            TRANSITIONS,
            r#"{"moves":[{"address":"anna@contoso.example","generation":1,"to":"cloud"}]}"#,
        )
        .await;
    let refused = server.json("POST", path, "{}").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("refused")));
}
