//! States of mailboxes in the move, for the sidecar.

use std::sync::Arc;

use axum::Router;

use crate::routes::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
}
