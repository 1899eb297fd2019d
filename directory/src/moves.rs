//! Steps of mailboxes in their move: compare-and-set by the generation of the row, all steps of a
//! request as one generation or none. docs/adr/0320.

use std::collections::HashMap;
use std::sync::Arc;

use mail::{AddressKey, SiteName, Timestamp};
use router::{
    Changes, Course, Domains, Edit, Entry, Field, MoveState, Problem, Put, Standing, StateRule,
    Table, WayHere, step, step_back,
};

use crate::store::{PastEntry, Store};
use crate::{Because, Committed, Cutover, Directory, DirectoryError, EditError, EditRequest};

/// The author of the end of a cutover that took too long.
pub const CUTOVER_ENDED_BY: &str = "causeway";

/// One mailbox, one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveStep {
    pub key: AddressKey,
    /// The generation of the row that the caller saw.
    pub expect: u64,
    pub to: MoveState,
    /// Only where the step leaves a choice: see [`router::step`].
    pub home: Option<SiteName>,
}

/// Whose steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steps {
    Of(Vec<MoveStep>),
    /// Every mailbox of a batch, which must all be in `from`, or in `to` already.
    Batch {
        batch: String,
        from: MoveState,
        to: MoveState,
    },
}

#[derive(Clone, Debug)]
pub struct StepRequest {
    pub steps: Steps,
    pub author: String,
    /// With the digest of a report, if there is one: what is said here again makes a repetition.
    pub reason: String,
    pub at: Timestamp,
}

/// Steps that are on disk and route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    pub committed: Committed,
    /// Every mailbox of the request, those that had made the step before included.
    pub mailboxes: Vec<AddressKey>,
}

/// What the steps of a request would come to.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// Before them.
    pub table: Arc<Table>,
    /// Of the mailboxes that would take a step now.
    pub changes: Changes,
    pub courses: HashMap<AddressKey, Course>,
    /// Every mailbox of the request, those that have made the step included.
    pub mailboxes: Vec<AddressKey>,
}

impl Rehearsed {
    /// What was looked at: rows and their generations.
    pub fn seen(&self) -> Vec<(AddressKey, u64)> {
        let rows = self.changes.rows.iter().filter_map(|it| it.before.as_ref());
        rows.map(|it| (it.key().clone(), it.generation)).collect()
    }
}

/// What goes with the steps of a request that was looked at before.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// [`Rehearsed::seen`]: other rows than these are not changed.
    pub seen: Vec<(AddressKey, u64)>,
    pub because: Because,
}

/// A row that is not as the caller saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowConflict {
    pub address: String,
    /// `None` where the caller named a state, for a batch.
    pub expected: Option<u64>,
    /// What is there; `None` for a mailbox that is not listed.
    pub actual: Option<(u64, MoveState)>,
}

/// Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StepFailure {
    #[error("{} mailboxes are not as you saw them", .0.len())]
    Conflicts(Vec<RowConflict>),
    #[error("{} steps cannot be made", .0.len())]
    Problems(Vec<Problem>),
    /// The steps would be others by now than those that were looked at.
    #[error("the mailboxes have changed since the steps were looked at")]
    Others,
    #[error(transparent)]
    Store(#[from] DirectoryError),
}

impl From<EditError> for StepFailure {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Problems(problems) => Self::Problems(problems),
            EditError::Store(error) => Self::Store(error),
            // No step names the generation of the table.
            EditError::Conflict { .. } => Self::Conflicts(Vec::new()),
        }
    }
}

/// A mailbox that is listed, as a sidecar asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRow {
    pub entry: Entry,
    /// When its state began; of a mailbox that is not in cutover, when its row last changed.
    pub since: Timestamp,
}

/// What the steps of a request come to.
#[derive(Default)]
struct Draft {
    edits: Vec<Edit>,
    /// The rows of these with their generations, and where the steps lead.
    seen: Vec<(AddressKey, u64)>,
    courses: HashMap<AddressKey, Course>,
    mailboxes: Vec<AddressKey>,
    conflicts: Vec<RowConflict>,
    problems: Vec<Problem>,
}

