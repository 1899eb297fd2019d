//! What the admin API says, as types: `admin` answers with them, `cli` asks with them. No I/O.
//!
//! Every type here is a promise to scripts: fields are added, never renamed or removed within `v1`.
//! Points in time are RFC 3339 in UTC with microseconds; spans are whole seconds and end in
//! `_seconds`; sizes are bytes and end in `_bytes`. A field without a value is `null`, never absent.

mod access;
mod addresses;
mod configuration;
mod explain;
mod health;
mod ledger;
mod moves;
mod plan;
mod problem;
mod queue;
mod recipients;
mod schemas;
mod site;
mod stats;
mod table;
mod trace;
mod watch;

pub mod path;

pub use access::{
    AuditAnchor, AuditList, AuditQuery, AuditRecord, AuditVerification, Done, Login, MadeToken,
    NewToken, NewUser, OidcCallbackQuery, OidcWay, PasswordChange, Role, Session, SessionList,
    SignInWays, Token, TokenList, Totp, TotpRequest, User, UserList, UserPatch, Via, Whoami,
};
pub use addresses::Addresses;
pub use configuration::{
    Configuration, ConfigurationDifference, ConfigurationKey, ConfigurationSection,
    ConfigurationSource, ConfigurationTakes,
};
pub use explain::{Explain, Explanation, HopLimits, Rerouted, Simulate, Simulation, Step};
pub use health::{Check, Readiness, SiteHealth, Version};
pub use ledger::Verification;
pub use moves::{
    Cut, CutLease, CutOutcome, CutRequest, InDoubt, Lease, Move, MoveList, Moved, MovesQuery,
    Resolve, Resolved, SyncOf, SyncReport, SyncReports, SyncTaken, Transition, Transitioned,
    Transitions,
};
pub use plan::{
    ApplyRequest, Blocked, Canary, CanaryProgress, ChainReport, DiffQuery, Effect, FileFormat,
    Impact, Plan, PlanImport, PlanList, PlanQuery, PlanRequest, PlanState, Rail, RailOverride,
    RollbackRequest, RowConflict, RowKind, RowList, RowQuery, TableDiff,
};
pub use problem::{FieldError, PROBLEM_JSON, Problem};
pub use queue::{
    Acted, Action, ActionRequest, Hop, QueueList, QueueQuery, QueueState, QueueSummary,
    QueuedMessage, QueuedRecipient, Selector, SelectorError,
};
pub use recipients::{
    DirectoryImport, DirectoryMistake, DirectorySource, DirectoryState, DirectoryStatus,
    DirectorySync, Drift, DriftKind, DriftList, DriftQuery, PendingRemovals, Recipient,
    RecipientList, RecipientQuery, SyncRequest,
};
pub use schemas::schemas;
pub use site::{
    Host, Override, OverrideRequest, OverrideTo, Probe, ProbeStage, Site, SiteList, SiteState,
};
pub use stats::{Reloaded, Stats};
pub use table::{
    Change, Changed, Entry, EntryList, EntryPatch, Generation, History, HistoryQuery,
    ImportOptions, Imported, ListQuery, MoveState, TableEdit, TableEdits, TableInfo,
};
pub use trace::{Story, StoryEvent, StoryRecipient, TraceQuery, Traced};
pub use watch::{
    Alert, AlertList, AlertSent, AlertState, AlertTest, Dropped, DroppedWhy, Figures, FlowEvent,
    FlowKind, PlanEvent, Point, Severity, SiteEvent, StreamEvent, StreamQuery, TableEvent, Topic,
};
