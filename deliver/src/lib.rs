//! Takes accepted mail to where it lives now, and learns what became of it.

pub mod connection;
pub mod fate;
pub mod queue;
pub mod retry;
pub mod tls;
