//! The sites.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/sites",
        "Health and backlog of the sites.",
        &[],
        "",
        "SiteList",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/sites/{name}/probe",
        "Talk to a site now.",
        &[],
        "",
        "Probe",
    ),
    endpoint(
        Need::Operator,
        "put",
        "/api/v1/sites/{name}/override",
        "Say up or down against the probes, or auto.",
        &[],
        "OverrideRequest",
        "Site",
    ),
];
