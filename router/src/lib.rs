//! Where a recipient's mail goes, and why. Pure: a decision is a function of one immutable table,
//! the relay domains, the state of the sites and the recipient.
//!
//! ```text
//! recipient ─ relay domain? ─ listed? ────────── state ──────────────────────> Route
//!             no: Reject,     as it is, without  on_prem, cloud, settled: Site
//!                 or Remote   tag, as an alias   syncing: Site and a copy
//!                             no: unlisted       cutover: Hold
//! ```
//!
//! The rules in words: docs/ops/routing-rules.md. Edits are planned on one table and make the
//! next; nothing changes a table that somebody reads.

mod decide;
mod domains;
mod edit;
mod entry;
mod explain;
mod known;
mod map;
mod onward;
mod plan;
mod rails;
mod sites;
mod table;
mod transition;
mod weight;

pub use decide::{Admission, Decision, Facts, HoldReason, Route, decide};
pub use domains::{Domains, Rules};
pub use edit::{Edit, Field, Problem, Put, StateRule};
pub use entry::{Entry, MoveState, Row, UnknownState};
pub use explain::{Explanation, Step, Why, explain};
pub use known::{Doubt, Found, Known, KnownAs, NO_MAILBOX, NOT_KNOWN_NOW, Trust};
pub use onward::onward;
pub use plan::{Changes, Fitting, Misfit, RowChange, RowConflict};
pub use rails::{
    BatchSynced, EXAMPLES_MAX, Rail, RailFacts, RailPolicy, Refusal, SyncFact, Tripped,
    confirmation, rails,
};
pub use sites::{SiteState, SiteStates};
pub use table::{Listed, Table};
pub use transition::{
    Course, EDGES, Edge, HomeAfter, Standing, StepError, WayHere, future_home, step, step_back,
};
pub use weight::{Moved, moved};

#[cfg(test)]
mod tests;
