//! Rows as values.

use std::borrow::Cow;

use api::Role;
use mail::Timestamp;
use rusqlite::Row;

use super::unsigned;
use crate::secret::Hash;
use crate::{Limit, Vouched};

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) limit: Limit,
    pub(crate) password: String,
    pub(crate) totp: Option<Vec<u8>>,
    pub(crate) totp_pending: Option<Vec<u8>>,
    pub(crate) totp_step: u64,
    /// Hashes in hexadecimal digits.
    pub(crate) recovery: Vec<String>,
    pub(crate) disabled: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) changed_at: Timestamp,
    pub(crate) last_login_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) hash: Hash,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) limit: Limit,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionKind {
    /// Of the account of that name.
    User(String),
    /// By the token of that id.
    Token(String),
    /// By the line of `admin.token` with this SHA-256, in hexadecimal digits.
    BreakGlass(String),
    /// Of somebody whom an identity provider knows.
    Oidc(Box<Vouched>),
}

#[derive(Clone, Debug)]
pub(crate) struct SessionRow {
    pub(crate) id: String,
    pub(crate) hash: Hash,
    pub(crate) kind: SessionKind,
    pub(crate) source: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl SessionKind {
    pub(super) fn columns(&self) -> (&'static str, Cow<'_, str>) {
        match self {
            Self::User(name) => ("user", name.into()),
            Self::Token(id) => ("token", id.into()),
            Self::BreakGlass(hash) => ("break_glass", hash.into()),
            Self::Oidc(it) => ("oidc", serde_json::to_string(it).expect("texts are JSON").into()),
        }
    }

    /// Whether both are the same one's, whatever they may do.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Oidc(a), Self::Oidc(b)) => (&a.issuer, &a.subject) == (&b.issuer, &b.subject),
            _ => self == other,
        }
    }
}

pub(super) fn list(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("texts are JSON")
}

fn texts(row: &Row<'_>, name: &str) -> Option<Vec<String>> {
    serde_json::from_str(&row.get::<_, String>(name).ok()?).ok()
}

fn time(row: &Row<'_>, name: &str) -> Option<Timestamp> {
    let micros: i64 = row.get(name).ok()?;
    Some(Timestamp::from_micros(unsigned(micros)))
}

fn maybe_time(row: &Row<'_>, name: &str) -> Option<Option<Timestamp>> {
    let micros: Option<i64> = row.get(name).ok()?;
    Some(micros.map(|it| Timestamp::from_micros(unsigned(it))))
}

fn role(row: &Row<'_>) -> Option<Role> {
    let text: String = row.get("role").ok()?;
    Role::ALL.into_iter().find(|it| it.as_str() == text)
}

fn limit(row: &Row<'_>) -> Option<Limit> {
    Some(Limit { domains: texts(row, "domains")?, batches: texts(row, "batches")? })
}

/// `None`: the row is not ours.
pub(super) fn account(row: &Row<'_>) -> Option<Account> {
    Some(Account {
        name: row.get("name").ok()?,
        role: role(row)?,
        limit: limit(row)?,
        password: row.get("password").ok()?,
        totp: row.get("totp").ok()?,
        totp_pending: row.get("totp_pending").ok()?,
        totp_step: unsigned(row.get("totp_step").ok()?),
        recovery: texts(row, "recovery")?,
        disabled: row.get("disabled").ok()?,
        created_at: time(row, "created_at")?,
        created_by: row.get("created_by").ok()?,
        changed_at: time(row, "changed_at")?,
        last_login_at: maybe_time(row, "last_login_at")?,
    })
}

pub(super) fn token(row: &Row<'_>) -> Option<TokenRow> {
    Some(TokenRow {
        id: row.get("id").ok()?,
        hash: row.get("hash").ok()?,
        name: row.get("name").ok()?,
        role: role(row)?,
        limit: limit(row)?,
        created_at: time(row, "created_at")?,
        created_by: row.get("created_by").ok()?,
        expires_at: maybe_time(row, "expires_at")?,
        last_used_at: maybe_time(row, "last_used_at")?,
    })
}

pub(super) fn session(row: &Row<'_>) -> Option<SessionRow> {
    let (kind, whose): (String, String) = (row.get("kind").ok()?, row.get("whose").ok()?);
    Some(SessionRow {
        id: row.get("id").ok()?,
        hash: row.get("hash").ok()?,
        kind: match kind.as_str() {
            "user" => SessionKind::User(whose),
            "token" => SessionKind::Token(whose),
            "break_glass" => SessionKind::BreakGlass(whose),
            "oidc" => SessionKind::Oidc(serde_json::from_str(&whose).ok()?),
            _ => return None,
        },
        source: row.get("source").ok()?,
        created_at: time(row, "created_at")?,
        last_used_at: time(row, "last_used_at")?,
        expires_at: time(row, "expires_at")?,
    })
}
