//! States of mailboxes in the move, for the sidecar.

use schemars::SchemaGenerator;

/// Every type here that is a body or an answer.
pub(crate) fn schemas(_: &mut SchemaGenerator) {}
