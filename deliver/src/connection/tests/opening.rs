//! From connecting to EHLO, with TLS and without.

use std::path::Path;

use config::TlsPolicy;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

const WITH_TLS: &str = "250-mx\r\n250 STARTTLS\r\n";

/// A server's side of TLS for `localhost`; its certificate is written to `directory`.
fn acceptor(directory: &Path) -> tokio_rustls::TlsAcceptor {
    acceptor_for(directory, None)
}

/// `client`: the only certificate that a client may come with.
fn acceptor_for(
    directory: &Path,
    client: Option<CertificateDer<'static>>,
) -> tokio_rustls::TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("ca.pem"), made.cert.pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let certificates = vec![CertificateDer::from(made.cert.der().to_vec())];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(client).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder.with_single_cert(certificates, key).unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// Greets, offers STARTTLS and takes it; `None` when the client gives the handshake up.
async fn greet_tls(listener: &TcpListener, acceptor: &tokio_rustls::TlsAcceptor) -> Option<Peer> {
    let mut plain = Peer::accept(listener).await;
    plain.say("220 mx\r\n").await;
    plain.expect("EHLO").await;
    plain.say(WITH_TLS).await;
    plain.expect("STARTTLS").await;
    plain.say("220 go\r\n").await;
    let mut peer = Peer::over(acceptor.accept(plain.io).await.ok()?);
    peer.expect("EHLO").await;
    peer.say(FULL).await;
    Some(peer)
}

fn with_policy(target: &Target, policy: TlsPolicy, ca: Option<&Path>) -> Target {
    let tls = ClientTls::new(policy, None, ca.map(|it| it.join("ca.pem"))).unwrap();
    Target { tls, ..target.clone() }
}

async fn open_error(target: &Target) -> String {
    Connection::open(target).await.map(|_| ()).unwrap_err().to_string()
}

#[tokio::test]
async fn tls_by_policy() {
    let directory = tempfile::tempdir().unwrap();
    let acceptor = acceptor(directory.path());
    let (listener, target) = listen().await;
    let ca = Some(directory.path());
    for (policy, host, is_good) in [
        (TlsPolicy::Opportunistic, "localhost", true),
        (TlsPolicy::Require, "other.example", true),
        (TlsPolicy::Verify, "localhost", true),
        (TlsPolicy::Verify, "other.example", false),
    ] {
        let ca = ca.filter(|_| policy == TlsPolicy::Verify);
        let target = Target { host: host.into(), ..with_policy(&target, policy, ca) };
        let server = async {
            if let Some(mut peer) = greet_tls(&listener, &acceptor).await {
                peer.expect("MAIL RCPT BDAT").await;
                peer.octets(3).await;
                peer.say("250 a\r\n250 b\r\n250 c\r\n").await;
                peer.expect("QUIT").await;
            }
        };
        let client = async {
            let mut connection = Connection::open(&target).await?;
            assert_eq!(connection.tls().map(|it| &*it.version), Some("TLSv1.3"));
            let results = connection.send(&[transaction("a\r\n", &["a@y.example"])]).await;
            assert_eq!(show(&results), ["10 delivered"]);
            connection.quit().await;
            Ok::<(), AttemptError>(())
        };
        let result = play(server, client).await;
        match is_good {
            true => result.unwrap(),
            false => assert!(matches!(result, Err(AttemptError::Tls(_))), "{result:?}"),
        }
    }
}

#[tokio::test]
async fn a_connector_sees_the_client_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["gw.example".to_owned()]).unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("gw.pem"), made.cert.pem()).unwrap();
    std::fs::write(at("gw.key"), made.signing_key.serialize_pem()).unwrap();
    let acceptor = acceptor_for(directory.path(), Some(made.cert.der().clone()));
    let (listener, target) = listen().await;
    let files = config::TlsFiles { certificate: at("gw.pem"), key: at("gw.key") };
    for (files, is_good) in [(Some(files), true), (None, false)] {
        let tls = ClientTls::new(TlsPolicy::Require, files, None).unwrap();
        let target = Target { tls, ..target.clone() };
        let server = async { greet_tls(&listener, &acceptor).await.is_some() };
        let client = Connection::open(&target);
        let (is_greeted, opened) = tokio::join!(server, client);
        assert_eq!((is_greeted, opened.is_ok()), (is_good, is_good));
    }
}

#[tokio::test]
async fn what_requires_tls_takes_nothing_less() {
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, FULL).await;
        peer.expect("QUIT").await;
    };
    let target = with_policy(&target, TlsPolicy::Require, None);
    let error = play(server, open_error(&target)).await;
    assert_eq!(error, "the host offers no STARTTLS and the site requires it");
}

