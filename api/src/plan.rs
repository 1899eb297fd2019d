//! Plans: changes of the table that are looked at before they are made.

use schemars::SchemaGenerator;

/// Every type here that is a body or an answer.
pub(crate) fn schemas(_: &mut SchemaGenerator) {}
