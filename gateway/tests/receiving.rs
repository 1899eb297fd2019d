//! What the shell around the session adds: sockets, time, TLS, the spool.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::sync::Arc;

use gateway::Shutdown;
use mail::Protocol;
use support::{Client, octets, start, start_in};

const BODY: &str = "Subject: hi\r\n\r\nbody\r\n";

#[test]
fn an_accepted_message_is_handed_on_with_one_received_field() {
    let world = start("", "");
    let mut client = world.greeted();
    let reply = client.deliver(BODY, "250 2.0.0 Queued as ");
    let message = world.message();
    assert!(reply.trim_end().ends_with(&message.id.to_string()));
    let text = String::from_utf8(octets(&message)).unwrap();
    let (mark, rest) = text.split_once("\r\n").unwrap();
    assert!(mark.starts_with("X-Causeway-Loop: "));
    assert!(rest.starts_with("Received: from client.example ([127.0.0.1])\r\n\tby gw.example "));
    assert!(
        text.contains(&format!(" with ESMTP id {}\r\n\tfor <anna@known.example>;", message.id))
    );
    assert!(text.ends_with(BODY));
    assert_eq!(text.matches("Received:").count(), 1);
    assert_eq!(text.matches("X-Causeway-Loop:").count(), 1);
    assert_eq!(message.origin.protocol, Protocol::Esmtp);
    assert_eq!(&*message.origin.helo, "client.example");
    assert_eq!(world.metric("causeway_smtp_messages_total"), 1.0);
    assert_eq!(world.metric("causeway_smtp_message_bytes_total"), BODY.len() as f64);
    assert_eq!(world.metric("causeway_smtp_sessions_open"), 1.0);
    client.ask("QUIT", "221");
    client.expect_closed();
    assert_eq!(world.finish(), Shutdown::Clean);
}

#[test]
fn replies_to_a_group_leave_in_one_write_and_groups_may_overlap() {
    let world = start("", "");
    let mut client = world.greeted();
    let one = format!(
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@known.example>\r\nRCPT TO:<anna@known.example>\r\n\
         BDAT {} LAST\r\n{BODY}",
        BODY.len()
    );
    client.send(one.repeat(3));
    for _ in 0..3 {
        for want in ["250 2.1.0", "550 5.1.1", "250 2.1.5", "250 2.0.0 Queued as "] {
            client.expect(want);
        }
    }
    let ids: Vec<_> = (0..3).map(|_| world.message().id).collect();
    assert!(ids.is_sorted());
    world.finish();
}

#[test]
fn a_message_whose_client_left_after_the_dot_is_accepted_all_the_same() {
    let world = start("", "");
    let mut client = world.greeted();
    client.ask("MAIL FROM:<>", "250");
    client.ask("RCPT TO:<anna@known.example>", "250");
    client.ask("DATA", "354");
    client.send(format!("{BODY}.\r\n"));
    drop(client);
    assert!(octets(&world.message()).ends_with(BODY.as_bytes()));
    world.finish();
}

#[test]
fn a_large_body_goes_to_the_disk_as_it_comes() {
    let world = start("", "");
    let mut client = world.greeted();
    let body = format!("Subject: big\r\n\r\n{}", format!("{}\r\n", "x".repeat(76)).repeat(40_000));
    client.deliver(&body, "250 2.0.0 Queued as ");
    let message = world.message();
    assert!(matches!(message.body, spool::Body::Stored(_)));
    assert!(octets(&message).ends_with(body.as_bytes()));
    client.ask("MAIL FROM:<>", "250");
    client.ask("RCPT TO:<anna@known.example>", "250");
    client.send(format!("BDAT {}\r\n{body}BDAT {} LAST\r\n{body}", body.len(), body.len()));
    client.expect("250 2.0.0 Chunk received");
    client.expect("250 2.0.0 Queued as ");
    let message = world.message();
    assert!(octets(&message).ends_with(format!("{body}{body}").as_bytes()));
    world.finish();
}

