//! Where each resource lives, so that the server and its client cannot disagree.

/// Prefix of everything that wants a token.
pub const V1: &str = "/api/v1";

pub const LIVEZ: &str = "/livez";
pub const READYZ: &str = "/readyz";
pub const METRICS: &str = "/metrics";

pub const VERSION: &str = "/api/v1/version";
pub const STATS: &str = "/api/v1/stats";
pub const CONFIGURATION: &str = "/api/v1/configuration";
pub const RELOAD: &str = "/api/v1/reload";
pub const OPENAPI: &str = "/api/v1/openapi.json";
pub const TABLE: &str = "/api/v1/table";
pub const ENTRIES: &str = "/api/v1/table/entries";
pub const EDITS: &str = "/api/v1/table/edits";
pub const IMPORT: &str = "/api/v1/table/import";
pub const HISTORY: &str = "/api/v1/table/history";
pub const EXPORT: &str = "/api/v1/table/export";
pub const DIFF: &str = "/api/v1/table/diff";
pub const TABLE_VERIFY: &str = "/api/v1/table/verify";
pub const PLANS: &str = "/api/v1/plans";
pub const PLANS_IMPORT: &str = "/api/v1/plans/import";
pub const PLANS_ROLLBACK: &str = "/api/v1/plans/rollback";
pub const EXPLAIN: &str = "/api/v1/explain";
pub const SIMULATE: &str = "/api/v1/explain/simulate";
pub const QUEUE: &str = "/api/v1/queue";
pub const QUEUE_SUMMARY: &str = "/api/v1/queue/summary";
pub const QUEUE_ACTIONS: &str = "/api/v1/queue/actions";
pub const QUEUE_MESSAGES: &str = "/api/v1/queue/messages";
pub const SITES: &str = "/api/v1/sites";
pub const MOVES: &str = "/api/v1/moves";
pub const MOVES_TRANSITIONS: &str = "/api/v1/moves/transitions";
pub const MOVES_SYNC: &str = "/api/v1/moves/sync";
pub const TRACE: &str = "/api/v1/trace";
pub const STREAM: &str = "/api/v1/stream";
pub const ALERTS: &str = "/api/v1/alerts";
pub const ALERTS_TEST: &str = "/api/v1/alerts/test";
pub const FIGURES: &str = "/api/v1/metrics/summary";
pub const LEDGER_VERIFY: &str = "/api/v1/ledger/verify";
pub const DIRECTORY: &str = "/api/v1/directory";
pub const DIRECTORY_RECIPIENTS: &str = "/api/v1/directory/recipients";
pub const DIRECTORY_SOURCES: &str = "/api/v1/directory/sources";
pub const DIRECTORY_DRIFT: &str = "/api/v1/directory/drift";

pub const SESSION: &str = "/api/v1/session";
/// How one can sign in; without a token.
pub const SESSION_WAYS: &str = "/api/v1/session/ways";
/// Leads to the identity provider, and back.
pub const SESSION_OIDC: &str = "/api/v1/session/oidc";
pub const SESSION_OIDC_CALLBACK: &str = "/api/v1/session/oidc/callback";
pub const SESSIONS: &str = "/api/v1/sessions";
pub const USERS: &str = "/api/v1/users";
pub const TOKENS: &str = "/api/v1/tokens";
pub const AUDIT: &str = "/api/v1/audit";
pub const AUDIT_VERIFY: &str = "/api/v1/audit/verify";
pub const AUDIT_EXPORT: &str = "/api/v1/audit/export";

/// Request header that a browser's page has to add to whatever changes something; any value.
pub const CSRF_HEADER: &str = "causeway-csrf";
/// Request header of a POST: the same key and body within a day get the same answer.
pub const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// Request header: who asks, as they call themselves. It goes into the history of the table and into
/// the ledger beside the operator's reason; it grants nothing, and
/// counts for the token of `admin.token` only: others have a name. At most 128 bytes are kept.
pub const AUTHOR_HEADER: &str = "causeway-author";

/// `segment` as one segment of a path: everything but RFC 3986 unreserved characters is escaped.
pub fn segment(segment: &str) -> String {
    escape(segment)
}

/// `name=value` pairs as a query string with its `?`; pairs without a value are left out.
pub fn query(pairs: &[(&str, Option<String>)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        let Some(value) = value else { continue };
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&escape(value));
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_segment_whatever_is_in_it() {
        assert_eq!(segment("a/b+c@x.example"), "a%2Fb%2Bc%40x.example");
        assert_eq!(segment("jürgen@x"), "j%C3%BCrgen%40x");
    }

    #[test]
    fn a_query_leaves_out_what_was_not_given() {
        let pairs =
            [("home", Some("cloud".to_owned())), ("batch", None), ("q", Some("a b".to_owned()))];
        assert_eq!(query(&pairs), "?home=cloud&q=a%20b");
        assert_eq!(query(&[("a", None)]), "");
    }
}
