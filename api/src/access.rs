//! Accounts, tokens, sessions and the audit log.

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Every type here that is a body or an answer.
pub(crate) fn schemas(to: &mut SchemaGenerator) {
    to.subschema_for::<Login>();
    to.subschema_for::<Whoami>();
    to.subschema_for::<SignInWays>();
    to.subschema_for::<User>();
    to.subschema_for::<UserList>();
    to.subschema_for::<NewUser>();
    to.subschema_for::<UserPatch>();
    to.subschema_for::<PasswordChange>();
    to.subschema_for::<TotpRequest>();
    to.subschema_for::<Totp>();
    to.subschema_for::<Token>();
    to.subschema_for::<TokenList>();
    to.subschema_for::<NewToken>();
    to.subschema_for::<MadeToken>();
    to.subschema_for::<Session>();
    to.subschema_for::<SessionList>();
    to.subschema_for::<Done>();
    to.subschema_for::<AuditList>();
    to.subschema_for::<AuditVerification>();
}

/// What somebody may do. Each may do what those before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, and changes nothing.
    Viewer,
    /// Edits the table, acts on the queue and the sites.
    Operator,
    /// Approves what others planned.
    Approver,
    /// Accounts, tokens, the audit log, reload.
    Administrator,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Administrator];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Administrator => "administrator",
        }
    }
}

/// How somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A line of `admin.token`.
    BreakGlass,
    Token,
    Session,
    /// A session that an identity provider vouched for.
    Oidc,
    /// Nothing yet: a login.
    None,
}

impl Via {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BreakGlass => "break_glass",
            Self::Token => "token",
            Self::Session => "session",
            Self::Oidc => "oidc",
            Self::None => "none",
        }
    }
}

/// `POST /api/v1/session`: `user` and `password`, with `code` if the account has a second factor;
/// or `token` alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Six digits of the authenticator, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({:?})", self.user)
    }
}

/// `GET /api/v1/session/ways`: how one can sign in here. A local account and a token always work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInWays {
    /// `null` if no identity provider is configured.
    pub oidc: Option<OidcWay>,
}

/// By an identity provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OidcWay {
    /// What people know it by.
    pub label: String,
    /// Where a browser goes to begin.
    pub path: String,
    /// Whether the provider answers. If not, a local account still works.
    pub available: bool,
}

/// `GET /api/v1/session/oidc/callback?…`: what the identity provider sends back by the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OidcCallbackQuery {
    /// That of the sign-in that this browser has begun.
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub code: Option<String>,
    /// Why there is no code.
    #[serde(default)]
    pub error: Option<String>,
    /// Who answers.
    #[serde(default)]
    pub iss: Option<String>,
}

/// Who the caller is, for the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Whoami {
    pub name: String,
    pub role: Role,
    /// Only addresses in these; empty: in all.
    pub domains: Vec<String>,
    /// Only rows of these batches; empty: of all.
    pub batches: Vec<String>,
    pub via: Via,
    /// When the session or the token ends; `null`: never.
    pub expires_at: Option<String>,
    /// Whether the account has a second factor; `null` if it is no account.
    pub second_factor: Option<bool>,
}

/// A local account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    pub name: String,
    pub role: Role,
    pub domains: Vec<String>,
    pub batches: Vec<String>,
    /// Whether it has a confirmed authenticator.
    pub second_factor: bool,
    pub recovery_codes_left: u32,
    /// A disabled account cannot sign in.
    pub disabled: bool,
    pub created_at: String,
    pub created_by: String,
    pub changed_at: String,
    pub last_login_at: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserList {
    pub users: Vec<User>,
}

/// `POST /api/v1/users`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 1 to 64 of `a-z 0-9 . _ - @`.
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub domains: Vec<String>,
    #[serde(default)]
    pub batches: Vec<String>,
    /// 12 characters or more.
    pub password: String,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewUser({:?})", self.name)
    }
}

