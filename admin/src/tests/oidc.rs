//! Signing in by an identity provider, as HTTP. What tokens are believed, `oidc` tests; a whole sign-in the
//! console's tests, in a browser.

use std::sync::Arc;
use std::time::Duration;

use oidc::{Grant, OidcMetrics, Provider, Settings};

use super::client::Server;

const PAGE: &str = "Accept: text/html\r\n";

fn absent() -> Arc<Provider> {
    let grant = Grant {
        group: "g".into(),
        role: api::Role::Viewer,
        domains: Vec::new(),
        batches: Vec::new(),
    };
    let settings = Settings {
        issuer: "http://127.0.0.1:9".into(),
        client_id: "causeway".into(),
        client_secret: None,
        public_url: "http://127.0.0.1:8025".into(),
        label: "Contoso".into(),
        scopes: Vec::new(),
        name_claim: "sub".into(),
        groups_claim: "groups".into(),
        grants: vec![grant],
        ca_file: None,
        within: Duration::from_secs(1),
        pending_max: 10,
    };
    let metrics = OidcMetrics::register(&prometheus::Registry::new()).unwrap();
    Arc::new(Provider::new(settings, metrics).unwrap())
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_way() {
    let server = Server::start().await;
    let ways = server.raw("GET", "/api/v1/session/ways", "", "").await;
    assert_eq!((ways.status, ways.body.as_str()), (200, r#"{"oidc":null}"#));
    for path in ["/api/v1/session/oidc", "/api/v1/session/oidc/callback?state=x&code=y"] {
        let answer = server.raw("GET", path, "", "").await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &"not_found".into()));
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_to_be_and_a_local_account_still_signs_in() {
    let server = Server::with_oidc(absent()).await;
    let ways = server.raw("GET", "/api/v1/session/ways", "", "").await.json();
    assert_eq!(ways["oidc"]["available"], false);
    assert_eq!(ways["oidc"]["path"], "/api/v1/session/oidc");
    let begun = server.raw("GET", "/api/v1/session/oidc", PAGE, "").await;
    assert_eq!(
        (begun.status, begun.header("content-type")),
        (503, Some("text/html; charset=utf-8"))
    );
    assert!(begun.body.contains("Sign in with a local account"), "{}", begun.body);
    let login = format!(r#"{{"token":"{}"}}"#, super::client::TOKEN);
    let json = "Content-Type: application/json\r\n";
    assert_eq!(server.raw("POST", "/api/v1/session", json, &login).await.status, 200);
}

#[tokio::test]
async fn what_nobody_began_signs_nobody_in_and_cannot_be_tried_without_end() {
    let server = Server::with_oidc(absent()).await;
    let path = "/api/v1/session/oidc/callback?state=made-up&code=%3Cscript%3E&error=%3Cb%3E";
    let page = server.raw("GET", path, &format!("{PAGE}Cookie: __Host-oidc=x\r\n"), "").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Not signed in") && !page.body.contains("<script"));
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-oidc=;") && cookie.contains("Max-Age=0"), "{cookie}");
    for _ in 0..19 {
        assert_eq!(server.raw("GET", path, "", "").await.status, 403);
    }
    let throttled = server.raw("GET", path, "", "").await;
    assert_eq!((throttled.status, &throttled.json()["code"]), (429, &"throttled".into()));
    let records = server.get("/api/v1/audit?action=GET%20/api/v1/session/oidc").await.json();
    let records = records["records"].as_array().unwrap().clone();
    assert!(!records.is_empty() && records.iter().all(|it| it["code"] == "state"), "{records:?}");
}