impl Directory {
    /// Makes every step of the request, as one generation, or none. A step that this very request
    /// made before counts as made, so that a lost answer can be asked for again. Blocks on the disk.
    ///
    /// With `judged` it makes those steps that were looked at, or none.
    pub fn step(
        &self,
        domains: &Domains,
        request: &StepRequest,
        judged: Option<&Judged>,
    ) -> Result<Stepped, StepFailure> {
        let mut store = self.store();
        let table = self.snapshot();
        let draft = Draft::of(&store, &table, domains, request)?;
        if judged.is_some_and(|it| it.seen != draft.seen) {
            return Err(StepFailure::Others);
        }
        let edit = EditRequest {
            edits: draft.edits,
            author: request.author.clone(),
            reason: request.reason.clone(),
            expect_generation: None,
            at: request.at,
        };
        let because = judged.map_or_else(Because::default, |it| it.because.clone());
        let changes = self.commit(&mut store, &table, &edit, &because)?;
        let committed = self.committed(changes.as_ref());
        Ok(Stepped { committed, mailboxes: draft.mailboxes })
    }

    /// What [`Directory::step`] would do, without doing it. Blocks on the disk.
    pub fn rehearse_steps(
        &self,
        domains: &Domains,
        request: &StepRequest,
    ) -> Result<Rehearsed, StepFailure> {
        let store = self.store();
        let table = self.snapshot();
        let draft = Draft::of(&store, &table, domains, request)?;
        drop(store);
        let changes = table.plan(&draft.edits, request.at).map_err(StepFailure::Problems)?;
        Ok(Rehearsed { table, changes, courses: draft.courses, mailboxes: draft.mailboxes })
    }

    /// Mailboxes in cutover now.
    pub fn cutovers(&self) -> Vec<Cutover> {
        self.cut_over().list()
    }

    /// Takes these cutovers back to the state and the home of before them, and leaves alone each
    /// whose row is no longer the one that was looked at. Blocks on the disk.
    pub fn end_cutovers(
        &self,
        domains: &Domains,
        due: &[Cutover],
        reason: &str,
        at: Timestamp,
    ) -> Result<Committed, EditError> {
        let mut store = self.store();
        let table = self.snapshot();
        let mut edits = Vec::new();
        for it in due {
            let same = |entry: &&Entry| {
                entry.generation == it.generation && entry.state == MoveState::Cutover
            };
            let Some(entry) = table.get(&it.key).filter(same) else { continue };
            let way = way_here(&store.history_of(&it.key)?).0;
            edits.push(put(entry, step_back(entry, &way, domains)));
        }
        let edit = EditRequest {
            edits,
            author: CUTOVER_ENDED_BY.into(),
            reason: reason.into(),
            expect_generation: None,
            at,
        };
        let changes = self.commit(&mut store, &table, &edit, &Because::default())?;
        let committed = self.committed(changes.as_ref());
        self.metrics().cutovers_expired.inc_by(committed.changed_n as u64);
        Ok(committed)
    }

    /// The row of a mailbox, or of the mailbox that has this alias.
    pub fn move_row(&self, key: &AddressKey) -> Option<MoveRow> {
        self.current().find(key).map(|it| self.with_since(it.entry()))
    }

    /// When the state of a row began.
    pub fn with_since(&self, entry: &Entry) -> MoveRow {
        let cut = self.cut_over().get(&entry.address.key());
        let cut = cut.filter(|it| it.generation == entry.generation);
        MoveRow { entry: entry.clone(), since: cut.map_or(entry.changed_at, |it| it.since) }
    }
}

impl Draft {
    fn of(
        store: &Store,
        table: &Table,
        domains: &Domains,
        request: &StepRequest,
    ) -> Result<Self, StepFailure> {
        let mut draft = Self::default();
        match &request.steps {
            Steps::Of(steps) => {
                for it in steps {
                    draft.one(store, table, domains, request, it)?;
                }
            }
            Steps::Batch { batch, from, to } => {
                draft.batch(store, table, domains, (batch, *from, *to))?;
            }
        }
        if !draft.conflicts.is_empty() {
            return Err(StepFailure::Conflicts(draft.conflicts));
        }
        if !draft.problems.is_empty() {
            return Err(StepFailure::Problems(draft.problems));
        }
        Ok(draft)
    }

    fn one(
        &mut self,
        store: &Store,
        table: &Table,
        domains: &Domains,
        request: &StepRequest,
        it: &MoveStep,
    ) -> Result<(), DirectoryError> {
        let entry = table.get(&it.key);
        let Some(entry) = entry.filter(|entry| entry.generation == it.expect) else {
            let done = match entry {
                Some(entry) => made_before(store, entry, request, it)?,
                None => false,
            };
            if done {
                self.mailboxes.push(it.key.clone());
            } else {
                self.conflicts.push(RowConflict {
                    address: it.key.to_string(),
                    expected: Some(it.expect),
                    actual: entry.map(|it| (it.generation, it.state)),
                });
            }
            return Ok(());
        };
        self.add(store, domains, entry, it.to, it.home.as_ref())
    }

