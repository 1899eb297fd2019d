//! The provider: what it publishes, cached; and the two steps of a sign-in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::OidcCallbackQuery;
use bytes::Bytes;
use fetch::{Answer, Bounds, Client, Request, RootsError, Url, UrlError};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method};
use mail::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;

use crate::claims;
use crate::jws::{Keys, Refused};
use crate::pending::{PENDING_FOR, Pending, Secrets, Waiting};
use crate::{Begun, Error, OidcMetrics, Person, Settings};

/// Bytes of an answer of the provider.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// What it publishes is read again after so long when somebody begins, which also tells whether it is
/// there; a sign-in that has begun is finished by a copy that is older.
const FRESH_FOR: Duration = Duration::from_secs(60);
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// After a failure, and for a key that is not known, it is not asked more often than this.
const PACE: Duration = Duration::from_secs(10);
/// Codes that are redeemed at the same time.
const EXCHANGES_MAX: usize = 8;

/// Why there can be none.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("issuer: {0}")]
    Issuer(UrlError),
    #[error("public_url: {0}")]
    PublicUrl(UrlError),
    #[error(transparent)]
    Roots(#[from] RootsError),
}

pub struct Provider {
    settings: Settings,
    client: Client,
    metrics: OidcMetrics,
    waiting: Mutex<Waiting>,
    /// Held while it is read again, so that it is read once.
    known: tokio::sync::Mutex<Known>,
    exchanges: tokio::sync::Semaphore,
}

#[derive(Default)]
struct Known {
    published: Option<Arc<Published>>,
    tried: Option<Instant>,
    failure: Option<String>,
}

/// Metadata and keys, read together.
struct Published {
    authorization: String,
    token: Url,
    sends_iss: bool,
    /// The token endpoint wants the secret in the body.
    secret_in_body: bool,
    keys: Keys,
    read: Instant,
}

/// How new what it publishes has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// To begin: the provider has to be there.
    Fresh,
    /// To finish: what we know will do.
    Kept,
    /// What was read then was not enough.
    After(Instant),
}

