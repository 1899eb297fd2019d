//! Takes accepted mail to where it lives now, and learns what became of it.

pub mod queue;
