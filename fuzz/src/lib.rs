//! What is fuzzed: one function a target, each with the properties that must hold for any bytes.
//!
//! `targets/` gives them to libFuzzer; the end-to-end package replays `corpus/` through them.

mod configuration;
mod data;
mod records;
mod reply;
mod session;
mod table;

pub use configuration::configuration;
pub use data::data;
pub use records::records;
pub use reply::reply;
pub use session::session;
pub use table::table;

/// A target takes any bytes and panics when a property does not hold.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus.
pub const TARGETS: &[(&str, Target)] =
    &[("configuration", configuration), ("data", data), ("reply", reply), ("session", session)];
