//! A client against servers of every kind.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const BOUNDS: Bounds = Bounds { within: Duration::from_secs(5), answer_bytes_max: 100 };

async fn get(client: &Client, url: &str) -> Result<Answer, FetchError> {
    let url = url.parse().unwrap();
    let headers = HeaderMap::new();
    client.send(Request { url: &url, method: Method::GET, headers, body: None }).await
}

/// Answers one connection with `answer` after it has read a head; gives `https` if it has a key.
async fn server(answer: &'static [u8], tls: Option<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async move {
        let (tcp, _) = listener.accept().await.unwrap();
        match tls {
            None => reply(tcp, answer).await,
            Some(tls) => {
                if let Ok(tls) = TlsAcceptor::from(Arc::new(tls)).accept(tcp).await {
                    reply(tls, answer).await;
                }
            }
        }
    };
    tokio::task::spawn_local(serve);
    port
}

async fn reply(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await;
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}

fn local<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

#[test]
fn an_answer_is_read_and_a_redirect_is_not_followed() {
    local(async {
        let client = Client::new(None, BOUNDS).unwrap();
        let port = server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None).await;
        let answer = get(&client, &format!("http://127.0.0.1:{port}/x")).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
        let to =
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        let port = server(to, None).await;
        let answer = get(&client, &format!("http://127.0.0.1:{port}/")).await.unwrap();
        assert_eq!(answer.status, 302);
    });
}

#[test]
fn what_is_too_long_or_too_late_is_an_error() {
    local(async {
        let client = Client::new(None, BOUNDS).unwrap();
        let long: &[u8] = Box::leak(
            format!("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n{}", "x".repeat(101))
                .into_bytes()
                .into_boxed_slice(),
        );
        let port = server(long, None).await;
        let answer = get(&client, &format!("http://127.0.0.1:{port}/")).await;
        assert!(matches!(answer, Err(FetchError::Body { .. })), "{answer:?}");
        let short = Bounds { within: Duration::from_millis(200), ..BOUNDS };
        let client = Client::new(None, short).unwrap();
        let port = server(b"", None).await;
        let answer = get(&client, &format!("http://127.0.0.1:{port}/")).await;
        assert!(matches!(answer, Err(FetchError::Late { .. })), "{answer:?}");
    });
}

#[test]
fn a_server_is_believed_by_the_roots_of_the_file_only() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, root.pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let config = || {
        let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap()
    };
    local(async {
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let port = server(OK, Some(config())).await;
        let client = Client::new(Some(&path), BOUNDS).unwrap();
        let answer = get(&client, &format!("https://127.0.0.1:{port}/")).await.unwrap();
        assert_eq!(answer.status, 200);
        let port = server(OK, Some(config())).await;
        let client = Client::new(None, BOUNDS).unwrap();
        let answer = get(&client, &format!("https://127.0.0.1:{port}/")).await;
        assert!(matches!(answer, Err(FetchError::Tls { .. })), "{answer:?}");
    });
}
