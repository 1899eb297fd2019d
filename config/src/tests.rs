//! The whole reader, from text to mistakes.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::{Config, Hosts, Role, TlsPolicy, reference};

const SAMPLES: [(&str, &str); 3] = [
    ("first-day.toml", include_str!("../samples/first-day.toml")),
    ("two-sites.toml", include_str!("../samples/two-sites.toml")),
    ("behind-a-proxy.toml", include_str!("../samples/behind-a-proxy.toml")),
];

fn parse(text: &str) -> Config {
    Config::parse(text, "/etc/causeway/causeway.toml").unwrap_or_else(|it| panic!("{it}"))
}

fn check(text: &str, want: Expect) {
    let got = Config::parse(text, "causeway.toml").expect_err("has mistakes");
    want.assert_eq(&got.to_string());
}

/// The first day with more behind it.
fn first_day_and(more: &str) -> String {
    format!("{}{more}", SAMPLES[0].1)
}

#[test]
fn every_sample_is_right() {
    for (name, text) in SAMPLES {
        if let Err(mistakes) = Config::parse(text, name) {
            panic!("{mistakes}");
        }
    }
}

#[test]
fn two_sites_come_out_as_they_were_meant() {
    let config = parse(SAMPLES[1].1);
    assert_eq!(
        config.sites.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        ["on_prem", "cloud"]
    );
    let cloud = &config.sites[1];
    assert_eq!(cloud.tls, TlsPolicy::Verify);
    assert_eq!(cloud.recipient.to_string(), "{local}@contoso.mail.onmicrosoft.com");
    assert!(matches!(&cloud.hosts, Hosts::List(list) if list.len() == 1));
    assert_eq!(config.listeners[1].role, Role::Relay);
    assert_eq!(config.listeners[1].relay_from.len(), 2);
    assert_eq!(config.limits.hops_max, 50);
    assert_eq!(config.delivery.retry.len(), 6);
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let config = parse(SAMPLES[2].1);
    assert_eq!(config.server.data_dir.to_str(), Some("/etc/causeway/data"));
    assert_eq!(config.admin.token_file.unwrap().to_str(), Some("/etc/causeway/admin.token"));
}

/// What scripts around the project write; see `tests/`.
#[test]
fn a_bare_relay_needs_no_more_than_this() {
    let config = parse(
        r#"
[server]
hostname = "gw.kit.test"
data_dir = "/tmp/run/data"

[[listener]]
name = "mx"
bind = "127.0.0.1:2595"
role = "mx"
tls_certificate = "/tmp/base/cert.pem"
tls_key = "/tmp/base/key.pem"

[site.on_prem]
hosts = ["127.0.0.1:2701"]
tls = "none"
connections_max = 20

[site.cloud]
hosts = ["127.0.0.2:2702"]
tls = "none"
connections_max = 20

[[relay_domain]]
name = "kit.test"
unlisted = "on_prem"

[admin]
bind = "127.0.0.1:2596"
"#,
    );
    assert_eq!(config.sites[1].connections_max, 20);
    assert!(config.server.data_threads > 0);
}