/// OpenID Connect Discovery 1.0 §3.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Provider {
    /// Reads the roots; asks nobody. Blocking.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(settings: Settings, metrics: OidcMetrics) -> Result<Self, SetupError> {
        settings.issuer.parse::<Url>().map_err(SetupError::Issuer)?;
        settings.public_url.parse::<Url>().map_err(SetupError::PublicUrl)?;
        let bounds = Bounds { within: settings.within, answer_bytes_max: ANSWER_BYTES_MAX };
        Ok(Self {
            client: Client::new(settings.ca_file.as_deref(), bounds)?,
            settings,
            metrics,
            waiting: Mutex::default(),
            known: tokio::sync::Mutex::default(),
            exchanges: tokio::sync::Semaphore::new(EXCHANGES_MAX),
        })
    }

    pub fn label(&self) -> &str {
        &self.settings.label
    }

    /// Whether the provider answers, as far as we know; asks it if that is not known lately.
    pub async fn is_up(&self) -> bool {
        self.published(Wanted::Fresh).await.is_ok()
    }

    /// The first step: where the browser goes, and what it has to bring back.
    pub async fn begin(&self, source: IpAddr, now: Timestamp) -> Result<Begun, Error> {
        let begun = self.try_begin(source, now).await;
        self.metrics.signin(begun.as_ref().map_or_else(Error::code, |_| "begun"));
        begun
    }

    async fn try_begin(&self, source: IpAddr, now: Timestamp) -> Result<Begun, Error> {
        let published = self.published(Wanted::Fresh).await?;
        let secrets = Secrets::new();
        let put = {
            let mut waiting = self.waiting.lock();
            let put = waiting.put(&secrets, source, self.settings.pending_max, now);
            self.count(&waiting);
            put
        };
        if put.map_err(Error::Busy)? {
            self.metrics.signin("displaced");
        }
        let scopes = ["openid"].into_iter().chain(self.settings.scopes.iter().map(String::as_str));
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &self.settings.redirect_uri()),
            ("scope", &scopes.collect::<Vec<_>>().join(" ")),
            ("state", &secrets.state),
            ("nonce", &secrets.nonce),
            ("code_challenge", &secrets.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let join = if published.authorization.contains('?') { '&' } else { '?' };
        let location = format!("{}{join}{query}", published.authorization);
        Ok(Begun { location, browser: secrets.browser, expires_in: PENDING_FOR })
    }

    /// The second step, by what came back: RFC 6749 §4.1.2, RFC 9207. `browser` is what [`Begun::browser`] was; whether or not it succeeds, the sign-in
    /// is over.
    pub async fn finish(
        &self,
        callback: &OidcCallbackQuery,
        browser: &str,
        now: Timestamp,
    ) -> Result<Person, Error> {
        let done = self.try_finish(callback, browser, now).await;
        self.metrics.signin(done.as_ref().map_or_else(Error::code, |_| "accepted"));
        done
    }

    async fn try_finish(
        &self,
        callback: &OidcCallbackQuery,
        browser: &str,
        now: Timestamp,
    ) -> Result<Person, Error> {
        let pending = {
            let mut waiting = self.waiting.lock();
            let state = callback.state.as_deref().unwrap_or_default();
            let taken = waiting.take(state, browser, now);
            self.count(&waiting);
            taken.ok_or(Error::State)?
        };
        let published = self.published(Wanted::Kept).await?;
        let is_theirs = match &callback.iss {
            Some(iss) => *iss == self.settings.issuer,
            None => !published.sends_iss,
        };
        if !is_theirs {
            return Err(Error::Token("the answer is another issuer's"));
        }
        if let Some(error) = &callback.error {
            return Err(Error::Denied(plain(error)));
        }
        let code = callback.code.as_deref().filter(|it| !it.is_empty() && it.len() <= 8192);
        let code = code.ok_or(Error::Token("the answer has no code"))?;
        let token = self.redeem(&published, code, &pending).await?;
        let payload = self.open(&published, &token).await?;
        claims::person(&payload, &self.settings, &pending.nonce, now)
    }

    fn count(&self, waiting: &Waiting) {
        self.metrics.pending.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
    }

    /// The code for a token. RFC 6749 §4.1.3, §2.3.1.
    async fn redeem(
        &self,
        published: &Published,
        code: &str,
        pending: &Pending,
    ) -> Result<String, Error> {
        let redirect_uri = self.settings.redirect_uri();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", &pending.verifier),
        ];
        let mut headers = HeaderMap::new();
        let id = self.settings.client_id.as_str();
        match &self.settings.client_secret {
            Some(secret) if !published.secret_in_body => {
                let pair = format!("{}:{}", escaped(id), escaped(secret));
                let basic = format!("Basic {}", encoded(pair.as_bytes()));
                if let Ok(mut value) = hyper::header::HeaderValue::try_from(basic) {
                    value.set_sensitive(true);
                    headers.insert(AUTHORIZATION, value);
                }
            }
            Some(secret) => fields.extend([("client_id", id), ("client_secret", secret)]),
            None => fields.push(("client_id", id)),
        }
        let body = Bytes::from(form(&fields));
        let _turn = self.exchanges.acquire().await;
        let answer = self
            .ask("token", &published.token, headers, Some(body))
            .await
            .map_err(Error::Provider)?;
        let tokens: Option<Tokens> = serde_json::from_slice(&answer).ok();
        Ok(tokens.ok_or_else(|| Error::Provider("it gave no ID token".into()))?.id_token)
    }

    /// The payload; if the key is not known, by keys that are read now.
    async fn open(&self, published: &Arc<Published>, token: &str) -> Result<Vec<u8>, Error> {
        let opened = match published.keys.open(token) {
            Err(Refused::UnknownKey) => {
                self.published(Wanted::After(published.read)).await?.keys.open(token)
            }
            other => other,
        };
        opened.map_err(|why| match why {
            Refused::UnknownKey => Error::Token("no key of the provider's signed it"),
            Refused::Invalid(why) => Error::Token(why),
        })
    }

    /// What the provider publishes; if it is not asked again, or in vain, what it published.
    async fn published(&self, wanted: Wanted) -> Result<Arc<Published>, Error> {
        let mut known = self.known.lock().await;
        let age_max = if wanted == Wanted::Fresh { FRESH_FOR } else { KEPT_FOR };
        let serves = known.published.as_ref().is_some_and(|it| match wanted {
            Wanted::After(seen) => it.read > seen,
            _ => it.read.elapsed() < age_max,
        });
        let is_too_soon = known.tried.is_some_and(|it| it.elapsed() < PACE);
        let asks = !serves || (wanted == Wanted::Fresh && known.failure.is_some());
        if asks && !is_too_soon {
            let read = self.read().await;
            known.tried = Some(Instant::now());
            self.metrics.up.set(i64::from(read.is_ok()));
            known.failure = read.as_ref().err().cloned();
            match read {
                Ok(published) => known.published = Some(Arc::new(published)),
                Err(why) => {
                    let issuer = self.settings.issuer.as_str();
                    tracing::warn!(issuer, why, "The identity provider cannot be used.");
                }
            }
        }
        match (&known.published, &known.failure) {
            (Some(published), None) => Ok(Arc::clone(published)),
            (Some(published), Some(_)) if wanted != Wanted::Fresh => Ok(Arc::clone(published)),
            (_, why) => Err(Error::Provider(why.clone().unwrap_or_else(|| "not yet".into()))),
        }
    }

    async fn read(&self) -> Result<Published, String> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let url: Url = url.parse().map_err(|it: UrlError| it.to_string())?;
        let body = self.ask("metadata", &url, HeaderMap::new(), None).await?;
        let found: Metadata = serde_json::from_slice(&body)
            .map_err(|_| "its metadata is not that of an OpenID provider".to_owned())?;
        if found.issuer != self.settings.issuer {
            return Err("its metadata names another issuer: see issuer".into());
        }
        let methods = found.code_challenge_methods_supported;
        if methods.is_some_and(|it| !it.iter().any(|it| it == "S256")) {
            return Err("it does not know PKCE with S256".into());
        }
        // Of an issuer with https nothing is believed that came in clear.
        let endpoint = |text: &str| match text.parse::<Url>() {
            Ok(it) if it.is_encrypted() || !url.is_encrypted() => Ok(it),
            _ => Err("one of its endpoints is not https".to_owned()),
        };
        let authorization = endpoint(&found.authorization_endpoint)?.as_str().to_owned();
        let keys = endpoint(&found.jwks_uri)?;
        let keys = self.ask("keys", &keys, HeaderMap::new(), None).await?;
        let ways = found.token_endpoint_auth_methods_supported;
        let knows = |way: &str| ways.as_ref().is_none_or(|all| all.iter().any(|it| it == way));
        Ok(Published {
            authorization,
            token: endpoint(&found.token_endpoint)?,
            sends_iss: found.authorization_response_iss_parameter_supported,
            secret_in_body: !knows("client_secret_basic"),
            keys: Keys::parse(&keys).ok_or("it publishes no key that we can use")?,
            read: Instant::now(),
        })
    }

    /// The body of a 200. What it says otherwise is for the log, without anything that was sent.
    async fn ask(
        &self,
        what: &str,
        url: &Url,
        headers: HeaderMap,
        form: Option<Bytes>,
    ) -> Result<Bytes, String> {
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let body = form.map(|it| ("application/x-www-form-urlencoded", it));
        let answer = self.client.send(Request { url, method, headers, body }).await;
        let result = match answer {
            Ok(Answer { status: 200, body, .. }) => Ok(body),
            Ok(Answer { status, body, .. }) => {
                let said = std::str::from_utf8(&body).unwrap_or_default();
                tracing::warn!(what, status, said = plain(said), "The identity provider refuses.");
                Err(format!("{status} from {} for {what}", url.authority()))
            }
            Err(error) => Err(error.to_string()),
        };
        self.metrics.request(what, result.is_ok());
        result
    }
}

/// Somebody else's words, for a line.
fn plain(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(200).collect()
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn escaped(text: &str) -> String {
    api::path::segment(text)
}

fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