/// Each body alone is small enough to stay in memory.
#[test]
fn bodies_that_fill_the_memory_together_go_to_the_disk() {
    const LIMIT: u64 = 64 << 20;
    let world = start("", "[limits]\nmemory_bytes_max = \"64MiB\"\n");
    let body = format!("Subject: x\r\n\r\n{}", format!("{}\r\n", "x".repeat(998)).repeat(1000));
    let mut clients: Vec<_> = (0..70).map(|_| world.greeted()).collect();
    for client in &mut clients {
        client.ask("MAIL FROM:<>", "250");
        client.ask("RCPT TO:<anna@known.example>", "250");
    }
    for client in &mut clients {
        client.send(format!("BDAT {}\r\n{body}", body.len()));
        client.expect("250 2.0.0 Chunk received");
        assert!(world.serving.body_bytes() <= LIMIT, "{}", world.serving.body_bytes());
    }
    for client in &mut clients {
        client.ask("BDAT 0 LAST", "250 2.0.0 Queued as ");
        assert!(octets(&world.message()).ends_with(body.as_bytes()));
    }
    world.finish();
}

#[test]
fn at_the_end_idle_sessions_hear_so_and_transactions_finish() {
    let world = start("", "");
    let mut idle = world.greeted();
    let mut busy = world.greeted();
    busy.ask("MAIL FROM:<>", "250");
    busy.ask("RCPT TO:<anna@known.example>", "250");
    world.begin_stop();
    idle.expect("421 4.3.2 Shutting down");
    idle.expect_closed();
    busy.ask("DATA", "354");
    busy.send(format!("{BODY}.\r\n"));
    busy.expect("250 2.0.0 Queued as ");
    busy.expect("421 4.3.2 Shutting down");
    busy.expect_closed();
    world.message();
    assert_eq!(world.finish(), Shutdown::Clean);
}

#[test]
fn a_trusted_balancer_says_who_the_client_is_and_nobody_else_does() {
    let world = start("proxy_protocol_from = [\"127.0.0.0/8\"]", "");
    let mut client = world.connect();
    client.send("PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n");
    client.expect("220");
    client.ask("EHLO client.example", "250");
    client.deliver(BODY, "250");
    let message = world.message();
    assert_eq!(message.origin.peer, "192.0.2.7".parse().ok());
    let text = String::from_utf8(octets(&message)).unwrap();
    assert!(text.contains("\r\nReceived: from client.example ([192.0.2.7])"), "{text}");

    let mut early = world.connect();
    early.send("PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\nEHLO early.example\r\n");
    early.expect("220");
    early.expect("554 5.5.0");
    early.expect_closed();
    let mut without = world.connect();
    without.send("EHLO client.example\r\n");
    without.expect_closed();
    world.finish();

    let world = start("", "");
    let mut liar = world.connect();
    liar.expect("220");
    liar.ask("PROXY TCP4 192.0.2.7 198.51.100.1 4711 25", "500");
    world.finish();
}

#[test]
fn whoever_comes_through_a_balancer_has_not_its_rights() {
    let networks =
        "proxy_protocol_from = [\"127.0.0.0/8\"]\nxclient_from = [\"127.0.0.0/8\", \"192.0.2.9\"]";
    let world = start(networks, "");
    let greeted = |ip: &str| {
        let mut client = world.connect();
        client.send(format!("PROXY TCP4 {ip} 198.51.100.1 4711 25\r\n"));
        client.expect("220");
        let offers = client.ask("EHLO client.example", "250");
        (client, offers)
    };
    let (mut stranger, offers) = greeted("192.0.2.7");
    assert!(!offers.contains("XCLIENT"), "{offers}");
    stranger.ask("XCLIENT ADDR=10.0.0.1", "550 5.7.0");
    let (mut filter, _) = greeted("192.0.2.9");
    filter.ask("XCLIENT ADDR=10.0.0.1", "220");
    drop((stranger, filter));
    world.finish();
}

#[test]
fn a_filter_among_the_sites_admits_nobody_by_its_own_address() {
    let networks = "role = \"relay\"\nrelay_from = [\"127.0.0.1\"]\nxclient_from = [\"127.0.0.1\"]";
    let world = start(networks, "");
    let mut filter = world.greeted();
    filter.ask("MAIL FROM:<>", "250");
    filter.ask("RSET", "250");
    for told in ["ADDR=[UNAVAILABLE]", "NAME=x.example", "ADDR=192.0.2.7"] {
        let mut filter = world.greeted();
        filter.ask(&format!("XCLIENT {told}"), "220");
        filter.ask("EHLO client.example", "250");
        filter.ask("MAIL FROM:<>", "550 5.7.1");
    }
    drop(filter);
    world.finish();
}

