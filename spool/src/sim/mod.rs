//! A disk that loses what was not synced, and a spool that is turned by hand.

mod disk;
mod file;
mod hands;

pub use disk::{Fault, SimDisk};
pub use hands::Hands;
