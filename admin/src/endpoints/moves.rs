//! States of mailboxes in the move, for the sidecar.

use super::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
