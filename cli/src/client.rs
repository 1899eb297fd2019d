//! HTTP to the admin API: one request, one answer, a bound on every wait.

use std::io::Write;
use std::time::Duration;

use api::Problem;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, IF_MATCH};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connect::Target;
use crate::exit::{Exit, Failure, Result};

/// To connect. Loopback or a local network answers in milliseconds.
const CONNECT_FOR: Duration = Duration::from_secs(3);
/// To answer: a little more than the server's own deadline.
const ANSWER_FOR: Duration = Duration::from_secs(35);
/// For what reads files or the whole spool.
const LONG_ANSWER_FOR: Duration = Duration::from_secs(310);
/// Between two pieces of a streamed answer.
const PIECE_FOR: Duration = Duration::from_secs(30);
/// Bytes of one line of a streamed answer, and of what came with it.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of an answer that is read whole.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Speaks to one gateway.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    target: Target,
    author: String,
}

/// One request, before it is sent.
pub(crate) struct Ask<'a> {
    /// Completes the sentence `cannot …` if it fails.
    pub(crate) doing: &'a str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Body,
    pub(crate) if_match: Option<u64>,
    /// Begin after this live event.
    pub(crate) last_event: Option<String>,
}

pub(crate) enum Body {
    None,
    Json(Vec<u8>),
    Csv(Bytes),
}

impl<'a> Ask<'a> {
    pub(crate) const fn get(doing: &'a str, path: String) -> Self {
        Self {
            doing,
            method: Method::GET,
            path,
            body: Body::None,
            if_match: None,
            last_event: None,
        }
    }

    pub(crate) const fn post(doing: &'a str, path: String) -> Self {
        Self {
            doing,
            method: Method::POST,
            path,
            body: Body::None,
            if_match: None,
            last_event: None,
        }
    }

    pub(crate) fn json(mut self, method: Method, body: &impl Serialize) -> Self {
        self.method = method;
        self.body = Body::Json(serde_json::to_vec(body).expect("api types have string keys"));
        self
    }

    fn answer_for(&self) -> Duration {
        let long = matches!(self.body, Body::Csv(_))
            || self.path.starts_with(api::path::LEDGER_VERIFY)
            || self.path.starts_with(api::path::AUDIT_VERIFY)
            || self.path.starts_with(api::path::TABLE_VERIFY)
            || self.path.ends_with("/probe")
            || self.path.ends_with("/sync")
            || (self.path.starts_with(api::path::PLANS) && self.method == Method::POST);
        if long { LONG_ANSWER_FOR } else { ANSWER_FOR }
    }
}

