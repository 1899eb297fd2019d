//! What the admin API needs of the gateway. `gateway` implements it; tests have a small one.

mod moves;
mod plans;
mod recipients;
mod watch;

pub use moves::Moves;
pub use plans::Plans;
pub use recipients::Recipients;
pub use watch::Watch;

use std::future::Future;
use std::pin::Pin;

use api::{
    Acted, ActionRequest, Blocked, Changed, Configuration, EntryList, Explain, Explanation,
    FieldError, History, HistoryQuery, ImportOptions, Imported, ListQuery, OverrideRequest, Probe,
    QueueList, QueueQuery, QueueSummary, QueuedMessage, Readiness, Reloaded, RowConflict, Site,
    SiteList, Stats, TableEdits, TableInfo, TraceQuery, Traced, Verification, Version,
};
use bytes::Bytes;
use futures_util::Stream;

/// A future that a method of [`Backend`] returns. Boxed, so that `dyn Backend` works.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send + 'a>>;

/// A body of any length, sent as it is read.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// Who asks, as they call themselves: for the history and the ledger. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author(pub String);

/// Everything that the admin API can ask or do. Each method is one request; handlers call one each.
///
/// Texts in requests (addresses, site names, ids) are as the client wrote them: an implementation
/// parses them and answers [`BackendError::Invalid`], naming each mistake. Nothing here may block
/// the runtime's thread for longer than a few milliseconds. A dropped future leaves an edit either
/// made or not made, never half made.
pub trait Backend: Plans + Moves + Recipients + Watch + Send + Sync + 'static {
    fn version(&self) -> Version;
    /// Cheap: asked every few seconds by load balancers, without a token.
    fn readiness(&self) -> Answer<'_, Readiness>;
    fn stats(&self) -> Answer<'_, Stats>;
    /// In force, and how the file differs by now.
    fn configuration(&self) -> Answer<'_, Configuration>;
    fn reload(&self, author: Author) -> Answer<'_, Reloaded>;

    fn table(&self) -> Answer<'_, TableInfo>;
    /// `query.limit` is set and in range.
    fn history(&self, query: HistoryQuery) -> Answer<'_, History>;
    /// `query.limit` is set and in range.
    fn entries(&self, query: ListQuery) -> Answer<'_, EntryList>;
    /// The entry of an address or of the mailbox that has it as an alias; also the generation.
    fn entry(&self, address: String) -> Answer<'_, (u64, api::Entry)>;
    /// Durable when it returns. All of `edits` or none.
    fn edit(&self, edits: TableEdits, author: Author) -> Answer<'_, Changed>;
    /// Mistakes of the file are [`BackendError::Invalid`], all of them, by [`FieldError::row`].
    fn import(&self, csv: Bytes, options: ImportOptions, author: Author) -> Answer<'_, Imported>;
    /// The table as CSV, at a generation or now; also which one it is.
    fn export(&self, generation: Option<u64>) -> Answer<'_, (u64, ByteStream)>;
    fn explain(&self, question: Explain) -> Answer<'_, Explanation>;

    fn queue_summary(&self) -> Answer<'_, QueueSummary>;
    /// `query.limit` is set and in range.
    fn queue(&self, query: QueueQuery) -> Answer<'_, QueueList>;
    fn queued(&self, id: String) -> Answer<'_, QueuedMessage>;
    /// The message itself, header and body, as it was accepted. RFC 5322.
    fn message(&self, id: String) -> Answer<'_, ByteStream>;
    /// The selector has passed [`api::Selector::check`].
    fn act(&self, request: ActionRequest, author: Author) -> Answer<'_, Acted>;

    fn sites(&self) -> Answer<'_, SiteList>;
    fn probe(&self, site: String) -> Answer<'_, Probe>;
    fn force(&self, site: String, request: OverrideRequest, author: Author) -> Answer<'_, Site>;

    /// Exactly one of the query's three fields is set; `limit` is set and in range.
    fn trace(&self, query: TraceQuery) -> Answer<'_, Traced>;
    fn verify_ledger(&self) -> Answer<'_, Verification>;
}

/// Why a request was not done. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// 404. `what` is a noun phrase: `entry for anna@contoso.example`.
    #[error("there is no {what}")]
    NotFound { what: String },
    /// 412: the table is no longer at the generation that the client saw.
    #[error("the table has changed: it is at generation {generation} now")]
    Conflict { generation: u64 },
    /// 422: the request makes no sense here.
    #[error("{detail}")]
    Invalid { detail: String, errors: Vec<FieldError> },
    /// 409: understood, but not in this state.
    #[error("{detail}")]
    Refused { detail: String, hint: Option<String> },
    /// 409: mailboxes are not as the caller saw them.
    #[error("not as you saw them: {} of the mailboxes", conflicts.len())]
    MovesChanged { generation: u64, conflicts: Vec<RowConflict> },
    /// 409: rows are no longer what was seen.
    #[error("{} of the rows are no longer what was seen", conflicts.len())]
    RowsChanged { generation: u64, conflicts: Vec<RowConflict> },
    /// 403: safety rails, at least one.
    #[error("{}", rails_text(.0))]
    Blocked(Vec<Blocked>),
    /// 503: not yet, as while the spool is being indexed.
    #[error("{detail}")]
    Busy { detail: String },
    /// 500. The detail goes to an authenticated operator, so it may name files and errors.
    #[error("{detail}")]
    Failed { detail: String },
}

impl BackendError {
    /// One mistake with its place.
    pub fn invalid(place: impl Into<String>, message: impl Into<String>) -> Self {
        let error = FieldError { place: place.into(), message: message.into() };
        Self::Invalid { detail: format!("{}: {}", error.place, error.message), errors: vec![error] }
    }

    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }
}

/// All messages: an operator should see at once what stands in the way.
fn rails_text(blocked: &[Blocked]) -> String {
    let list: Vec<&str> = blocked.iter().map(|it| it.message.as_str()).collect();
    format!("blocked: {}", list.join("; "))
}
