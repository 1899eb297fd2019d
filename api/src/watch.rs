//! Live events and alerts.

use schemars::SchemaGenerator;

/// Every type here that is a body or an answer.
pub(crate) fn schemas(_: &mut SchemaGenerator) {}