impl Client {
    pub(crate) fn new(target: Target, author: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_FOR));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(10))
            .build(connector);
        Self { http, target, author }
    }

    /// The answer as `T`, or the gateway's problem as a failure.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T> {
        let doing = ask.doing.to_owned();
        let response = self.send(ask).await?;
        let bytes = self.whole(&doing, response).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::failed(format!("cannot {doing}: the answer is not understood: {error}"))
                .hint("are this command and the gateway of the same version?")
        })
    }

    /// Writes the answer to `out` as it comes; returns its bytes.
    pub(crate) async fn copy(&self, ask: Ask<'_>, out: &mut dyn Write) -> Result<u64> {
        let doing = ask.doing.to_owned();
        let mut body = self.send(ask).await?.into_body();
        let mut n_bytes = 0;
        loop {
            let frame = tokio::time::timeout(PIECE_FOR, body.frame()).await;
            let frame = frame.map_err(|_| self.unreachable(&doing, "it stopped sending"))?;
            let Some(frame) = frame else { return Ok(n_bytes) };
            let frame = frame.map_err(|error| self.unreachable(&doing, &innermost(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            n_bytes += data.len() as u64;
            out.write_all(&data)
                .map_err(|error| Failure::failed(format!("cannot {doing}: {error}")))?;
        }
    }

    /// Gives each line of the answer to `line` as it comes, until the gateway ends it.
    pub(crate) async fn lines(&self, ask: Ask<'_>, mut line: impl FnMut(&str) -> Result) -> Result {
        let doing = ask.doing.to_owned();
        let mut body = self.send(ask).await?.into_body();
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let frame = tokio::time::timeout(PIECE_FOR, body.frame()).await;
            let frame = frame.map_err(|_| self.unreachable(&doing, "it stopped sending"))?;
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(|error| self.unreachable(&doing, &innermost(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            rest.extend_from_slice(&data);
            if rest.len() > LINE_BYTES_MAX {
                return Err(self.unreachable(&doing, "what it sends has no lines"));
            }
            while let Some(end) = rest.iter().position(|it| *it == b'\n') {
                let one: Vec<u8> = rest.drain(..=end).collect();
                line(String::from_utf8_lossy(&one).trim_end_matches(['\r', '\n']))?;
            }
        }
    }

    /// As [`Client::ask`], for `/readyz`: 503 has a body that is no problem.
    pub(crate) async fn readiness(&self) -> Result<api::Readiness> {
        let doing = "read the gateway's health";
        let ask = Ask::get(doing, api::path::READYZ.to_owned());
        let response = self.exchange(ask).await?;
        let bytes = self.whole(doing, response).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::failed(format!("cannot {doing}: {error}")))
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Response<Incoming>> {
        let doing = ask.doing.to_owned();
        let response = self.exchange(ask).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = self.whole(&doing, response).await?;
        let problem = serde_json::from_slice(&bytes).unwrap_or_else(|_| Problem {
            status: status.as_u16(),
            detail: format!("it answered {status}; is that the gateway's admin address?"),
            ..Problem::default()
        });
        Err(Failure::from_problem(&doing, problem))
    }

    async fn exchange(&self, ask: Ask<'_>) -> Result<Response<Incoming>> {
        let (doing, bound) = (ask.doing, ask.answer_for());
        let request = self.request(ask)?;
        match tokio::time::timeout(bound, self.http.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.unreachable(doing, &innermost(&error))),
            Err(_) => {
                Err(self.unreachable(doing, &format!("no answer within {} s", bound.as_secs())))
            }
        }
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>> {
        let unusable = |what: &str| {
            Failure::usage(format!("cannot {}: {what} is malformed", ask.doing))
                .hint("look at CAUSEWAY_ADMIN (ADDRESS:PORT) and CAUSEWAY_TOKEN")
        };
        let uri = format!("http://{}{}", self.target.address, ask.path);
        let mut token = HeaderValue::try_from(format!("Bearer {}", self.target.token))
            .map_err(|_| unusable("the token"))?;
        token.set_sensitive(true);
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(uri)
            .header(AUTHORIZATION, token)
            .header(api::path::AUTHOR_HEADER, self.author.as_str());
        if let Some(generation) = ask.if_match {
            request = request.header(IF_MATCH, format!("\"{generation}\""));
        }
        if let Some(id) = &ask.last_event {
            request = request.header("last-event-id", id);
        }
        let body = match ask.body {
            Body::None => Bytes::new(),
            Body::Json(json) => {
                request = request.header(CONTENT_TYPE, "application/json");
                json.into()
            }
            Body::Csv(csv) => {
                request = request.header(CONTENT_TYPE, "text/csv");
                csv
            }
        };
        request
            .body(Full::new(body))
            .map_err(|_| Failure::usage("the admin address is malformed").hint("want ADDRESS:PORT"))
    }

    async fn whole(&self, doing: &str, response: Response<Incoming>) -> Result<Bytes> {
        let body = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        match tokio::time::timeout(LONG_ANSWER_FOR, body.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(self.unreachable(doing, &error.to_string())),
            Err(_) => Err(self.unreachable(doing, "the answer does not end")),
        }
    }

    fn unreachable(&self, doing: &str, why: &str) -> Failure {
        let address = &self.target.address;
        let message = format!("cannot {doing}: no answer from the gateway at {address}: {why}");
        Failure::new(Exit::Unreachable, message)
            .hint("is it running, and is that its admin address? (CAUSEWAY_ADMIN, or --config)")
    }
}

/// The innermost cause: "connection refused" and not "client error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