#[test]
fn an_empty_file_hears_what_is_needed() {
    check(
        "",
        expect![[r#"
        causeway.toml:1:1: listener: missing: write at least one section [[listener]]
        causeway.toml:1:1: relay_domain: missing: write at least one section [[relay_domain]]
        causeway.toml:1:1: server.data_dir: missing: write data_dir = … (path)
        causeway.toml:1:1: server.hostname: missing: write hostname = … (domain name)
        causeway.toml:1:1: site: missing: write at least one section [site.NAME]
    "#]],
    );
}

#[test]
fn every_mistake_comes_at_once_with_its_place() {
    check(
        r#"
[sever]
hostname = "x"

[server]
hostname = "con toso"
datadir = "/tmp"
data_threads = 999
shutdown_grace = 30
hops_max = 3

[[listener]]
name = "mx"
bind = "0.0.0.0"
role = "mix"
tls_key = "x.key"

[[listener]]
name = "mx"
bind = "0.0.0.0:25"
role = "relay"
relay_from = ["10.0.0.1/8", "all", 3]

[site.on_prem]
hosts = ["10.0.0.5:99999", "::1"]
tls = "verfy"
recipient = "{user}@contoso.example"

[site.cloud]
recipient = "all@contoso.example"

[[relay_domain]]
name = "contoso.example"
unlisted = "onprem"

[limits]
message_bytes_max = "150MB"
command_timeout = "1 year"
errors_soft = 50
"#,
        expect![[r#"
            causeway.toml:2:2: sever: unknown section: did you mean "server"?
            causeway.toml:5:2: server.data_dir: missing: write data_dir = … (path)
            causeway.toml:6:12: server.hostname: domain is not a valid host name: "con toso"; want a name as in "contoso.example"
            causeway.toml:7:1: server.datadir: unknown key: did you mean "data_dir"?
            causeway.toml:8:16: server.data_threads: want a number from 0 to 256, not 999
            causeway.toml:9:18: server.shutdown_grace: want a duration with its unit, as in "30s", "5m", "4h" or "5d", not 30
            causeway.toml:10:1: server.hops_max: unknown key: it belongs in [limits]
            causeway.toml:14:8: listener[mx].bind: want ADDRESS:PORT, as in "0.0.0.0:25" or "[::]:25", not "0.0.0.0"
            causeway.toml:15:8: listener[mx].role: want one of "mx", "relay", "submission", not "mix": did you mean "mx"?
            causeway.toml:16:11: listener[mx].tls_key: write tls_certificate as well, or neither
            causeway.toml:19:8: listener[mx].name: this name is taken: every listener has its own
            causeway.toml:22:15: listener[mx].relay_from: 10.0.0.1/8 has bits beyond its prefix: write "10.0.0.0/8"
            causeway.toml:22:29: listener[mx].relay_from: want a network, as in "10.0.0.0/8", or one address, not "all"
            causeway.toml:22:36: listener[mx].relay_from: want a network, as in "10.0.0.0/8", or one address, not 3
            causeway.toml:25:10: site.on_prem.hosts: want a port from 1 to 65535 after the colon, not "99999"
            causeway.toml:25:28: site.on_prem.hosts: an IPv6 address needs brackets: "[::1]:25"
            causeway.toml:26:7: site.on_prem.tls: want one of "none", "opportunistic", "require", "verify", not "verfy": did you mean "verify"?
            causeway.toml:27:13: site.on_prem.recipient: unknown variable {user}: there are {address}, {local} and {domain}
            causeway.toml:29:7: site.cloud.hosts: missing: write hosts = ["HOST:PORT"], or mx = "DOMAIN"
            causeway.toml:30:13: site.cloud.recipient: want "{address}" or "{local}@DOMAIN"
            causeway.toml:34:12: relay_domain[contoso.example].unlisted: there is no site "onprem" (there are: on_prem, cloud): did you mean "on_prem"?
            causeway.toml:37:21: limits.message_bytes_max: want a size from 64KiB to 1TiB, as in "64MiB" or a number of bytes, not "150MB"
            causeway.toml:38:19: limits.command_timeout: want a duration with its unit, as in "30s", "5m", "4h" or "5d", not "1 year"
            causeway.toml:39:15: limits.errors_soft: want at most errors_hard
        "#]],
    );
}

#[test]
fn a_relay_knows_its_clients() {
    check(
        &first_day_and(
            r#"
[[listener]]
name = "a"
bind = "127.0.0.1:1"
role = "relay"
[[listener]]
name = "b"
bind = "127.0.0.1:2"
role = "relay"
relay_certificates = ["edge.contoso.example"]
[[listener]]
name = "c"
bind = "127.0.0.1:3"
role = "relay"
relay_from = ["0.0.0.0/0"]
[[listener]]
name = "d"
bind = "127.0.0.1:4"
role = "mx"
relay_from = ["10.0.0.0/8"]
xclient_from = ["::/0"]
[[listener]]
name = "internal"
bind = "127.0.0.1:5"
role = "submission"
"#,
        ),
        expect![[r#"
            causeway.toml:30:8: listener[a].role: a relay must know its clients: write relay_from = [networks] or relay_certificates = [names]
            causeway.toml:35:22: listener[b].relay_certificates: certificates are shown in TLS: write tls_certificate and tls_key
            causeway.toml:35:22: listener[b].relay_certificates: write client_ca as well: who issues these certificates
            causeway.toml:40:14: listener[c].relay_from: 0.0.0.0/0 is too wide: this would be an open relay
            causeway.toml:45:14: listener[d].relay_from: is for role = "relay" only: anyone may connect to an mx
            causeway.toml:46:16: listener[d].xclient_from: ::/0 is too wide: strangers could pretend to be anyone
            causeway.toml:48:8: listener[internal].name: "internal" is what mail of our own comes from; choose another
            causeway.toml:50:8: listener[internal].role: this version has no sign-in: use "relay" with relay_from for hosts that send mail
        "#]],
    );
}

#[test]
fn a_certificate_that_all_tenants_show_admits_none_of_them() {
    let relay = r#"
[[listener]]
name = "cloud"
bind = "127.0.0.1:1"
role = "relay"
tls_certificate = "a.pem"
tls_key = "a.key"
client_ca = "ca.pem"
relay_certificates = ["edge.contoso.example", "Mail.Protection.Outlook.com"]
"#;
    check(
        &first_day_and(relay),
        expect![[r#"
            causeway.toml:34:22: listener[cloud].relay_certificates: Exchange Online shows mail.protection.outlook.com for every one of its tenants: this would be an open relay for all of them; write relay_certificate_senders = "relay_domains" as well, or leave it out
        "#]],
    );
    let bound = format!("{relay}relay_certificate_senders = \"relay_domains\"\n");
    let config = parse(&first_day_and(&bound));
    let warnings = config.warnings().to_string();
    assert!(warnings.contains("can send here in the name of a relay domain"), "{warnings}");
}

#[test]
fn a_balancer_that_may_xclient_is_warned_about() {
    let networks = "proxy_protocol_from = [\"192.0.2.0/28\"]\nxclient_from = [\"192.0.2.1\"]\n";
    let text = SAMPLES[0].1.replacen("role = \"mx\" ", &format!("{networks}role = \"mx\" "), 1);
    let warnings = parse(&text).warnings().to_string();
    assert!(warnings.contains("listener[mx].xclient_from: 192.0.2.1/32 is in"), "{warnings}");
    assert!(SAMPLES.iter().all(|(_, text)| parse(text).warnings().list.is_empty()));
}

#[test]
fn the_spool_can_count_the_recipients_and_hold_the_segments_that_are_allowed() {
    check(
        &first_day_and("[limits]\nrecipients_max = 32001\n[spool]\nsegment_bytes = \"1025MiB\"\n"),
        expect![[r#"
            causeway.toml:27:18: limits.recipients_max: want a number from 100 to 32000, not 32001
            causeway.toml:29:17: spool.segment_bytes: want a size from 1MiB to 1GiB, as in "64MiB" or a number of bytes, not "1025MiB"
        "#]],
    );
    parse(&first_day_and("[limits]\nrecipients_max = 32000\n[spool]\nsegment_bytes = \"1GiB\"\n"));
}

#[test]
fn a_portal_is_accepted_with_a_word_about_it() {
    let warnings = parse(&first_day_and("[portal]\n")).warnings().to_string();
    assert!(warnings.contains("portal.bind: not in this version"), "{warnings}");
}

#[test]
fn strangers_newlines_are_never_normalized() {
    let text = SAMPLES[0].1.replacen("role = ", "bare_newline = \"normalize\"\nrole = ", 1);
    check(
        &text,
        expect![[r#"
            causeway.toml:11:16: listener[mx].bare_newline: is for trusted peers only: a stranger's bare newline may be smuggling; write "reject", or leave it out
        "#]],
    );
}

#[test]
fn our_own_listeners_are_found_behind_a_wildcard() {
    let inside = "[[listener]]\nname = \"in\"\nbind = \"10.0.0.2:2525\"\nrole = \"mx\"\n";
    for (host, is_ours) in [
        ("127.0.0.1:25", true),
        ("127.0.0.2", true),
        ("0.0.0.0:25", true),
        ("localhost", true),
        ("10.0.0.2:25", true),
        ("10.0.0.2:2525", true),
        ("10.0.0.2:26", false),
        ("127.0.0.1:2525", false),
        ("10.0.0.3:25", false),
        ("[::1]:25", false),
    ] {
        for section in ["[site.other]\nhosts", "[delivery]\nsmart_host"] {
            let text = first_day_and(&format!("{inside}{section} = [\"{host}\"]\n"));
            let got = Config::parse(&text, "x").map(drop).map_err(|it| it.to_string());
            let circles = got.as_ref().err().is_some_and(|it| it.contains("go in circles"));
            assert_eq!(circles, is_ours, "{host} {section}: {got:?}");
        }
    }
}

#[test]
fn sections_that_are_right_alone_may_be_wrong_together() {
    check(
        &first_day_and(
            r#"
[[listener]]
name = "mx"
bind = "10.0.0.1:25"
role = "mx"
[[listener]]
name = "other"
bind = "127.0.0.1:8025"
role = "mx"
[site.loop]
hosts = ["10.0.0.1:25"]
client_certificate = "a.pem"
client_key = "a.key"
tls = "none"
ca_file = "ca.pem"
[site.both]
hosts = []
mx = "contoso.example"
[[relay_domain]]
name = "CONTOSO.example"
unlisted = "reject"
[routing]
postmaster = "nobody"
copy_while_syncing = "on_perm"
[delivery]
delay_notice_after = "6d"
retry = []
"#,
        ),
        expect![[r#"
            causeway.toml:25:8: admin.bind: 127.0.0.1:8025 is in use by listener[other].bind
            causeway.toml:28:8: listener[mx].name: this name is taken: every listener has its own
            causeway.toml:29:8: listener[mx].bind: 10.0.0.1:25 is in use by listener[mx].bind
            causeway.toml:36:9: site.loop.hosts: 10.0.0.1:25 is this gateway itself: mail would go in circles
            causeway.toml:37:22: site.loop.client_certificate: is shown in TLS: write tls = "verify"
            causeway.toml:40:11: site.loop.ca_file: is used with tls = "verify" only: write that, or leave it out
            causeway.toml:42:9: site.both.hosts: want at least one host
            causeway.toml:43:6: site.both.mx: write either hosts or mx, not both
            causeway.toml:45:8: relay_domain[CONTOSO.example].name: this domain has a section already
            causeway.toml:48:14: routing.postmaster: there is no site "nobody" (there are: on_prem, loop, both)
            causeway.toml:49:22: routing.copy_while_syncing: there is no site "on_perm" (there are: on_prem, loop, both): did you mean "on_prem"?
            causeway.toml:51:22: delivery.delay_notice_after: want less than lifetime, or "off"
            causeway.toml:52:9: delivery.retry: want at least one duration, as in ["1m", "5m", "30m"]
        "#]],
    );
}

#[test]
fn wrong_shapes_and_syntax_are_explained() {
    check(
        "[listener]\nname = 1\n[[site]]\n[[server]]\nadmin = 3",
        expect![[r#"
        causeway.toml:1:1: relay_domain: missing: write at least one section [[relay_domain]]
        causeway.toml:1:2: listener: want sections with two brackets: [[listener]]
        causeway.toml:3:3: site: want sections with a name: [site.NAME]
        causeway.toml:4:3: server: want one section: [server]
        causeway.toml:4:3: server.data_dir: missing: write data_dir = … (path)
        causeway.toml:4:3: server.hostname: missing: write hostname = … (domain name)
    "#]],
    );
    check(
        "[server\nhostname = x\n",
        expect![[r#"
        causeway.toml:1:8: unclosed table, expected `]`
    "#]],
    );
    check(
        "[server]\nhostname = \"a\"\nhostname = \"b\"\n",
        expect![[r#"
        causeway.toml:3:1: duplicate key
    "#]],
    );
    check(
        "[site]\nhosts = []\n[site.\"a b\"]\n[site.reject]\n",
        expect![[r#"
        causeway.toml:1:1: listener: missing: write at least one section [[listener]]
        causeway.toml:1:1: relay_domain: missing: write at least one section [[relay_domain]]
        causeway.toml:1:1: server.data_dir: missing: write data_dir = … (path)
        causeway.toml:1:1: server.hostname: missing: write hostname = … (domain name)
        causeway.toml:2:1: site.hosts: want a section: [site.NAME]
        causeway.toml:3:7: site.a b: want a short name of letters, digits, - and _; not "reject"
        causeway.toml:4:7: site.reject: want a short name of letters, digits, - and _; not "reject"
    "#]],
    );
}

#[test]
fn what_is_no_text_is_refused_at_its_place() {
    let error = Config::parse_bytes(b"[server]\n\xff", "c.toml").unwrap_err();
    expect![[r#"
        c.toml:2:1: not UTF-8: save the file in that encoding
    "#]]
    .assert_eq(&error.to_string());
    assert!(Config::parse_bytes(b"\xef\xbb\xbf[server]", "c.toml").is_err());
}

#[test]
fn a_reload_knows_what_changed_and_what_must_wait() {
    let before = parse(SAMPLES[0].1);
    let text = first_day_and("[limits]\nhops_max = 30\n[site.cloud]\nhosts = [\"c.example\"]\n")
        .replace("0.0.0.0:25", "0.0.0.0:2525")
        .replace("[[relay_domain]]", "tls_dummy = 1\n[[relay_domain]]")
        .replace("tls_dummy = 1\n", "connections_max = 15\n");
    let changes = Config::diff(&before, &parse(&text));
    let lines: Vec<String> = changes
        .iter()
        .map(|it| {
            let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".to_owned());
            let wait = if it.needs_restart { " (restart)" } else { "" };
            format!("{}: {} -> {}{wait}", it.key, text(&it.before), text(&it.after))
        })
        .collect();
    expect![[r#"
        limits.hops_max: 50 -> 30
        listener[mx].bind: "0.0.0.0:25" -> "0.0.0.0:2525" (restart)
        site.cloud.chunking: - -> "auto" (restart)
        site.cloud.connections_max: - -> 15 (restart)
        site.cloud.hosts: - -> ["c.example"] (restart)
        site.cloud.ip: - -> "v4_first" (restart)
        site.cloud.messages_per_connection_max: - -> 200 (restart)
        site.cloud.probe_every: - -> "1s" (restart)
        site.cloud.recipient: - -> "{address}"
        site.cloud.recipients_per_message_max: - -> 100 (restart)
        site.cloud.tls: - -> "opportunistic" (restart)"#]]
    .assert_eq(&lines.join("\n"));
    assert!(Config::diff(&before, &before).is_empty());
}

#[test]
fn every_default_can_be_read() {
    let config = parse(&first_day_and("[portal]\n"));
    let mut text = String::new();
    for line in config.settings().iter().filter(|it| it.is_default && !it.value.is_empty()) {
        text.push_str(&format!("{} = {}\n", line.key, line.value));
    }
    assert!(text.contains("limits.hops_max = 50"), "{text}");
}

#[test]
fn the_reference_page_names_every_section() {
    let page = reference();
    for header in ["`[server]`", "`[[listener]]`", "`[site.NAME]`", "`[limits]`"] {
        assert!(page.contains(header), "{header}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Config::parse_bytes(&bytes, "x");
    }

    /// Cuts and splices of what is right are nearer to what people get wrong.
    #[test]
    fn no_damaged_sample_panics(
        sample in 0..3_usize, at in any::<prop::sample::Index>(), length in 0..40_usize,
        patch in "[-\\[\\]\"'=.#{}a-z0-9 \n\u{e4}]{0,20}",
    ) {
        let mut chars: Vec<char> = SAMPLES[sample].1.chars().collect();
        let start = at.index(chars.len());
        let end = (start + length).min(chars.len());
        chars.splice(start..end, patch.chars());
        let text: String = chars.into_iter().collect();
        if let Err(mistakes) = Config::parse(&text, "x") {
            prop_assert!(!mistakes.list.is_empty());
            prop_assert_eq!(mistakes.to_string().lines().count(), mistakes.list.len());
        }
    }
}

/// They are shown to operators: docs/adr/0212.
#[test]
fn no_key_holds_a_secret() {
    let keys = crate::sections::SECTIONS.iter().flat_map(|it| it.keys.iter());
    for key in keys.filter(|it| !it.name.ends_with("_file")) {
        for word in ["password", "secret", "token", "passphrase"] {
            assert!(!key.name.ends_with(word), "{}: name a file instead", key.name);
        }
    }
}

#[test]
fn what_is_written_has_its_line_and_what_is_not_has_none() {
    let config = first_day_and("\n[limits]\n# fewer\nhops_max = 30\n");
    let line = config.lines().position(|it| it == "hops_max = 30").unwrap() + 1;
    let config = parse(&config);
    let of = |key: &str| config.settings().iter().find(|it| it.key == key).unwrap();
    assert_eq!(of("limits.hops_max").line, Some(line));
    assert_eq!(
        of("limits.hops_max").section_about(),
        "What clients may use up; each is answered with a reply of its own and counted."
    );
    assert_eq!(of("limits.memory_bytes_max").line, None);
    assert!(of("limits.memory_bytes_max").needs_restart());
}
