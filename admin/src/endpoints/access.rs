//! Accounts, tokens, sessions and the audit log.

use super::{Endpoint, Need, endpoint};

#[rustfmt::skip]
pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(Need::Open, "post", "/api/v1/session", "Sign in: the answer sets a cookie. No token.", &[], "Login", "Whoami"),
    endpoint(Need::Open, "get", "/api/v1/session/ways", "How can one sign in here, beside a local account and a token? No token.", &[], "", "SignInWays"),
    endpoint(Need::Open, "get", "/api/v1/session/oidc", "For browsers: leads to the identity provider. No token.", &[], "", ""),
    endpoint(Need::Open, "get", "/api/v1/session/oidc/callback", "For browsers: where the identity provider leads back to; the page sets a cookie and opens the console. No token.", &["state", "code", "error", "iss"], "", "text/html"),
    endpoint(Need::Viewer, "get", "/api/v1/session", "Who am I, and what may I do?", &[], "", "Whoami"),
    endpoint(Need::Viewer, "delete", "/api/v1/session", "Sign out.", &[], "", "Done"),
    endpoint(Need::Viewer, "get", "/api/v1/sessions", "Who is signed in: oneself, for administrators all.", &[], "", "SessionList"),
    endpoint(Need::Viewer, "delete", "/api/v1/sessions/{name}", "End a session.", &[], "", "Done"),
    endpoint(Need::Administrator, "get", "/api/v1/users", "The local accounts.", &[], "", "UserList"),
    endpoint(Need::Administrator, "post", "/api/v1/users", "Make an account.", &[], "NewUser", "User"),
    endpoint(Need::Administrator, "get", "/api/v1/users/{name}", "One account.", &[], "", "User"),
    endpoint(Need::Administrator, "patch", "/api/v1/users/{name}", "Change role, limit, or disable it; ends its sessions.", &[], "UserPatch", "User"),
    endpoint(Need::Administrator, "delete", "/api/v1/users/{name}", "Remove the account and end its sessions.", &[], "", "Done"),
    endpoint(Need::Viewer, "post", "/api/v1/users/{name}/password", "A new password: one's own with the present one, for administrators any.", &[], "PasswordChange", "Done"),
    endpoint(Need::Viewer, "post", "/api/v1/users/{name}/totp", "Enrol an authenticator, confirm it by a code, or take it away.", &[], "TotpRequest", "Totp"),
    endpoint(Need::Administrator, "get", "/api/v1/tokens", "The tokens of programs.", &[], "", "TokenList"),
    endpoint(Need::Administrator, "post", "/api/v1/tokens", "Make a token; its secret is shown this once.", &[], "NewToken", "MadeToken"),
    endpoint(Need::Administrator, "delete", "/api/v1/tokens/{name}", "Revoke a token.", &[], "", "Done"),
    endpoint(Need::Administrator, "get", "/api/v1/audit", "What was done, by whom, the newest first.", &["actor", "action", "after", "before", "cursor", "limit"], "", "AuditList"),
    endpoint(Need::Administrator, "get", "/api/v1/audit/verify", "Is the chain of records whole? With an earlier head: is that still in it?", &["seq", "hash"], "", "AuditVerification"),
    endpoint(Need::Administrator, "get", "/api/v1/audit/export", "All records, the oldest first, one JSON object a line.", &[], "", "application/x-ndjson"),
];
