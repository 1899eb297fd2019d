//! Plans: changes of the table that are looked at before they are made.

use super::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
