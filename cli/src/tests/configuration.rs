//! The configuration that runs, from the keyboard.

use expect_test::expect;

use super::check;
use super::harness::Desk;

#[tokio::test]
async fn every_key_is_shown_with_where_it_is_from() {
    let desk = Desk::new().await;
    check(
        &desk,
        "config show",
        expect![[r#"
        KEY                         VALUE                 FROM     TAKES
        server.data_dir             "/var/lib/causeway"   line 3   restart
        site.cloud.connections_max  15                    default  reload
        site.cloud.ca_file          (the system's roots)  default  reload
        /etc/causeway/causeway.toml says something else by now: causeway config diff
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "config show --written",
        expect![[r#"
        KEY              VALUE                FROM    TAKES
        server.data_dir  "/var/lib/causeway"  line 3  restart
        /etc/causeway/causeway.toml says something else by now: causeway config diff
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "config show connections --about",
        expect![[r#"
        site.cloud.connections_max = 15
            Connections at a time.
            number, 1 to 10000; default 15; from: default; a new value takes a reload
        /etc/causeway/causeway.toml says something else by now: causeway config diff
        exit 0
    "#]],
    )
    .await;
    check(&desk, "config show connections --json", expect![[r#"
        {"key":"site.cloud.connections_max","section":"site.cloud","name":"connections_max","value":"15","source":"default","line":null,"default":"15","unset_means":null,"wants":"number, 1 to 10000","about":"Connections at a time.","takes":"reload"}
        exit 0
    "#]]).await;
    check(
        &desk,
        "config show nothing",
        expect![[r#"
        error: there is no such key
        hint: `causeway config show` without a name shows all of them
        exit 1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_look_before_a_reload_says_what_it_would_change() {
    let desk = Desk::new().await;
    check(
        &desk,
        "config diff",
        expect![[r#"
        server.data_dir: "/var/lib/causeway" -> "/srv/causeway" (restart)
        site.cloud.ca_file: (not set) -> "roots.pem" (reload)
        `causeway reload` changes 1; 1 wait for a restart
        exit 0
    "#]],
    )
    .await;
    check(
        &desk,
        "config diff --json",
        expect![[r#"
        {
          "differences": [
            {
              "file": "\"/srv/causeway\"",
              "key": "server.data_dir",
              "running": "\"/var/lib/causeway\"",
              "takes": "restart"
            },
            {
              "file": "\"roots.pem\"",
              "key": "site.cloud.ca_file",
              "running": null,
              "takes": "reload"
            }
          ],
          "file": "/etc/causeway/causeway.toml",
          "mistakes": [],
          "warnings": []
        }
        exit 0
    "#]],
    )
    .await;
    desk.backend.state().file_differs = false;
    check(
        &desk,
        "config diff",
        expect![[r#"
        /etc/causeway/causeway.toml says what runs.
        exit 0
    "#]],
    )
    .await;
    let mistake = api::FieldError::new("causeway.toml:3:9", "server.hostname: want a name");
    desk.backend.state().mistakes = vec![mistake];
    check(
        &desk,
        "config diff",
        expect![[r#"
        causeway.toml:3:9: server.hostname: want a name
        1 mistake: a reload would change nothing
        exit 2
    "#]],
    )
    .await;
}
