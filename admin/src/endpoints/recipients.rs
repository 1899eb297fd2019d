//! Who exists, by directory services and files.

use super::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
