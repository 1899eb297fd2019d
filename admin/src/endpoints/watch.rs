//! Live events and alerts.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/stream",
        "Live events, server-sent: mail flow, table, sites, alerts, plans.",
        &["topics", "recipient", "site"],
        "",
        "text/event-stream",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/alerts",
        "What is firing, what is about to, and what ended lately.",
        &[],
        "",
        "AlertList",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/alerts/test",
        "Send a test to whoever is told of alerts.",
        &[],
        "",
        "AlertTest",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/metrics/summary",
        "The last hour at a glance, from memory.",
        &[],
        "",
        "Figures",
    ),
];
