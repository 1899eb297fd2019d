//! Plans: changes of the table that are looked at before they are made.

use std::sync::Arc;

use axum::Router;

use crate::routes::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
}
