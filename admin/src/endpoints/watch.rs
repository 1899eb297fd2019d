//! Live events and alerts.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint(
    Need::Viewer,
    "get",
    "/api/v1/stream",
    "Live events, server-sent: mail flow, table, sites, alerts, plans.",
    &["topics", "recipient", "site"],
    "",
    "text/event-stream",
)];
