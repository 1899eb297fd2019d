//! The directory: the table that routes, and the one way to change it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use mail::{AddressKey, Timestamp};
use router::{Changes, Edit, MoveState, RowChange, Table};

use crate::cutovers::{Cutover, Cutovers};
use crate::moves::way_here;
use crate::past::Past;
use crate::plans::PlanStep;
use crate::revision::{Because, Chain, Revision};
use crate::store::{self, Generation, PastEntry, Store};
use crate::syncs::Syncs;
use crate::{DirectoryError, DirectoryMetrics, EditError, EditOutcome};

/// Who lives where, now and at any earlier generation. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Directory {
    shared: Arc<Shared>,
}

struct Shared {
    current: ArcSwap<Table>,
    /// Held by one edit at a time, from plan to publish.
    past_store: Mutex<Store>,
    store: Mutex<Store>,
    past: Past,
    cutovers: Cutovers,
    syncs: Syncs,
    metrics: DirectoryMetrics,
}

/// Edits that become one generation, or nothing.
#[derive(Clone, Debug)]
pub struct EditRequest {
    pub edits: Vec<Edit>,
    /// Who asks: the name of a token, a program, or a person.
    pub author: String,
    pub reason: String,
    /// The generation that the author looked at; `None` to edit whatever is there.
    pub expect_generation: Option<u64>,
    pub at: Timestamp,
}

/// An edit that is on disk and routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The new one; the old one when everything was so already.
    pub generation: u64,
    /// Every address whose route may be another now: mailboxes and their aliases, old and new.
    pub changed: Vec<AddressKey>,
    pub added: usize,
    pub changed_n: usize,
    pub removed: usize,
}

impl Directory {
    /// Opens the file, or makes it, and reads the whole table into memory. Blocks: about two
    /// seconds for a million rows.
    pub fn open(path: &Path, metrics: DirectoryMetrics) -> Result<Self, DirectoryError> {
        let store = store::open(path)?;
        let table = store.load()?;
        metrics.loaded(&table);
        tracing::info!(generation = table.generation(), rows = table.len(), "Table loaded.");
        let cutovers = Cutovers::default();
        cutovers.load(cut_over_before(&store, &table)?.into_iter());
        let current = ArcSwap::from_pointee(table);
        Ok(Self {
            shared: Arc::new(Shared {
                current,
                store: Mutex::new(store),
                past_store: Mutex::new(store::open_to_read(path)?),
                past: Past::default(),
                cutovers,
                syncs: Syncs::open(path)?,
                metrics,
            }),
        })
    }

    /// The table that routes now, for one look-up. Waits for nobody.
    pub fn current(&self) -> Guard<Arc<Table>> {
        self.shared.current.load()
    }

    /// The same, to keep.
    pub fn snapshot(&self) -> Arc<Table> {
        self.shared.current.load_full()
    }

    /// Makes all edits of the request, as one generation, or none. When this returns they are on
    /// disk and every look-up from now on sees them. Blocks on the disk, and on other edits.
    pub fn edit(&self, request: &EditRequest) -> Result<Committed, EditError> {
        self.edit_because(request, &Because::default())
    }

    /// The same, with more to remember of why.
    pub fn edit_because(
        &self,
        request: &EditRequest,
        because: &Because,
    ) -> Result<Committed, EditError> {
        let started = Instant::now();
        let result = self.plan_and_commit(request, because);
        let outcome = match &result {
            Ok(Some(changes)) => {
                self.shared.metrics.committed(changes);
                self.shared.metrics.edit_seconds.observe(started.elapsed().as_secs_f64());
                None
            }
            Ok(None) => Some(EditOutcome::Unchanged),
            Err(EditError::Conflict { .. }) => Some(EditOutcome::Conflict),
            Err(EditError::Problems(_)) => Some(EditOutcome::Refused),
            Err(EditError::Store(_)) => Some(EditOutcome::Failed),
        };
        if let Some(outcome) = outcome {
            self.shared.metrics.count(outcome);
        }
        let generation = self.current().generation();
        Ok(result?.map_or_else(|| Committed::nothing(generation), |it| Committed::from(&it)))
    }

    /// `None` when nothing would change.
    fn plan_and_commit(
        &self,
        request: &EditRequest,
        because: &Because,
    ) -> Result<Option<Changes>, EditError> {
        let mut store = self.store();
        let table = self.snapshot();
        let actual = table.generation();
        if let Some(expected) = request.expect_generation.filter(|it| *it != actual) {
            return Err(EditError::Conflict { expected, actual });
        }
        self.commit(&mut store, &table, request, because)
    }

    /// Plans on `table`, which is the current one, commits and publishes. `None` when nothing would
    /// change.
    pub(crate) fn commit(
        &self,
        store: &mut Store,
        table: &Table,
        request: &EditRequest,
        because: &Because,
    ) -> Result<Option<Changes>, EditError> {
        let changes = table.plan(&request.edits, request.at).map_err(EditError::Problems)?;
        if changes.rows.is_empty() {
            return Ok(None);
        }
        let revision = Revision {
            generation: changes.generation,
            at: request.at,
            author: request.author.clone(),
            reason: request.reason.clone(),
            because: because.in_lines(),
        };
        self.publish(store, table, &changes, &revision, None)?;
        Ok(Some(changes))
    }