#[test]
fn one_address_gets_only_so_many_connections() {
    let limits = "[limits]\nconnections_per_ip_max = 2\n";
    let world = start("proxy_protocol_from = [\"127.0.0.0/8\"]", limits);
    let connect = |ip: &str| {
        let mut client = world.connect();
        client.send(format!("PROXY TCP4 {ip} 198.51.100.1 4711 25\r\n"));
        client
    };
    let mut kept = [connect("192.0.2.7"), connect("192.0.2.7")];
    for client in &mut kept {
        client.expect("220");
    }
    let mut third = connect("192.0.2.7");
    third.expect("421 4.7.0 Too many connections from your address");
    third.expect_closed();
    connect("192.0.2.8").expect("220");
    for mut client in kept {
        client.ask("QUIT", "221");
        client.expect_closed();
    }
    // The places are free once the sessions have ended.
    let deadline = std::time::Instant::now() + support::PATIENCE;
    while world.serving.connections() > 0 && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    connect("192.0.2.7").expect("220");
    world.finish();
}

#[test]
fn only_admitted_networks_may_use_a_listener_for_the_sites() {
    let world = start("role = \"relay\"\nrelay_from = [\"127.0.0.1/32\"]", "");
    let mut client = world.greeted();
    client.ask("MAIL FROM:<anna@known.example>", "250");
    client.ask("RCPT TO:<eve@elsewhere.example>", "250");
    drop(client);
    world.finish();
    let world = start("role = \"relay\"\nrelay_from = [\"192.0.2.0/24\"]", "");
    let mut client = world.greeted();
    client.ask("MAIL FROM:<anna@known.example>", "550 5.7.1 Neither your network");
    client.ask("RCPT TO:<anna@known.example>", "503 5.5.1");
    world.finish();
}

