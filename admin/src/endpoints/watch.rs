//! Live events and alerts.

use super::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