    /// Writes changes that were planned on the current table, then lets everybody see them.
    /// `false`: the plan is not as expected, and nothing was done.
    pub(crate) fn publish(
        &self,
        store: &mut Store,
        table: &Table,
        changes: &Changes,
        revision: &Revision,
        plan: Option<&PlanStep>,
    ) -> Result<bool, DirectoryError> {
        let next = table.apply(changes);
        if !store.commit(changes, revision, plan)? {
            return Ok(false);
        }
        self.shared.current.store(Arc::new(next));
        self.shared.cutovers.changed(changes);
        Ok(true)
    }

    pub(crate) fn committed(&self, changes: Option<&Changes>) -> Committed {
        if let Some(changes) = changes {
            self.shared.metrics.committed(changes);
        }
        let generation = self.current().generation();
        changes.map_or_else(|| Committed::nothing(generation), Committed::from)
    }

    pub(crate) fn syncs(&self) -> &Syncs {
        &self.shared.syncs
    }

    pub(crate) fn cut_over(&self) -> &Cutovers {
        &self.shared.cutovers
    }

    /// The table as it was; `None` for a generation that is not there yet. Reads it from disk,
    /// unless it is the current one or was asked for just now.
    pub fn at(&self, generation: u64) -> Result<Option<Arc<Table>>, DirectoryError> {
        let current = self.snapshot();
        if generation == current.generation() {
            return Ok(Some(current));
        }
        if generation > current.generation() {
            return Ok(None);
        }
        if let Some(table) = self.shared.past.get(generation) {
            return Ok(Some(table));
        }
        let table = Arc::new(self.past_store().load_at(generation)?);
        self.shared.past.keep(&table);
        Ok(Some(table))
    }

    /// Who changed the table, and why: the newest first, at most `limit`, all before `before`.
    pub fn history(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Generation>, DirectoryError> {
        self.past_store().history(before, limit)
    }

    /// What the table ever said of one mailbox, the oldest first.
    pub fn history_of(&self, key: &AddressKey) -> Result<Vec<PastEntry>, DirectoryError> {
        self.past_store().history_of(key)
    }

    /// What one revision changed, by key; empty for one that is not there.
    pub fn rows_of(&self, generation: u64) -> Result<Vec<RowChange>, DirectoryError> {
        self.past_store().rows_of(generation)
    }

    /// Whether all revisions are as they were written. Reads the whole file.
    pub fn verify(&self) -> Result<Chain, DirectoryError> {
        self.past_store().verify()
    }

    pub(crate) fn metrics(&self) -> &DirectoryMetrics {
        &self.shared.metrics
    }

    /// For what may take long: an edit, and the end of a cutover, do not wait for it.
    pub(crate) fn past_store(&self) -> MutexGuard<'_, Store> {
        self.shared.past_store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic in an edit leaves a transaction that SQLite rolls back, so the store stays usable.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cutovers of a table that an earlier run left.
fn cut_over_before(store: &Store, table: &Table) -> Result<Vec<Cutover>, DirectoryError> {
    let rows = table.page(None, usize::MAX, |it| it.state == MoveState::Cutover);
    let mut cutovers = Vec::with_capacity(rows.len());
    for entry in rows {
        let key = entry.address.key();
        let since = way_here(&store.history_of(&key)?).1.unwrap_or(entry.changed_at);
        cutovers.push(Cutover { key, generation: entry.generation, since });
    }
    Ok(cutovers)
}

#[cfg(test)]
impl Directory {
    /// Makes the disk as small as this, in pages.
    pub(crate) fn limit_pages(&self, pages: i64) {
        self.store().connection().pragma_update(None, "max_page_count", pages).unwrap();
    }
}

impl Committed {
    /// The generation that was made, unless everything was so already.
    pub fn made(&self) -> Option<u64> {
        (!self.changed.is_empty()).then_some(self.generation)
    }

    pub(crate) const fn nothing(generation: u64) -> Self {
        Self { generation, changed: Vec::new(), added: 0, changed_n: 0, removed: 0 }
    }
}

impl From<&Changes> for Committed {
    fn from(changes: &Changes) -> Self {
        let rows = || changes.rows.iter();
        let aliases = rows().flat_map(|it| [&it.before, &it.after]).flatten();
        let aliases = aliases.flat_map(|it| it.aliases.iter()).map(mail::Address::key);
        let mut changed: Vec<AddressKey> =
            rows().filter_map(|it| it.key().cloned()).chain(aliases).collect();
        changed.sort_unstable();
        changed.dedup();
        Self {
            generation: changes.generation,
            changed,
            added: changes.added(),
            changed_n: changes.changed(),
            removed: changes.removed(),
        }
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Directory({:?})", self.current())
    }
}
