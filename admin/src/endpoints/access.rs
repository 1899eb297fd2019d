//! Accounts, tokens, sessions and the audit log.

use super::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
