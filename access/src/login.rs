//! How somebody becomes somebody: a name and a password, and a code if there is a second factor; or
//! a token.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use api::{Login, Via, Whoami};
use mail::Timestamp;

use crate::store::{Account, SessionKind, SessionRow};
use crate::{Access, AccessError, Attempt, Method, Principal, password, secret, totp};

/// Sessions at once of one account or token, and of all. The oldest of one ends for a new one.
const SESSIONS_EACH_MAX: usize = 20;
const SESSIONS_MAX: usize = 10_000;

/// A session that has begun.
pub struct LoggedIn {
    pub whoami: Whoami,
    pub principal: Principal,
    /// For the cookie; shown this once.
    pub cookie: String,
    pub expires_in: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The same for an unknown name, a wrong password, and a disabled account.
    #[error("name and password do not open anything")]
    Wrong,
    #[error("the token is not valid")]
    WrongToken,
    #[error("the account wants a code of its authenticator as well")]
    SecondFactor,
    #[error("that code is not right, or was used already")]
    WrongCode,
    #[error("too many attempts: wait {} s", .0.as_secs())]
    Throttled(Duration),
    #[error(transparent)]
    Other(#[from] AccessError),
}

impl Access {
    /// Blocking, with the cost of a password.
    pub fn login(
        &self,
        login: &Login,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let Login { user, password, code, token } = login;
        let done = match (user, password, token) {
            (Some(user), Some(password), None) => {
                let code = code.as_deref();
                self.by_password(user, password, code, source, now)
            }
            (None, None, Some(token)) => self.by_token_text(token, source, now),
            _ => {
                return Err(AccessError::invalid("body", "want user and password, or token").into());
            }
        };
        let method = if token.is_some() { Method::Token } else { Method::Password };
        self.metrics.attempt(
            method,
            match &done {
                Ok(_) => Attempt::Accepted,
                Err(LoginError::Throttled(_)) => Attempt::Throttled,
                Err(LoginError::SecondFactor) => Attempt::SecondFactor,
                Err(_) => Attempt::Refused,
            },
        );
        done
    }

    fn by_password(
        &self,
        user: &str,
        password: &str,
        code: Option<&str>,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let user: String = user.trim().chars().take(64).collect();
        self.throttle.begin(Some(&user), source, now).map_err(LoginError::Throttled)?;
        let account = self.memory().accounts.get(&user).cloned();
        // An unknown name costs the same time.
        let dummy = self.dummy_hash();
        let hash = account.as_ref().map_or(dummy, |it| it.password.as_str());
        let is_right = password::verify(password, hash);
        let account = account.filter(|it| is_right && !it.disabled).ok_or(LoginError::Wrong)?;
        if account.totp.is_some() && code.is_none_or(|it| it.trim().is_empty()) {
            // The password was right: that is no failure. Wrong codes before it stay failures.
            self.throttle.excused(Some(&user), source);
            return Err(LoginError::SecondFactor);
        }
        let done = self.begin_user_session(&account, code.unwrap_or_default(), source, now)?;
        self.throttle.succeeded(Some(&user), source, now);
        Ok(done)
    }

    fn by_token_text(
        &self,
        token: &str,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        self.throttle.begin(None, source, now).map_err(LoginError::Throttled)?;
        let principal = self.by_token(token.trim(), now).ok_or(LoginError::WrongToken)?;
        let kind = match (principal.via, &principal.id) {
            (Via::Token, Some(id)) => SessionKind::Token(id.clone()),
            _ => SessionKind::BreakGlass(secret::hex(&secret::hash(token.trim().as_bytes()))),
        };
        let done = self.begin_session(kind, source, now)?;
        self.throttle.succeeded(None, source, now);
        Ok(done)
    }

    /// Of somebody who has no account here.
    pub(crate) fn begin_session(
        &self,
        kind: SessionKind,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let cookie = self.with_store(|store, _| {
            let (row, cookie) = self.new_session(kind, source, now);
            let ended = self.too_many(&row.kind)?;
            store.begin_session(&row, None, &ended)?;
            self.admit(row, &ended);
            Ok(cookie)
        })?;
        self.logged_in(cookie, now)
    }

    /// Takes the code and begins, in one commit: a code that opened the door is used up.
    fn begin_user_session(
        &self,
        seen: &Account,
        code: &str,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let cookie = self.with_store(|store, _| {
            let present = self.memory().accounts.get(&seen.name).cloned();
            // Changed while the password was hashed: begin again.
            let same = present.filter(|it| it.password == seen.password && !it.disabled);
            let Some(mut account) = same else { return Ok(Err(LoginError::Wrong)) };
            if !use_up(&mut account, code, now) {
                return Ok(Err(LoginError::WrongCode));
            }
            account.last_login_at = Some(now);
            let kind = SessionKind::User(account.name.clone());
            let (row, cookie) = self.new_session(kind, source, now);
            let ended = self.too_many(&row.kind)?;
            store.begin_session(&row, Some(&account), &ended)?;
            self.memory_mut().accounts.insert(account.name.clone(), account);
            self.admit(row, &ended);
            Ok(Ok(cookie))
        })??;
        self.logged_in(cookie, now)
    }

    fn logged_in(&self, cookie: String, now: Timestamp) -> Result<LoggedIn, LoginError> {
        self.count_sessions();
        let principal = self.by_cookie(&cookie, now).ok_or(LoginError::Wrong)?;
        let expires_in = self.settings.session_max;
        Ok(LoggedIn { whoami: principal.whoami(), principal, cookie, expires_in })
    }

    fn new_session(
        &self,
        kind: SessionKind,
        source: IpAddr,
        now: Timestamp,
    ) -> (SessionRow, String) {
        let cookie = secret::random();
        let row = SessionRow {
            id: secret::id(),
            hash: secret::hash(cookie.as_bytes()),
            kind,
            source: source.to_canonical().to_string(),
            created_at: now,
            last_used_at: now,
            expires_at: now.plus(self.settings.session_max),
        };
        (row, cookie)
    }

    /// The oldest sessions of the same one that have to end for another.
    fn too_many(&self, kind: &SessionKind) -> Result<Vec<String>, AccessError> {
        let memory = self.memory();
        if memory.sessions.len() >= SESSIONS_MAX {
            return Err(AccessError::Full(format!("{SESSIONS_MAX} people are signed in")));
        }
        let mut same: Vec<_> =
            memory.sessions.values().filter(|it| it.kind.is_same(kind)).collect();
        same.sort_by_key(|it| it.created_at);
        let n = (same.len() + 1).saturating_sub(SESSIONS_EACH_MAX);
        Ok(same.into_iter().take(n).map(|it| it.id.clone()).collect())
    }

    fn admit(&self, row: SessionRow, ended: &[String]) {
        let mut memory = self.memory_mut();
        memory.drop_sessions(ended);
        memory.sessions.insert(row.hash, row);
    }

    fn dummy_hash(&self) -> &str {
        static DUMMY: OnceLock<String> = OnceLock::new();
        DUMMY.get_or_init(|| {
            password::hash(&secret::random(), self.settings.password).unwrap_or_default()
        })
    }
}

/// Whether `code` opens the second door; if so it will not do so again.
fn use_up(account: &mut Account, code: &str, now: Timestamp) -> bool {
    let Some(secret_key) = &account.totp else { return true };
    if let Some(step) = totp::accept(secret_key, code, now, account.totp_step) {
        account.totp_step = step;
        return true;
    }
    let hash = secret::hex(&secret::recovery_hash(code));
    let before = account.recovery.len();
    account.recovery.retain(|it| *it != hash);
    account.recovery.len() < before
}
