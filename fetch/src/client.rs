//! Connect, ask, read, within one deadline.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{HeaderMap, Method};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Url;
use crate::tls::{RootsError, connector};

/// Of one request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the name's look-up to the last byte of the answer.
    pub within: Duration,
    /// Of the answer's body; a longer one is an error.
    pub answer_bytes_max: usize,
}

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Cheap to clone; keeps no connection.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
    bounds: Bounds,
}

/// What is asked. Not shown by `Debug`: it may hold a secret.
pub struct Request<'a> {
    pub url: &'a Url,
    pub method: Method,
    /// Beside `Host`, `User-Agent` and `Accept`.
    pub headers: HeaderMap,
    /// With its type; none for `GET`.
    pub body: Option<(&'static str, Bytes)>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What went wrong on the way. Says neither what was sent nor what came back.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("cannot connect to {host}: {source}")]
    Connect { host: String, source: io::Error },
    #[error("no TLS with {host}: {source}")]
    Tls { host: String, source: io::Error },
    #[error("{host} does not speak HTTP: {source}")]
    Http { host: String, source: hyper::Error },
    #[error("{host} answers with more than {bytes_max} bytes, or breaks off")]
    Body { host: String, bytes_max: usize },
    #[error("no answer from {host} within {} s", .within.as_secs_f32())]
    Late { host: String, within: Duration },
}

impl Client {
    /// With the roots of `ca_file`, or the system's. Blocking.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn new(ca_file: Option<&Path>, bounds: Bounds) -> Result<Self, RootsError> {
        Ok(Self { tls: connector(ca_file)?, bounds })
    }

    /// The answer, whatever its status; a redirect is an answer too.
    ///
    /// # Errors
    /// When there is none in time, or it is too long.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, FetchError> {
        let Bounds { within, .. } = self.bounds;
        let host = request.url.authority.clone();
        let sent = tokio::time::timeout(within, self.try_send(request)).await;
        sent.unwrap_or(Err(FetchError::Late { host, within }))
    }

    async fn try_send(&self, request: Request<'_>) -> Result<Answer, FetchError> {
        let url = request.url;
        let host = || url.authority.clone();
        let connect = |source| FetchError::Connect { host: host(), source };
        let tcp = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(connect)?;
        tcp.set_nodelay(true).map_err(connect)?;
        if !url.encrypted {
            return self.over(tcp, request).await;
        }
        let failed = |source| FetchError::Tls { host: host(), source };
        let name = ServerName::try_from(url.host.clone())
            .map_err(|it| failed(io::Error::new(io::ErrorKind::InvalidInput, it)))?;
        let tls = self.tls.connect(name, tcp).await.map_err(failed)?;
        self.over(tls, request).await
    }

    /// The connection ends with the answer: it is polled beside it, and not on a task of its own.
    async fn over<S>(&self, stream: S, request: Request<'_>) -> Result<Answer, FetchError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let host = request.url.authority.clone();
        let http = |source| FetchError::Http { host: host.clone(), source };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(http)?;
        let ask = async {
            let response = sender.send_request(made(request)).await.map_err(http)?;
            let (parts, body) = response.into_parts();
            let bytes_max = self.bounds.answer_bytes_max;
            let body = Limited::new(body, bytes_max).collect().await;
            let body = body.map_err(|_| FetchError::Body { host: host.clone(), bytes_max })?;
            let (status, headers) = (parts.status.as_u16(), parts.headers);
            Ok(Answer { status, headers, body: body.to_bytes() })
        };
        tokio::pin!(ask, connection);
        tokio::select! {
            answer = &mut ask => answer,
            ended = &mut connection => match ended {
                Err(source) => Err(http(source)),
                Ok(()) => ask.await,
            },
        }
    }
}

fn made(request: Request<'_>) -> hyper::Request<Full<Bytes>> {
    let Request { url, method, headers, body } = request;
    let (kind, bytes) = body.map_or((None, Bytes::new()), |(kind, it)| (Some(kind), it));
    let mut made = hyper::Request::new(Full::new(bytes));
    *made.method_mut() = method;
    *made.uri_mut() = url.path_and_query.parse().unwrap_or_default();
    *made.headers_mut() = headers;
    let mut set = |name, value: &str| {
        if let Ok(value) = value.parse() {
            made.headers_mut().insert(name, value);
        }
    };
    set(HOST, &url.authority);
    set(USER_AGENT, "causeway");
    set(ACCEPT, "application/json");
    if let Some(kind) = kind {
        set(CONTENT_TYPE, kind);
    }
    made
}

#[cfg(test)]
mod tests;
