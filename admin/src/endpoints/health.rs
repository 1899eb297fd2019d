//! Health, figures, and what describes the API itself.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(Need::Open, "get", "/livez", "Is the process alive? No token.", &[], "", "text/plain"),
    endpoint(
        Need::Open,
        "get",
        "/readyz",
        "Can mail be taken? No token; 503 if not.",
        &[],
        "",
        "Readiness",
    ),
    endpoint(Need::Open, "get", "/metrics", "Prometheus metrics. No token.", &[], "", "text/plain"),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/version",
        "What runs here, since when.",
        &[],
        "",
        "Version",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/stats",
        "The figures one looks at first.",
        &[],
        "",
        "Stats",
    ),
    endpoint(
        Need::Operator,
        "get",
        "/api/v1/configuration",
        "Every key with the value in force, where it is from, and how the file differs by now.",
        &[],
        "",
        "Configuration",
    ),
    endpoint(
        Need::Administrator,
        "post",
        "/api/v1/reload",
        "Read the configuration again.",
        &[],
        "",
        "Reloaded",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/openapi.json",
        "This list.",
        &[],
        "",
        "application/json",
    ),
];