#[test]
fn the_sites_are_not_taken_for_harvesters_and_may_write_long_lines() {
    let limits = "[limits]\nunknown_recipients_soft = 1\nunknown_recipients_hard = 2\n";
    let world = start("role = \"relay\"\nrelay_from = [\"127.0.0.1/32\"]", limits);
    let mut client = world.greeted();
    client.ask("MAIL FROM:<anna@known.example>", "250");
    let began = std::time::Instant::now();
    for _ in 0..10 {
        client.ask("RCPT TO:<nobody@known.example>", "550 5.1.1");
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    client.ask("RSET", "250");
    client.deliver(&format!("Subject: x\r\n\r\n{}\r\n", "x".repeat(65_536)), "250");
    world.finish();
}

#[test]
fn who_says_nothing_is_told_so_and_closed() {
    let world = start("", "[limits]\ngreeting_timeout = \"1s\"\n");
    let mut client = world.connect();
    client.expect("220");
    client.expect("421 4.4.2 Timed out");
    client.expect_closed();
    world.finish();
}

#[test]
fn a_body_must_keep_up_a_rate_however_often_an_octet_comes() {
    let limits = "[limits]\ndata_rate_min = 1000\ndata_block_timeout = \"1s\"\n";
    let world = start("", limits);
    let mut client = world.greeted();
    client.ask("MAIL FROM:<>", "250");
    client.ask("RCPT TO:<anna@known.example>", "250");
    client.ask("DATA", "354");
    let mut stream = client.stream();
    let dripping = std::thread::spawn(move || {
        // Ends when the gateway has hung up, or the test has failed for want of that.
        for _ in 0..200 {
            if stream.write_all(b"x").is_err() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    client.expect("421 4.4.2 Timed out");
    dripping.join().unwrap();
    world.finish();
}

/// What is thrown away takes time as well, and its client is to hear why.
#[test]
fn a_refused_body_that_comes_steadily_is_answered_with_its_refusal() {
    let limits = "[limits]\ndata_rate_min = 1\ndata_block_timeout = \"1s\"\n";
    let world = start("", limits);
    let mut client = world.greeted();
    client.ask("MAIL FROM:<>", "250");
    client.ask("RCPT TO:<anna@known.example>", "250");
    client.ask("DATA", "354");
    client.send("Subject: x\r\n\r\nbare\nnewline\r\n");
    let end = std::time::Instant::now() + std::time::Duration::from_millis(1500);
    while std::time::Instant::now() < end {
        client.send("and more\r\n");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    client.ask(".", "550 5.6.11");
    world.finish();
}

#[test]
fn under_stress_silence_is_short_and_mail_still_comes_in() {
    let limits = "[limits]\nconnections_max = 10\nstress_at_percent = 50\n\
                  command_timeout_stress = \"1s\"\n";
    let world = start("", limits);
    let mut idle: Vec<_> = (0..6).map(|_| world.greeted()).collect();
    for client in &mut idle {
        client.expect("421 4.4.2 Timed out");
    }
    world.greeted().deliver(BODY, "250");
    world.message();
    world.finish();
}

#[test]
fn a_reload_changes_what_counts_as_stress() {
    let world = start("", "[limits]\ncommand_timeout_stress = \"1s\"\n");
    let fewer = "[limits]\nconnections_max = 10\ncommand_timeout_stress = \"1s\"\n";
    let prepared = world.serving.prepare(&world.config_with("", fewer)).unwrap();
    world.serving.apply(prepared);
    let mut idle: Vec<_> = (0..9).map(|_| world.greeted()).collect();
    for client in &mut idle {
        client.expect("421 4.4.2 Timed out");
    }
    world.finish();
}

#[test]
fn replies_to_many_errors_are_held_back() {
    let world = start("", "[limits]\nerrors_soft = 1\n");
    let mut client = world.greeted();
    client.ask("FOO", "500");
    let began = std::time::Instant::now();
    client.ask("FOO", "500");
    assert!(began.elapsed() >= std::time::Duration::from_secs(1));
    client.ask("NOOP", "250");
    world.finish();
}

#[test]
fn bad_input_is_counted_by_its_kind() {
    let networks = "proxy_protocol_from = [\"127.0.0.2\"]\nxclient_from = [\"192.0.2.1\"]";
    let world = start(networks, "[limits]\nerrors_hard = 8\nerrors_soft = 8\n");
    let mut client = world.greeted();
    client.ask("FOO", "500");
    client.ask("RCPT TO:<anna@known.example>", "503");
    client.ask(&"x".repeat(3000), "500 5.5.2 Line too long");
    client.ask("XCLIENT ADDR=192.0.2.1", "550");
    client.ask("MAIL FROM:<> SIZE=999999999999", "552");
    client.deliver("Subject: x\r\n\r\nbare\nx\r\n", "550 5.6.11");
    client.deliver(&"Received: x\r\n".repeat(60), "554 5.4.6");
    client.ask("MAIL FROM:<a@b.example>", "250");
    client.ask("RCPT TO:<eve@elsewhere.example>", "550");
    client.ask("QUIT", "221");
    client.expect_closed();
    let mut early = world.greeted();
    early.send("STARTTLS\r\nNOOP\r\n");
    early.expect("554");
    early.expect_closed();
    assert_eq!(
        world.rejected(),
        "bare_newline 1, early_talker 1, hops 1, line_too_long 1, syntax 2, too_big 1, xclient 1"
    );
    world.finish();
}

#[test]
fn a_message_that_went_round_five_times_is_refused() {
    let world = start("", "");
    let mut client = world.greeted();
    let mut body = String::new();
    // A first line that begins with a blank belongs to whatever field stands before it.
    for begin in [BODY.to_owned(), format!(" folded\r\n{BODY}")] {
        body = begin;
        for _ in 0..5 {
            client.deliver(&body, "250");
            body = String::from_utf8(octets(&world.message())).unwrap();
        }
        client.deliver(&body, "554 5.4.6");
    }
    let forged = body.replace("X-Causeway-Loop: ", "X-Causeway-Loop: 0");
    client.deliver(&forged, "250");
    world.finish();
}

mod tls {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
    use std::fs;

    /// Writes a pair for gw.example and gives the client that believes it.
    fn pair(dir: &std::path::Path) -> Arc<ClientConfig> {
        let made = rcgen::generate_simple_self_signed(["gw.example".to_owned()]).unwrap();
        fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        Arc::new(config.with_root_certificates(roots(dir)).with_no_client_auth())
    }

    fn roots(dir: &std::path::Path) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap()).unwrap();
        roots
    }

    fn listener(dir: &std::path::Path) -> String {
        let at = |name| dir.join(name).display().to_string();
        format!("tls_certificate = {:?}\ntls_key = {:?}", at("cert.pem"), at("key.pem"))
    }

    #[test]
    fn a_message_over_starttls_says_so_and_a_new_certificate_needs_no_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = pair(dir.path());
        let world = start(&listener(dir.path()), "");
        for round in 0..2 {
            let mut plain = world.greeted();
            plain.ask("STARTTLS", "220 2.0.0");
            let name = ServerName::try_from("gw.example").unwrap();
            let tls = ClientConnection::new(Arc::clone(&config), name).unwrap();
            let mut client = Client::over(StreamOwned::new(tls, plain.into_stream()));
            client.ask("MAIL FROM:<>", "503 5.5.1 Send EHLO first");
            assert!(!client.ask("EHLO again.example", "250").contains("STARTTLS"));
            client.deliver(BODY, "250");
            let message = world.message();
            let text = String::from_utf8(octets(&message)).unwrap();
            assert!(text.contains(" with ESMTPS (TLSv1.3 TLS_"), "{text}");
            assert_eq!(&*message.origin.tls.as_ref().unwrap().version, "TLSv1.3");
            if round == 0 {
                config = pair(dir.path());
                // Seen at the next look; a reload looks at once.
                let config = world.config(&listener(dir.path()));
                let prepared = world.serving.prepare(&config).unwrap();
                world.serving.apply(prepared);
            }
        }
        world.finish();
    }

    /// A client certificate for `name` from a new authority, whose own certificate goes to `ca`.
    fn client_pair(
        ca: &std::path::Path,
        name: &str,
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer_key = KeyPair::generate().unwrap();
        fs::write(ca, params.self_signed(&issuer_key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, issuer_key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (vec![certificate.der().clone()], key)
    }

    #[test]
    fn a_site_is_admitted_by_the_name_in_its_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let server = pair(dir.path());
        let ca = dir.path().join("ca.pem");
        let (chain, key) = client_pair(&ca, "Mail.Site.example");
        let bound = "relay_certificate_senders = \"relay_domains\"\n";
        for (admitted, senders, want, other) in [
            ("mail.site.example", "", "250", "250"),
            ("mail.site.example", bound, "250", "550 5.7.1 Your certificate"),
            ("other.example", "", "550 5.7.1 Neither", "550 5.7.1 Neither"),
        ] {
            let role = format!(
                "role = \"relay\"\nclient_ca = {:?}\nrelay_certificates = [{admitted:?}]\n{senders}{}",
                ca.display().to_string(),
                listener(dir.path()),
            );
            let world = start(&role, "");
            let mut plain = world.greeted();
            plain.ask("MAIL FROM:<>", "550 5.7.1");
            plain.ask("STARTTLS", "220 2.0.0");
            let provider = Arc::clone(server.crypto_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots(dir.path()))
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .unwrap();
            let name = ServerName::try_from("gw.example").unwrap();
            let tls = ClientConnection::new(Arc::new(config), name).unwrap();
            let mut client = Client::over(StreamOwned::new(tls, plain.into_stream()));
            client.ask("EHLO client.example", "250");
            for path in ["", "anna@known.example"] {
                client.ask(&format!("MAIL FROM:<{path}>"), want);
                client.ask("RSET", "250");
            }
            client.ask("MAIL FROM:<mallory@elsewhere.example>", other);
            drop(client);
            world.finish();
        }
    }

    #[test]
    fn what_is_no_handshake_ends_the_session_without_a_message() {
        let dir = tempfile::tempdir().unwrap();
        pair(dir.path());
        let world = start(&listener(dir.path()), "");
        let mut client = world.greeted();
        client.ask("STARTTLS", "220");
        let mut stream = client.into_stream();
        stream.write_all(b"MAIL FROM:<evil@x.example>\r\n").unwrap();
        // An alert may come; a reply to the command may not.
        let mut rest = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
        assert!(!rest.starts_with(b"2") && !rest.starts_with(b"5"), "{rest:?}");
        world.finish();
    }
}

#[test]
fn what_was_accepted_is_there_after_a_restart() {
    let world = start("", "");
    let mut client = world.greeted();
    client.deliver(BODY, "250 2.0.0 Queued as ");
    let message = world.message();
    let dir = world.finish_and_keep();
    let world = start_in(dir, "", "");
    assert_eq!(world.recovered(), [message.id]);
    world.finish();
}
