//! The console's files: who may keep them, and what a browser may do with them.

use super::client::Server;

#[tokio::test]
async fn the_first_page_comes_without_a_token_and_is_not_kept() {
    let server = Server::start().await;
    for path in ["/console/", "/console/routes", "/console/moves/a@b.example"] {
        let answer = server.raw("GET", path, "", "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
    }
}

#[tokio::test]
async fn the_root_leads_to_the_console() {
    let server = Server::start().await;
    for path in ["/", "/console"] {
        let answer = server.raw("GET", path, "", "").await;
        assert_eq!((answer.status, answer.header("location")), (307, Some("/console/")), "{path}");
    }
}

#[tokio::test]
async fn what_the_page_names_may_be_kept_for_ever() {
    let server = Server::start().await;
    let page = server.raw("GET", "/console/", "", "").await.body;
    let names = page.split('"').filter(|it| it.starts_with("/console/") && it.contains('.'));
    for name in names {
        let answer = server.raw("GET", name, "", "").await;
        assert_eq!(answer.status, 200, "{name}");
        let keep = answer.header("cache-control").unwrap();
        assert!(keep.contains("immutable"), "{name}: {keep}");
        let known = format!("If-None-Match: {}\r\n", answer.header("etag").unwrap());
        assert_eq!(server.raw("GET", name, &known, "").await.status, 304, "{name}");
    }
    assert_eq!(server.raw("GET", "/console/nothing.js", "", "").await.status, 404);
}
