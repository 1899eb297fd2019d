//! The spool.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/queue",
        "One page of the messages in the spool that match.",
        &["ids", "site", "recipient", "sender", "state", "older_than_seconds", "cursor", "limit"],
        "",
        "QueueList",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/queue/summary",
        "Recipients by next hop, queue and age.",
        &[],
        "",
        "QueueSummary",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/queue/actions",
        "Retry, hold, release, bounce or discard.",
        &[],
        "ActionRequest",
        "Acted",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/queue/messages/{name}",
        "One message in the spool.",
        &[],
        "",
        "QueuedMessage",
    ),
    endpoint(
        Need::Operator,
        "get",
        "/api/v1/queue/messages/{name}/content",
        "The message itself.",
        &[],
        "",
        "message/rfc822",
    ),
];