#[tokio::test]
async fn an_answer_injected_before_the_handshake_is_not_taken() {
    for policy in [TlsPolicy::Require, TlsPolicy::Opportunistic] {
        let (listener, target) = listen().await;
        let target = with_policy(&target, policy, None);
        let server = async {
            let mut peer = Peer::greet(&listener, WITH_TLS).await;
            peer.expect("STARTTLS").await;
            peer.say("220 go\r\n250 injected\r\n").await;
            assert_eq!(peer.line().await, "", "no handshake");
            if policy == TlsPolicy::Opportunistic {
                // In plain text, on a connection of its own.
                Peer::greet(&listener, WITH_TLS).await;
            }
        };
        let client = async { Connection::open(&target).await.map(|it| it.tls().is_none()) };
        match (play(server, client).await, policy) {
            (Ok(is_plain), TlsPolicy::Opportunistic) => assert!(is_plain),
            (Err(AttemptError::Unasked { .. }), TlsPolicy::Require) => (),
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn opportunistic_tls_that_fails_is_followed_by_plain_text_elsewhere() {
    for answer in ["454 4.7.0 not now\r\n", "220 go\r\nnot TLS at all\r\n"] {
        let (listener, target) = listen().await;
        let target = with_policy(&target, TlsPolicy::Opportunistic, None);
        let server = async {
            let mut peer = Peer::greet(&listener, WITH_TLS).await;
            peer.expect("STARTTLS").await;
            peer.say(answer).await;
            let _plain = Peer::greet(&listener, WITH_TLS).await;
        };
        let client = async { Connection::open(&target).await.unwrap().tls().is_none() };
        assert!(play(server, client).await);
    }
}

#[tokio::test]
async fn hosts_that_know_no_ehlo_get_helo() {
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::greet(&listener, "502 5.5.1 what?\r\n").await;
        assert_eq!(peer.line().await, "HELO gw.example");
        peer.say("250 mx\r\n").await;
        for answer in ["250 a\r\n", "250 b\r\n", "354 go\r\n"] {
            peer.line().await;
            peer.say(answer).await;
        }
        assert_eq!(peer.data().await, "a\r\n");
        peer.say("250 done\r\n").await;
    };
    let client = async {
        let mut connection = Connection::open(&target).await.unwrap();
        connection.send(&[transaction("a\r\n", &["a@y.example"])]).await
    };
    assert_eq!(show(&play(server, client).await), ["10 delivered"]);
}

#[tokio::test]
async fn a_host_that_does_not_want_us_says_so_before_any_mail() {
    for (greeting, ehlo, want) in [
        ("554 5.7.1 go away\r\n", "", "refused during greeting: 554 5.7.1 go away"),
        ("421 4.3.2 busy\r\n", "", "refused during greeting: 421 4.3.2 busy"),
        ("220 mx\r\n", "550 5.7.506 bad HELO\r\n", "refused during EHLO: 550 5.7.506 bad HELO"),
        ("HTTP/1.1 400 Bad\r\n", "", "the host answered nonsense"),
        ("220 mx\r\n250 early\r\n", "", "before it was due, during EHLO"),
    ] {
        let (listener, target) = listen().await;
        let server = async {
            let mut peer = Peer::accept(&listener).await;
            peer.say(greeting).await;
            if !ehlo.is_empty() {
                peer.line().await;
                peer.say(ehlo).await;
            }
            peer.line().await;
        };
        let error = play(server, open_error(&target)).await;
        assert!(error.contains(want), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_says_nothing_is_given_up() {
    let (listener, target) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.line().await;
    };
    assert_eq!(play(server, open_error(&target)).await, "no progress during greeting");
    drop(listener);
    assert!(open_error(&target).await.starts_with("cannot connect"));
}

#[tokio::test]
async fn a_probe_asks_whether_mail_would_be_taken() {
    for (answer, is_good) in [("250 ok\r\n", true), ("452 4.3.1 disk full\r\n", false)] {
        let (listener, target) = listen().await;
        let server = async {
            let mut peer = Peer::greet(&listener, FULL).await;
            assert_eq!(peer.line().await, "MAIL FROM:<>");
            peer.say(answer).await;
            peer.expect("RSET").await;
            peer.say("250 ok\r\n").await;
            peer.expect("QUIT").await;
        };
        assert_eq!(play(server, probe(&target)).await.is_ok(), is_good, "{answer}");
    }
}