    fn batch(
        &mut self,
        store: &Store,
        table: &Table,
        domains: &Domains,
        (batch, from, to): (&str, MoveState, MoveState),
    ) -> Result<(), DirectoryError> {
        let rows = table.page(None, usize::MAX, |it| it.batch.as_deref() == Some(batch));
        for entry in &rows {
            if entry.state == to {
                self.mailboxes.push(entry.address.key());
            } else if entry.state == from {
                self.add(store, domains, entry, to, None)?;
            } else {
                self.conflicts.push(RowConflict {
                    address: entry.address.to_string(),
                    expected: None,
                    actual: Some((entry.generation, entry.state)),
                });
            }
        }
        if rows.is_empty() {
            let message = format!("no mailbox is in batch {batch}");
            self.problems.push(Problem { address: batch.to_owned(), column: "batch", message });
        }
        Ok(())
    }

    fn add(
        &mut self,
        store: &Store,
        domains: &Domains,
        entry: &Entry,
        to: MoveState,
        home: Option<&SiteName>,
    ) -> Result<(), DirectoryError> {
        let key = entry.address.key();
        let (way, _) = way_here(&store.history_of(&key)?);
        match step(domains, entry, &way, to, home) {
            Ok(standing) => {
                self.edits.push(put(entry, standing));
                self.seen.push((key.clone(), entry.generation));
                self.courses.insert(key.clone(), Course::of(entry, &way, to));
            }
            Err(error) => {
                let column = match error {
                    router::StepError::NoEdge { .. } | router::StepError::NotFromThere { .. } => {
                        "to"
                    }
                    _ => "home",
                };
                let (address, message) = (entry.address.to_string(), error.to_string());
                self.problems.push(Problem { address, column, message });
            }
        }
        self.mailboxes.push(key);
        Ok(())
    }
}

/// Whether the row is as it is because of this very step: it stood at the expected generation
/// right before, and who changed it, and why, are those of this request.
fn made_before(
    store: &Store,
    entry: &Entry,
    request: &StepRequest,
    it: &MoveStep,
) -> Result<bool, DirectoryError> {
    if entry.state != it.to || it.home.as_ref().is_some_and(|home| *home != entry.home) {
        return Ok(false);
    }
    let past = store.history_of(&it.key)?;
    let follows = past
        .iter()
        .any(|was| was.entry.generation == it.expect && was.until == Some(entry.generation));
    if !follows {
        return Ok(false);
    }
    let made = store.history(Some(entry.generation + 1), 1)?;
    Ok(made.first().is_some_and(|made| {
        made.generation == entry.generation
            && made.author == request.author
            && made.reason == request.reason
    }))
}

fn put(entry: &Entry, standing: Standing) -> Edit {
    Edit::Put(Box::new(Put {
        address: entry.address.clone(),
        home: standing.home,
        home_said: true,
        state: StateRule::Is(standing.state),
        batch: Field::Keep,
        cloud_address: Field::Keep,
        aliases: Field::Keep,
        note: Field::Keep,
    }))
}

/// What the past of a row, the oldest first, says of its way, and when its state began. A row
/// that was removed and came again has no past from before that.
pub(crate) fn way_here(past: &[PastEntry]) -> (WayHere, Option<Timestamp>) {
    let mut way = WayHere::default();
    let Some(current) = past.last() else { return (way, None) };
    let state = current.entry.state;
    let mut since = current.entry.changed_at;
    let mut in_state = true;
    let mut until = current.until;
    for row in past.iter().rev() {
        if row.until != until {
            break;
        }
        until = Some(row.entry.generation);
        in_state &= row.entry.state == state;
        if in_state {
            since = row.entry.changed_at;
        }
        if !in_state && state == MoveState::Cutover && way.before_cutover.is_none() {
            way.before_cutover = Some(Standing::from(&row.entry));
        }
        let at_origin = matches!(row.entry.state, MoveState::OnPrem | MoveState::Syncing);
        if at_origin && way.origin.is_none() {
            way.origin = Some(row.entry.home.clone());
        }
    }
    (way, Some(since))
}