/// `PATCH /api/v1/users/{name}`: a field that is left out stays. Ends the account's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// `POST /api/v1/users/{name}/password`. Ends the account's other sessions.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub password: String,
    /// The present one: wanted of whoever changes their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange")
    }
}

/// `POST /api/v1/users/{name}/totp`: with nothing a new secret to scan, which counts once a `code`
/// of it was sent; with `remove` no second factor any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default)]
    pub remove: bool,
}

/// Each field is shown once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totp {
    /// Base 32, while it waits for its first code.
    pub secret: Option<String>,
    /// The same as an `otpauth:` URI.
    pub uri: Option<String>,
    /// After the first code: each opens the account once without the authenticator.
    pub recovery_codes: Vec<String>,
    pub second_factor: bool,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Totp({})", self.second_factor)
    }
}

/// A key for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Also in the token's text, so that a leaked one can be revoked by what is seen of it.
    pub id: String,
    pub name: String,
    pub role: Role,
    pub domains: Vec<String>,
    pub batches: Vec<String>,
    pub created_at: String,
    pub created_by: String,
    pub expires_at: Option<String>,
    /// To ten minutes.
    pub last_used_at: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenList {
    pub tokens: Vec<Token>,
}

/// `POST /api/v1/tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for: 1 to 64 characters.
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub domains: Vec<String>,
    #[serde(default)]
    pub batches: Vec<String>,
    /// Up to ten years; left out: 90 days.
    #[serde(default)]
    pub expires_in_seconds: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeToken {
    pub token: Token,
    /// What goes after `Bearer`. Shown this once.
    pub secret: String,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MadeToken({:?})", self.token)
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    pub id: String,
    pub name: String,
    pub role: Role,
    /// Where the login came from.
    pub source: String,
    pub created_at: String,
    pub last_used_at: String,
    pub expires_at: String,
    /// The one that asks.
    pub current: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionList {
    pub sessions: Vec<Session>,
}

/// What was asked is so now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// Sessions that this ended.
    pub sessions_ended: u64,
}

/// `GET /api/v1/audit?…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    #[serde(default)]
    pub actor: Option<String>,
    /// The beginning of the action, as `POST /api/v1/plans`.
    #[serde(default)]
    pub action: Option<String>,
    /// At this moment or later, RFC 3339.
    #[serde(default)]
    pub after: Option<String>,
    /// Before this moment, RFC 3339.
    #[serde(default)]
    pub before: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// 1 to 1,000, else 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// The newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditList {
    pub records: Vec<AuditRecord>,
    /// `null` on the last page.
    pub next_cursor: Option<String>,
}

/// One link of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    pub seq: u64,
    pub at: String,
    /// `begun`, `ended`, `refused`, `shown`, `login` or `kept` (older records were let go).
    pub kind: String,
    pub actor: String,
    /// How they proved it; for a session also which.
    pub via: String,
    /// The peer's address.
    pub source: String,
    /// Method and route, as in the OpenAPI document.
    pub action: String,
    /// What the route's variable parts were.
    pub target: String,
    /// JSON with reason, ticket, overridden rails and the like. Never a secret or content.
    pub details: String,
    /// HTTP status of the answer; `null` while it is begun.
    pub status: Option<u16>,
    /// Code of the problem, or empty.
    pub code: String,
    /// `seq` of the record that began it.
    pub begun: Option<u64>,
    pub previous_hash: String,
    pub hash: String,
}

/// `GET /api/v1/audit/verify?…`: an earlier head, from a log or a note, that must still be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditAnchor {
    #[serde(default)]
    pub seq: Option<u64>,
    #[serde(default)]
    pub hash: Option<String>,
}

/// Whether the chain holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditVerification {
    pub intact: bool,
    pub records: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    pub head_hash: String,
    /// The first record that is not as it was, and what is wrong.
    pub broken_seq: Option<u64>,
    pub broken: Option<String>,
}
