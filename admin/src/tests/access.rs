//! Who may do what, and what is written down of it.

use super::client::{Answer, Server, TOKEN};
use crate::Limits;

const JSON: &str = "Content-Type: application/json\r\n";
const PASSWORD: &str = "correct horse battery";

impl Server {
    /// With a token of that role and limit.
    pub(super) async fn token(&self, role: &str, limit: &str) -> String {
        let body = format!(r#"{{"name":"{role}","role":"{role}"{limit}}}"#);
        let made = self.json("POST", "/api/v1/tokens", &body).await;
        assert_eq!(made.status, 200, "{}", made.body);
        made.json()["secret"].as_str().unwrap().to_owned()
    }

    pub(super) async fn with_token(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        self.raw(method, path, &format!("{JSON}Authorization: Bearer {token}\r\n"), body).await
    }

    async fn add_user(&self, name: &str, role: &str) {
        let body = format!(r#"{{"name":"{name}","role":"{role}","password":"{PASSWORD}"}}"#);
        assert_eq!(self.json("POST", "/api/v1/users", &body).await.status, 200);
    }

    async fn login(&self, body: &str) -> Answer {
        self.raw("POST", "/api/v1/session", JSON, body).await
    }

    /// The newest record that is not the reading of the log.
    async fn audit(&self) -> Vec<serde_json::Value> {
        let page = self.get("/api/v1/audit").await.json();
        page["records"].as_array().unwrap().clone()
    }
}

fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    format!("Cookie: {}\r\n", set.split(';').next().unwrap())
}

#[tokio::test]
async fn each_role_may_do_what_those_below_it_may() {
    let server = Server::start().await;
    let table = [
        ("viewer", [200, 403, 403]),
        ("operator", [200, 200, 403]),
        ("approver", [200, 200, 403]),
        ("administrator", [200, 200, 200]),
    ];
    for (role, expected) in table {
        let token = server.token(role, "").await;
        let calls = [
            ("GET", "/api/v1/table", ""),
            ("PUT", "/api/v1/table/entries/anna@contoso.example", r#"{"home":"cloud"}"#),
            ("GET", "/api/v1/users", ""),
        ];
        for ((method, path, body), status) in calls.into_iter().zip(expected) {
            let answer = server.with_token(&token, method, path, body).await;
            assert_eq!(answer.status, status, "{role} {method} {path}: {}", answer.body);
            if status == 403 {
                let problem = answer.json();
                assert_eq!(problem["code"], "forbidden");
                assert!(problem["detail"].as_str().unwrap().contains(role), "{problem}");
            }
        }
    }
}

/// A handler that is served but not listed would be closed to all but administrators.
#[tokio::test]
async fn every_endpoint_asks_for_the_role_that_it_names() {
    let server = Server::start().await;
    let token = server.token("viewer", "").await;
    for endpoint in crate::endpoints() {
        if endpoint.need <= crate::Need::Viewer {
            continue;
        }
        let path = endpoint.path.replace("{name}", "x");
        let method = endpoint.method.to_uppercase();
        let answer = server.with_token(&token, &method, &path, "").await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_author_is_the_one_who_is_known_and_not_who_they_say() {
    let server = Server::start().await;
    let token = server.token("operator", "").await;
    let headers = format!("{JSON}Authorization: Bearer {token}\r\nCauseway-Author: maria\r\n");
    let order = r#"{"to":"down","reason":"change 77"}"#;
    let answer = server.raw("PUT", "/api/v1/sites/cloud/override", &headers, order).await.json();
    assert_eq!(answer["override"]["by"], "token:operator");
}

#[tokio::test]
async fn a_session_changes_things_only_for_our_own_page() {
    let server = Server::start().await;
    server.add_user("anna", "operator").await;
    let login = server.login(&format!(r#"{{"user":"anna","password":"{PASSWORD}"}}"#)).await;
    assert_eq!(login.status, 200, "{}", login.body);
    let cookie = cookie(&login);
    let who = server.raw("GET", "/api/v1/session", &cookie, "").await.json();
    assert_eq!((&who["name"], &who["role"]), (&"anna".into(), &"operator".into()));
    assert_eq!(who["via"], "session");
    let path = "/api/v1/table/entries/anna@contoso.example";
    let put = async |more: &str| {
        let headers = format!("{JSON}{cookie}{more}");
        let answer = server.raw("PUT", path, &headers, r#"{"home":"cloud"}"#).await;
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        (answer.status, code)
    };
    let csrf = (403, "csrf".to_owned());
    assert_eq!(put("").await, csrf);
    assert_eq!(put("Causeway-Csrf: 1\r\nSec-Fetch-Site: cross-site\r\n").await, csrf);
    assert_eq!(put("Causeway-Csrf: 1\r\nSec-Fetch-Site: same-origin\r\n").await.0, 200);
    assert_eq!(put("Causeway-Csrf: 1\r\n").await.0, 200);
    let headers = format!("{cookie}Causeway-Csrf: 1\r\n");
    let out = server.raw("DELETE", "/api/v1/session", &headers, "").await;
    assert!(out.status == 200 && out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(server.raw("GET", "/api/v1/session", &cookie, "").await.status, 401);
}

#[tokio::test]
async fn the_first_administrator_signs_in_with_the_line_of_the_file() {
    let server = Server::start().await;
    let login = server.login(&format!(r#"{{"token":"{TOKEN}"}}"#)).await;
    let cookie = cookie(&login);
    let who = server.raw("GET", "/api/v1/session", &cookie, "").await.json();
    assert_eq!((&who["name"], &who["role"]), (&"admin".into(), &"administrator".into()));
    let foreign = format!("{JSON}Sec-Fetch-Site: cross-site\r\n");
    let answer = server.raw("POST", "/api/v1/session", &foreign, "{}").await;
    assert_eq!(answer.status, 403, "nobody is signed in by another page");
}

#[tokio::test]
async fn failures_to_sign_in_are_on_record_and_slow_down() {
    let server = Server::start().await;
    for _ in 0..5 {
        let answer = server.login(r#"{"user":"anna","password":"wrong"}"#).await;
        assert_eq!((answer.status, &answer.json()["code"]), (401, &"unauthorized".into()));
    }
    let answer = server.login(r#"{"user":"anna","password":"wrong"}"#).await;
    assert_eq!((answer.status, &answer.json()["code"]), (429, &"throttled".into()));
    assert!(answer.header("retry-after").is_some());
    let records = server.audit().await;
    assert_eq!(records.len(), 5);
    let record = &records[0];
    // What is no name may be a secret in the wrong field.
    assert_eq!((&record["kind"], &record["actor"]), (&"login".into(), &"unknown".into()));
    assert_eq!((&record["status"], &record["source"]), (&401.into(), &"127.0.0.1".into()));
    assert!(!record.to_string().contains("wrong"));
}

#[tokio::test]
async fn a_change_is_on_record_before_and_after_with_its_reason_and_no_secret() {
    let server = Server::start().await;
    let headers = format!("{JSON}Causeway-Author: maria\r\n");
    let path = "/api/v1/table/entries/anna%40contoso.example?reason=change+77";
    server.send("PUT", path, &headers, r#"{"home":"cloud"}"#).await;
    server.add_user("ben", "viewer").await;
    let records = server.audit().await;
    let [add_end, add, put_end, put] = &records[..] else { panic!("{records:?}") };
    assert_eq!(put["action"], "PUT /api/v1/table/entries/{name}");
    assert_eq!(put["target"], "anna@contoso.example");
    assert_eq!((&put["actor"], &put["via"]), (&"admin".into(), &"break_glass".into()));
    let details = r#"{"author":"maria","home":"cloud","query":{"reason":"change 77"}}"#;
    assert_eq!(put["details"], details);
    assert_eq!((&put_end["begun"], &put_end["status"]), (&put["seq"], &200.into()));
    assert_eq!(add["details"], r#"{"name":"ben","role":"viewer"}"#);
    assert_eq!(add_end["kind"], "ended");
    let verified = server.get("/api/v1/audit/verify").await.json();
    assert_eq!((&verified["intact"], &verified["broken"]), (&true.into(), &().into()));
    let lines = server.get("/api/v1/audit/export").await.body;
    assert!(lines.contains(r#""action":"PUT /api/v1/table/entries/{name}""#));
}

#[tokio::test]
async fn what_shows_mail_and_what_is_refused_is_on_record() {
    let server = Server::start().await;
    server.get("/api/v1/queue/messages/0000000000001/content").await;
    server.get("/api/v1/table").await;
    let token = server.token("viewer", "").await;
    server.with_token(&token, "POST", "/api/v1/reload", "").await;
    server.with_token("nonsense", "GET", "/api/v1/table", "").await;
    let records = server.audit().await;
    let kinds: Vec<&str> = records.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["refused", "refused", "ended", "begun", "shown"]);
    assert_eq!(records[1]["code"], "forbidden");
    assert_eq!(records[4]["target"], "0000000000001");
}

#[tokio::test]
async fn nothing_is_changed_that_cannot_be_written_down() {
    let server = Server::start().await;
    let path = server.folder.path().join("access.db");
    let blocker = rusqlite::Connection::open(&path).unwrap();
    blocker.execute_batch("DROP TABLE audit").unwrap();
    let path = "/api/v1/table/entries/anna@contoso.example";
    let answer = server.json("PUT", path, r#"{"home":"cloud"}"#).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &"audit_unavailable".into()));
    let history = server.get("/api/v1/table/history").await.json();
    assert_eq!(history["generations"].as_array().unwrap().len(), 0);
    let shown = server.get("/api/v1/queue/messages/0000000000001/content").await;
    assert_eq!(shown.status, 503);
    assert!(!shown.body.contains("hello"));
    assert_eq!(server.get("/api/v1/table").await.status, 200, "a look is no matter");
}

#[tokio::test]
async fn who_is_limited_to_a_domain_sees_and_changes_that_only() {
    let server = Server::start().await;
    for address in ["anna@contoso.example", "ben@fabrikam.example"] {
        let path = format!("/api/v1/table/entries/{address}");
        let put = server.json("PUT", &path, r#"{"home":"cloud"}"#).await;
        assert_eq!(put.status, 200, "{}", put.body);
    }
    let token = server.token("operator", r#","domains":["contoso.example"]"#).await;
    let ask = async |method: &str, path: &str, body: &str| {
        server.with_token(&token, method, &format!("/api/v1/{path}"), body).await
    };
    let page = ask("GET", "table/entries", "").await;
    assert!(page.body.contains("anna@") && !page.body.contains("ben@"), "{}", page.body);
    assert_eq!(ask("GET", "table/entries?domain=fabrikam.example", "").await.status, 403);
    assert_eq!(ask("GET", "table/entries/anna@contoso.example", "").await.status, 200);
    assert_eq!(ask("GET", "table/entries/ben@fabrikam.example", "").await.status, 403);
    assert_eq!(ask("GET", "explain?address=ben@fabrikam.example", "").await.status, 403);
    for broad in ["table/export", "queue", "trace?address=anna@contoso.example"] {
        assert_eq!(ask("GET", broad, "").await.status, 403, "{broad}");
    }
    let home = r#"{"home":"on_prem"}"#;
    assert_eq!(ask("PUT", "table/entries/anna@contoso.example", home).await.status, 200);
    let other = ask("PUT", "table/entries/ben@fabrikam.example", home).await;
    assert_eq!(other.status, 403);
    assert!(other.body.contains("limited to domains contoso.example"), "{}", other.body);
    assert_eq!(ask("DELETE", "table/entries/ben@fabrikam.example", "").await.status, 403);
    let alias = r#"{"aliases":["chef@fabrikam.example"]}"#;
    assert_eq!(ask("PUT", "table/entries/anna@contoso.example", alias).await.status, 403);
    let both = r#"{"edits":[
        {"op":"set","address":"anna@contoso.example","entry":{"home":"cloud"}},
        {"op":"remove","address":"ben@fabrikam.example"}]}"#;
    assert_eq!(ask("POST", "table/edits", both).await.status, 403);
    let entry = server.get("/api/v1/table/entries/anna@contoso.example").await.json();
    assert_eq!(entry["home"], "on_prem", "all or nothing");
}

#[tokio::test]
async fn who_is_limited_to_a_batch_keeps_its_rows_in_it() {
    let server = Server::start().await;
    let rows = [("anna", r#"{"home":"cloud","batch":"one"}"#), ("ben", r#"{"home":"cloud"}"#)];
    for (name, body) in rows {
        let path = format!("/api/v1/table/entries/{name}@contoso.example");
        assert_eq!(server.json("PUT", &path, body).await.status, 200);
    }
    let token = server.token("operator", r#","batches":["one"]"#).await;
    let put = async |name: &str, body: &str| {
        let path = format!("/api/v1/table/entries/{name}@contoso.example");
        server.with_token(&token, "PUT", &path, body).await.status
    };
    assert_eq!(put("anna", r#"{"home":"on_prem"}"#).await, 200);
    assert_eq!(put("anna", r#"{"batch":"two"}"#).await, 403);
    assert_eq!(put("anna", r#"{"batch":null}"#).await, 403);
    assert_eq!(put("ben", r#"{"batch":"one"}"#).await, 403);
    assert_eq!(put("carl", r#"{"home":"cloud","batch":"one"}"#).await, 403);
    let step = async |body: &str| {
        server.with_token(&token, "POST", "/api/v1/moves/transitions", body).await
    };
    for other in [
        r#"{"batch":"two","from":"on_prem","to":"syncing"}"#,
        r#"{"moves":[{"address":"ben@contoso.example","generation":2,"to":"syncing"}]}"#,
    ] {
        let answer = step(other).await;
        assert_eq!((answer.status, &answer.json()["code"]), (403, &"forbidden".into()));
    }
    let own = step(r#"{"batch":"one","from":"on_prem","to":"syncing"}"#).await;
    assert_ne!(own.status, 403, "{}", own.body);
    let seen = server.with_token(&token, "GET", "/api/v1/moves/ben@contoso.example", "").await;
    assert_eq!(seen.status, 403);
    let page = server.with_token(&token, "GET", "/api/v1/table/entries", "").await;
    assert!(page.body.contains("anna@") && !page.body.contains("ben@"), "{}", page.body);
}

#[tokio::test]
async fn people_manage_their_own_password_and_nobody_else_s() {
    let server = Server::start().await;
    server.add_user("anna", "viewer").await;
    server.add_user("ben", "viewer").await;
    let login = server.login(&format!(r#"{{"user":"anna","password":"{PASSWORD}"}}"#)).await;
    let headers = format!("{JSON}{}Causeway-Csrf: 1\r\n", cookie(&login));
    let set = async |name: &str| {
        let body = format!(r#"{{"password":"another long one","current":"{PASSWORD}"}}"#);
        server.raw("POST", &format!("/api/v1/users/{name}/password"), &headers, &body).await.status
    };
    assert_eq!((set("ben").await, set("anna").await), (403, 200));
    let begun = server.raw("POST", "/api/v1/users/anna/totp", &headers, "{}").await.json();
    assert!(begun["uri"].as_str().unwrap().starts_with("otpauth://totp/Causeway:anna?"));
    let weak = r#"{"name":"carl","role":"viewer","password":"short"}"#;
    let answer = server.json("POST", "/api/v1/users", weak).await;
    assert!(answer.status == 422 && answer.body.contains("12 characters"), "{}", answer.body);
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_done_once() {
    let server = Server::start().await;
    let ask = async |key: &str, body: &str| {
        let headers = format!("{JSON}Idempotency-Key: {key}\r\n");
        server.send("POST", "/api/v1/table/edits", &headers, body).await
    };
    let edit = r#"{"edits":[{"op":"set","address":"a@contoso.example","entry":{"home":"cloud"}}]}"#;
    let first = ask("k1", edit).await;
    assert_eq!(first.status, 200, "{}", first.body);
    server.json("PUT", "/api/v1/table/entries/a@contoso.example", r#"{"home":"on_prem"}"#).await;
    let second = ask("\"k1\"", edit).await;
    assert_eq!((second.status, &second.body), (200, &first.body));
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let entry = server.get("/api/v1/table/entries/a@contoso.example").await.json();
    assert_eq!(entry["home"], "on_prem", "not done again");
    let other = ask("k1", &edit.replace("a@", "b@")).await;
    assert_eq!((other.status, &other.json()["code"]), (422, &"idempotency_mismatch".into()));
    assert_eq!(ask("k2", edit).await.header("idempotency-replayed"), None);
    assert_eq!(ask("", edit).await.status, 422);
}

#[tokio::test]
async fn an_answer_with_a_secret_is_not_kept_for_its_key() {
    let server = Server::start().await;
    let headers = format!("{JSON}Idempotency-Key: k\r\n");
    let body = r#"{"name":"x","role":"viewer"}"#;
    assert_eq!(server.send("POST", "/api/v1/tokens", &headers, body).await.status, 200);
    let again = server.send("POST", "/api/v1/tokens", &headers, body).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &"idempotency_done".into()));
    let tokens = server.get("/api/v1/tokens").await.json();
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 1);
}

/// The record names what was done, whatever else is in the request.
#[tokio::test]
async fn a_record_cannot_be_dressed_up() {
    let server = Server::start().await;
    let headers = "Content-Type: application/vnd.x+json\r\n";
    let body = r#"{"name":"eve","role":"administrator","password":"four words are better"}"#;
    let path = "/api/v1/users?n%61me=bob&role=viewer";
    assert_eq!(server.send("POST", path, headers, body).await.status, 200);
    let records = server.audit().await;
    let details = r#"{"name":"eve","query":{"name":"bob","role":"viewer"},"role":"administrator"}"#;
    assert_eq!(records[1]["details"], details);
}

/// What nobody answers is nobody's change, and a viewer who asks for much fills no disk.
#[tokio::test]
async fn refusals_fill_no_log() {
    let server = Server::start().await;
    let token = server.token("viewer", "").await;
    for _ in 0..60 {
        server.with_token(&token, "POST", "/api/v1/nonsense", "{}").await;
        let refused = server.with_token(&token, "POST", "/api/v1/reload", "{}").await;
        assert_eq!(refused.status, 403);
    }
    let of_viewer = server.audit().await.iter().filter(|it| it["actor"] == "token:viewer").count();
    assert!((1..=30).contains(&of_viewer), "{of_viewer} records");
}

/// A key that was refused is not used up: the mended request may have it.
#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let server = Server::start().await;
    let headers = format!("{JSON}Idempotency-Key: one\r\n");
    let body = r#"{"name":"anna","role":"viewer","password":"short"}"#;
    assert_eq!(server.send("POST", "/api/v1/users", &headers, body).await.status, 422);
    let body = r#"{"name":"anna","role":"viewer","password":"four words are better"}"#;
    assert_eq!(server.send("POST", "/api/v1/users", &headers, body).await.status, 200);
}

#[tokio::test]
async fn whoever_lost_the_right_hears_no_more() {
    let server = Server::start().await;
    let token = server.token("viewer", "").await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head =
        format!("GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut heard = vec![0; 4096];
    let n = tokio::io::AsyncReadExt::read(&mut stream, &mut heard).await.unwrap();
    assert!(heard[..n].starts_with(b"HTTP/1.1 200"));
    let tokens = server.get("/api/v1/tokens").await.json();
    let id = tokens["tokens"][0]["id"].as_str().unwrap();
    server.send("DELETE", &format!("/api/v1/tokens/{id}"), "", "").await;
    let mut rest = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    tokio::time::timeout(std::time::Duration::from_secs(5), async {
        // The end of a chunked body; the connection itself may stay.
        tokio::select! { _ = ended => (), () = tokio::time::sleep(std::time::Duration::from_secs(3)) => () }
    })
    .await
    .unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_plan_that_goes_beyond_its_author_s_limit_is_cancelled() {
    let server = Server::start().await;
    let token = server.token("operator", r#","domains":["contoso.example"]"#).await;
    let plan = async |address: &str| {
        let edit = format!(r#"{{"op":"set","address":"{address}","entry":{{"home":"cloud"}}}}"#);
        let body = format!(r#"{{"edits":[{edit}],"reason":"wave 7"}}"#);
        server.with_token(&token, "POST", "/api/v1/plans", &body).await
    };
    let beyond = plan("ben@fabrikam.example").await;
    assert_eq!((beyond.status, &beyond.json()["code"]), (403, &"forbidden".into()));
    let all = server.get("/api/v1/plans").await.json();
    assert_eq!(all["plans"][0]["state"], "cancelled");
    let inside = plan("anna@contoso.example").await;
    assert_eq!(inside.status, 200, "{}", inside.body);
    assert_eq!(inside.json()["author"], "token:operator");

    let edit = r#"{"op":"set","address":"ben@fabrikam.example","entry":{"home":"cloud"}}"#;
    let body = format!(r#"{{"edits":[{edit}],"reason":"wave 8"}}"#);
    let others = server.json("POST", "/api/v1/plans", &body).await.json();
    let others = format!("/api/v1/plans/{}", others["id"].as_str().unwrap());
    for (method, rest) in [("GET", ""), ("GET", "/rows"), ("POST", "/apply"), ("POST", "/cancel")] {
        let answer = server.with_token(&token, method, &format!("{others}{rest}"), "{}").await;
        assert_eq!(answer.status, 403, "{method} {rest}: {}", answer.body);
    }
    let seen = server.with_token(&token, "GET", "/api/v1/plans", "").await.json();
    let authors: Vec<&serde_json::Value> =
        seen["plans"].as_array().unwrap().iter().map(|it| &it["author"]).collect();
    assert_eq!(authors, ["token:operator"], "and not the one that went beyond");
}

#[tokio::test]
async fn who_has_the_glass_only_approves_nothing_by_token_or_by_session() {
    let server = Server::start().await;
    let body = r#"{"edits":[{"op":"set","address":"a@contoso.example","entry":{"home":"cloud"}}],"second_person":true}"#;
    let plan = server.json("POST", "/api/v1/plans", body).await;
    assert_eq!(plan.json()["state"], "awaiting_approval", "{}", plan.body);
    let path = "/api/v1/plans/p1/approve";
    let maria = format!("{JSON}Causeway-Author: maria\r\n");
    let by_line = server.send("POST", path, &maria, "").await;
    let session = server.login(&format!(r#"{{"token":"{TOKEN}"}}"#)).await;
    let headers = format!("{JSON}{}Causeway-Csrf: 1\r\n", cookie(&session));
    let by_session = server.raw("POST", path, &headers, "").await;
    for refused in [by_line, by_session] {
        assert_eq!((refused.status, &refused.json()["code"]), (403, &"forbidden".into()));
        let problem = refused.json();
        assert!(problem["detail"].as_str().unwrap().contains("needs a named person"), "{problem}");
        assert!(problem["hint"].as_str().unwrap().contains("sign in with an account"), "{problem}");
    }
    let ben = server.token("approver", "").await;
    let approved = server.with_token(&ben, "POST", path, "").await;
    assert_eq!(approved.json()["approvers"], serde_json::json!(["token:approver"]));
}

#[tokio::test]
async fn a_key_whose_request_runs_or_ended_nobody_knows_how_is_a_conflict() {
    let server = Server::start().await;
    let edit = r#"{"edits":[{"op":"set","address":"a@contoso.example","entry":{"home":"cloud"}}]}"#;
    let question = access::Question {
        actor: "admin".into(),
        key: "k".into(),
        route: "POST /api/v1/table/edits".into(),
    };
    let now = mail::Timestamp::from_system(std::time::SystemTime::now());
    let claim = server.access.claim(&question, edit.as_bytes(), now).unwrap();
    assert!(matches!(claim, access::Claim::New(_)));
    let headers = format!("{JSON}Idempotency-Key: k\r\n");
    let ask = async || {
        let answer = server.send("POST", "/api/v1/table/edits", &headers, edit).await;
        (answer.status, answer.json()["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(ask().await, (409, "idempotency_running".to_owned()));
    server.access.give_up(&question);
    assert_eq!(ask().await, (409, "idempotency_unknown".to_owned()));
    let entry = server.get("/api/v1/table/entries/a@contoso.example").await;
    assert_eq!(entry.status, 404, "neither was done");
}

#[tokio::test]
async fn a_change_by_the_glass_is_noted_and_a_look_is_not() {
    let server = Server::start().await;
    server.add_user("anna", "administrator").await;
    let noted = || server.access.glass().map(|it| it.action);
    server.get("/api/v1/table").await;
    assert_eq!(noted().as_deref(), Some("POST /api/v1/users"));
    server.json("PUT", "/api/v1/table/entries/a@contoso.example", r#"{"home":"cloud"}"#).await;
    assert_eq!(noted().as_deref(), Some("PUT /api/v1/table/entries/{name}"));
}

#[tokio::test]
async fn only_a_trusted_proxy_says_who_asks() {
    let forwarded = "X-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n";
    let trusting =
        Limits { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..Limits::default() };
    for (limits, source) in [(Limits::default(), "127.0.0.1"), (trusting, "192.0.2.1")] {
        let server = Server::with(limits).await;
        let headers = format!("{JSON}{forwarded}");
        let wrong = r#"{"user":"anna","password":"wrong"}"#;
        for _ in 0..5 {
            server.raw("POST", "/api/v1/session", &headers, wrong).await;
        }
        let record = &server.audit().await[0];
        assert_eq!(record["source"], source);
        let throttled = server.raw("POST", "/api/v1/session", &headers, wrong).await;
        assert_eq!(throttled.status, 429, "{}", throttled.body);
        // Who names another address before the one that the proxy saw gains nothing.
        let other = format!("{JSON}X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n");
        assert_eq!(server.raw("POST", "/api/v1/session", &other, wrong).await.status, 429);
        let elsewhere = format!("{JSON}X-Forwarded-For: 192.0.2.77\r\n");
        let status = server.raw("POST", "/api/v1/session", &elsewhere, wrong).await.status;
        assert_eq!(status, if source == "127.0.0.1" { 429 } else { 401 });
    }
}

#[tokio::test]
async fn a_count_of_rows_leaves_out_what_is_not_to_be_seen() {
    let server = Server::start().await;
    for name in ["anna@contoso.example", "bert@fabrikam.example", "carl@tailspin.example"] {
        let path = format!("/api/v1/table/entries/{name}");
        assert_eq!(server.json("PUT", &path, r#"{"home":"on_prem"}"#).await.status, 200);
    }
    let two = r#","domains":["contoso.example","fabrikam.example"]"#;
    let token = server.token("operator", two).await;
    let headers = format!("Authorization: Bearer {token}\r\n");
    let path = "/api/v1/table/entries?offset=0&limit=1";
    let seen = server.raw("GET", path, &headers, "").await.json();
    assert_eq!(
        (seen["total"].as_u64(), seen["entries"].as_array().map(Vec::len)),
        (Some(2), Some(1))
    );
    let second =
        server.raw("GET", "/api/v1/table/entries?offset=1&limit=1", &headers, "").await.json();
    assert_eq!(second["entries"][0]["address"], "bert@fabrikam.example");
    assert_eq!(server.get(path).await.json()["total"], 3, "who is not limited sees all");
}
