//! Accounts, tokens, sessions and the audit log.

use std::sync::Arc;

use axum::Router;

use crate::routes::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
}
