//! Traces and the ledger.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/trace",
        "What happened to a message.",
        &["id", "address", "message_id", "limit"],
        "",
        "Traced",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/ledger/verify",
        "Do all accepted recipients add up?",
        &[],
        "",
        "Verification",
    ),
];
