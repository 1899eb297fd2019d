//! The admin API over HTTP: table, queues, sites, traces, health, metrics.

mod backend;

pub use backend::{Answer, Author, Backend, BackendError, ByteStream};
