//! The list of endpoints, one module for each part of the API. The OpenAPI document, the reference
//! page and the check of roles are made from it.

mod access;
mod health;
mod moves;
mod plans;
mod queue;
mod recipients;
mod site;
mod table;
mod trace;
mod watch;

use api::Role;

/// What a caller needs to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Anybody, without a token.
    Open,
    Viewer,
    Operator,
    Approver,
    Administrator,
}

impl Need {
    pub(crate) fn is_met_by(self, role: Role) -> bool {
        let least = match self {
            Self::Open | Self::Viewer => Role::Viewer,
            Self::Operator => Role::Operator,
            Self::Approver => Role::Approver,
            Self::Administrator => Role::Administrator,
        };
        role >= least
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "nobody",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Administrator => "administrator",
        }
    }
}

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    pub need: Need,
    pub method: &'static str,
    /// With `{name}` for the variable segment.
    pub path: &'static str,
    pub summary: &'static str,
    /// Names of the query's parameters.
    pub query: &'static [&'static str],
    /// Type of the body and of the answer in crate `api`; empty for none.
    pub body: &'static str,
    pub answer: &'static str,
}

const fn endpoint(
    need: Need,
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    body: &'static str,
    answer: &'static str,
) -> Endpoint {
    Endpoint { need, method, path, summary, query, body, answer }
}

/// Every endpoint that the router serves; a test compares the two.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    let parts = [
        health::ENDPOINTS,
        table::ENDPOINTS,
        plans::ENDPOINTS,
        moves::ENDPOINTS,
        recipients::ENDPOINTS,
        queue::ENDPOINTS,
        site::ENDPOINTS,
        trace::ENDPOINTS,
        access::ENDPOINTS,
        watch::ENDPOINTS,
    ];
    parts.into_iter().flatten()
}
