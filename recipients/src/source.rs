//! One source and how it is doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use config::{DirectoryKind, DirectorySource};
use mail::{Address, Timestamp};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::Notify;

use crate::Mistakes;
use crate::change::{Bounds, Change};
use crate::store::Position;

/// A source with what is fixed about it.
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) settings: DirectorySource,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) state: Mutex<State>,
    /// One sync at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Ends the wait for the next one.
    pub(crate) wake: Notify,
    /// Until then its word is good, in microseconds since the epoch.
    fresh_until: AtomicU64,
}

/// How a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not read since the start; the copy of an earlier run serves, if there is one.
    Waiting,
    Ok,
    /// The last read failed; the last good copy serves.
    Failed,
    /// The last read would take away more than the bound; the last good copy serves.
    NeedsConfirmation,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NeedsConfirmation => "needs_confirmation",
        }
    }
}

/// What a sync would take away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub recipients: usize,
    pub addresses: usize,
    pub of_addresses: usize,
    pub examples: Vec<Address>,
}

/// Addresses shown of what would be removed.
const EXAMPLES: usize = 20;

impl Pending {
    pub(crate) fn of(change: &Change) -> Self {
        Self {
            recipients: change.removed.len(),
            addresses: change.gone.len(),
            of_addresses: change.n_before,
            examples: change.gone.iter().take(EXAMPLES).cloned().collect(),
        }
    }
}

/// What a finished sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    pub is_full: bool,
    pub entries: usize,
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    pub took: Duration,
    /// Nothing was done: this would be taken away.
    pub pending: Option<Pending>,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) status: Status,
    pub(crate) position: Position,
    pub(crate) tried_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
    pub(crate) pending: Option<Pending>,
    pub(crate) last: Option<Synced>,
    pub(crate) mistakes: Mistakes,
}

/// A source as operators see it.
#[derive(Clone, Debug)]
pub struct SourceView {
    pub name: String,
    pub kind: &'static str,
    /// Where it is read from.
    pub place: String,
    pub status: Status,
    pub is_fresh: bool,
    pub age: Option<Duration>,
    pub recipients: usize,
    pub addresses: usize,
    pub position: Position,
    pub tried_at: Option<Timestamp>,
    pub error: Option<String>,
    pub pending: Option<Pending>,
    pub last: Option<Synced>,
    pub mistakes: Mistakes,
}

impl Source {
    pub(crate) fn new(
        settings: DirectorySource,
        tls: Option<Arc<ClientConfig>>,
        position: Position,
    ) -> Self {
        let source = Self {
            name: settings.name.as_str().into(),
            state: Mutex::new(State {
                status: Status::Waiting,
                position,
                tried_at: None,
                error: None,
                pending: None,
                last: None,
                mistakes: Mistakes::default(),
            }),
            settings,
            tls,
            turn: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            fresh_until: AtomicU64::new(0),
        };
        if source.is_by_import() && source.state.lock().position.good_at.is_some() {
            source.state.lock().status = Status::Ok;
            source.fresh_until.store(u64::MAX, Ordering::Relaxed);
        }
        source
    }

    /// It has no age: it is what was last imported.
    pub(crate) fn is_by_import(&self) -> bool {
        matches!(self.settings.kind, DirectoryKind::Csv { file: None })
    }

    pub(crate) const fn kind(&self) -> &'static str {
        match self.settings.kind {
            DirectoryKind::Ldap(_) => "ldap",
            DirectoryKind::Csv { .. } => "csv",
            DirectoryKind::CallOut { .. } => "callout",
        }
    }

    pub(crate) fn place(&self) -> String {
        match &self.settings.kind {
            DirectoryKind::Ldap(ldap) => format!("{} {}", ldap.url, ldap.base),
            DirectoryKind::Csv { file: Some(file) } => file.display().to_string(),
            DirectoryKind::Csv { file: None } => "import".to_owned(),
            DirectoryKind::CallOut { site } => site.to_string(),
        }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            addresses: self.settings.removals_max,
            percent: self.settings.removals_percent_max,
            most: self.settings.removals_always_ask,
        }
    }

    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_micros() < self.fresh_until.load(Ordering::Relaxed)
    }

    /// It was read without a mistake.
    pub(crate) fn good(&self, now: Timestamp, position: Position, synced: Synced) {
        let until = match self.settings.stale_after {
            Some(span) if !self.is_by_import() => now.plus(span).as_micros(),
            _ => u64::MAX,
        };
        let mut state = self.state.lock();
        state.status = Status::Ok;
        state.position = position;
        state.tried_at = Some(now);
        (state.error, state.pending) = (None, None);
        state.last = Some(synced);
        self.fresh_until.store(until, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, now: Timestamp, why: &str) {
        let mut state = self.state.lock();
        if state.error.is_none() {
            let source = &*self.name;
            tracing::warn!(source, why, "A directory cannot be read; its last good copy serves.");
        }
        // A question that is open stays so.
        if state.pending.is_none() {
            state.status = Status::Failed;
        }
        state.tried_at = Some(now);
        state.error = Some(why.to_owned());
        self.fresh_until.store(0, Ordering::Relaxed);
    }

    pub(crate) fn asks(&self, now: Timestamp, pending: Pending) {
        let mut state = self.state.lock();
        if state.status != Status::NeedsConfirmation {
            let (source, addresses) = (&*self.name, pending.addresses);
            tracing::warn!(
                source,
                addresses,
                "A directory would lose more addresses than the bound; see causeway directory status."
            );
        }
        state.status = Status::NeedsConfirmation;
        state.tried_at = Some(now);
        state.error = None;
        state.pending = Some(pending);
        self.fresh_until.store(0, Ordering::Relaxed);
    }
}
