//! Plans: changes of the table that are looked at before they are made.

use api::{
    ApplyRequest, Blocked, ChainReport, DiffQuery, EntryPatch, FieldError, Impact, Plan,
    PlanImport, PlanList, PlanQuery, PlanRequest, PlanState, Rail, RollbackRequest, RowKind,
    RowList, RowQuery, TableDiff, TableEdit, TableEdits,
};
use bytes::Bytes;

use super::{FakeBackend, State, ready};
use crate::{Answer, Author, BackendError};

/// A plan and what it is made of.
#[derive(Clone, Debug)]
pub struct FakePlan {
    pub plan: Plan,
    pub edits: Vec<TableEdit>,
}

const NOW: &str = "2026-01-05T08:00:00.000000Z";

/// Rails that are not overridden.
fn left(blocked: &[Blocked], overrides: &[Rail]) -> Vec<Blocked> {
    blocked.iter().filter(|it| !(it.overridable && overrides.contains(&it.rail))).cloned().collect()
}

pub(super) fn pass(blocked: &[Blocked], overrides: &[Rail]) -> Result<(), BackendError> {
    let left = left(blocked, overrides);
    if left.is_empty() { Ok(()) } else { Err(BackendError::Blocked(left)) }
}

fn make(state: &mut State, request: PlanRequest, author: Author) -> Result<Plan, BackendError> {
    let generation = state.table.generation();
    if request.base_generation.is_some_and(|it| it != generation) {
        return Err(BackendError::Conflict { generation });
    }
    let would = state.table.rehearse(&request.edits)?;
    let site =
        |it: Option<&api::Entry>| it.map_or_else(|| "on_prem".to_owned(), |it| it.home.clone());
    let impact = would.changes.iter().map(|it| Impact {
        domain: it.address.rsplit('@').next().unwrap_or_default().to_owned(),
        from: Some(site(it.before.as_ref())),
        to: Some(site(it.after.as_ref())),
        n: 1,
        ..Impact::default()
    });
    let (ready, waits) = (PlanState::Ready, PlanState::AwaitingApproval);
    let plan = Plan {
        id: format!("p{}", state.plans.len() + 1),
        state: if request.second_person { waits } else { ready },
        base_generation: generation,
        author: author.0,
        reason: request.reason,
        ticket: request.ticket,
        created_at: NOW.to_owned(),
        not_before: request.not_before,
        canary: request.canary,
        added: would.added,
        changed: would.changed,
        removed: would.removed,
        impact: impact.filter(|it| it.from != it.to).collect(),
        blocked: state.blocked.clone(),
        checked_at: Some(NOW.to_owned()),
        second_person: request.second_person,
        plan_hash: "00".repeat(32),
        expires_at: "2026-02-04T08:00:00.000000Z".to_owned(),
        ..Plan::default()
    };
    state.plans.push(FakePlan { plan: plan.clone(), edits: request.edits });
    Ok(plan)
}

fn find<'a>(state: &'a mut State, id: &str) -> Result<&'a mut FakePlan, BackendError> {
    let missing = || BackendError::not_found(format!("plan {id}"));
    state.plans.iter_mut().find(|it| it.plan.id == id).ok_or_else(missing)
}

fn refused(detail: &str) -> BackendError {
    BackendError::Refused { detail: detail.to_owned(), hint: None }
}

fn apply(
    state: &mut State,
    id: &str,
    request: &ApplyRequest,
    author: &Author,
) -> Result<Plan, BackendError> {
    let FakePlan { plan, edits } = find(state, id)?.clone();
    if plan.state != PlanState::Ready {
        return Err(refused(&format!("the plan is {}", plan.state.as_str())));
    }
    let overrides: Vec<Rail> = request.overrides.iter().map(|it| it.rail).collect();
    pass(&state.blocked, &overrides)?;
    if !state.conflicts.is_empty() {
        let (generation, conflicts) = (state.table.generation(), state.conflicts.clone());
        return Err(BackendError::RowsChanged { generation, conflicts });
    }
    let due = plan.not_before.is_none();
    let generation = match due {
        true => Some(state.table.edit(&TableEdits { edits, ..TableEdits::default() })?.generation),
        false => None,
    };
    state.log.push((author.0.clone(), format!("apply {id}")));
    let kept = &mut find(state, id)?.plan;
    kept.state = if due { PlanState::Applied } else { PlanState::Scheduled };
    kept.generation = generation;
    kept.overrides.clone_from(&request.overrides);
    Ok(kept.clone())
}

fn rows_of(csv: &[u8], home: Option<&String>) -> Result<Vec<TableEdit>, BackendError> {
    let text = String::from_utf8_lossy(csv);
    let mut errors = Vec::new();
    let mut edits = Vec::new();
    for (line, text) in text.lines().enumerate().skip(1) {
        let (address, own) = text.split_once(',').unwrap_or((text, ""));
        if !address.contains('@') {
            errors.push(FieldError::row(line as u64 + 1, "address", "want an address"));
        }
        let home = Some(own.to_owned()).filter(|it| !it.is_empty()).or_else(|| home.cloned());
        let entry = EntryPatch { home, ..EntryPatch::default() };
        edits.push(TableEdit::Set { address: address.to_owned(), entry });
    }
    if errors.is_empty() {
        return Ok(edits);
    }
    Err(BackendError::Invalid { detail: format!("{} mistakes in the file", errors.len()), errors })
}

impl crate::Plans for FakeBackend {
    fn make_plan(&self, request: PlanRequest, author: Author) -> Answer<'_, Plan> {
        self.change(move |state| make(state, request, author))
    }

    fn plan_import(&self, file: Bytes, options: PlanImport, author: Author) -> Answer<'_, Plan> {
        self.change(move |state| {
            let edits = rows_of(&file, options.home.as_ref())?;
            let PlanImport { reason, ticket, not_before, second_person, .. } = options.clone();
            let canary = options.canary();
            let request = PlanRequest {
                edits,
                reason,
                ticket,
                not_before,
                canary,
                second_person,
                ..PlanRequest::default()
            };
            make(state, request, author)
        })
    }

    fn plan_rollback(&self, request: RollbackRequest, author: Author) -> Answer<'_, Plan> {
        self.change(move |state| {
            let now = state.table.generation();
            let (from, to) = match (request.to_generation, request.undo_generation) {
                (Some(to), _) => (to, now),
                (None, undone) => (undone.unwrap_or(1).saturating_sub(1), undone.unwrap_or(1)),
            };
            let changes = state.table.diff(from, to)?;
            let edits = changes.into_iter().map(|it| match it.before {
                None => TableEdit::Remove { address: it.address },
                Some(old) => {
                    let entry = EntryPatch { home: Some(old.home), ..EntryPatch::default() };
                    TableEdit::Set { address: it.address, entry }
                }
            });
            let edits = edits.collect();
            make(
                state,
                PlanRequest { edits, reason: request.reason, ..PlanRequest::default() },
                author,
            )
        })
    }

    fn plans(&self, query: PlanQuery) -> Answer<'_, PlanList> {
        let state = self.state();
        let wanted = |it: &&FakePlan| query.state.is_none_or(|state| state == it.plan.state);
        let plans = state.plans.iter().rev().filter(wanted).map(|it| it.plan.clone());
        ready(Ok(PlanList { plans: plans.collect(), next_cursor: None }))
    }

    fn one_plan(&self, id: String) -> Answer<'_, Plan> {
        ready(find(&mut self.state(), &id).map(|it| it.plan.clone()))
    }

    fn plan_rows(&self, id: String, query: RowQuery) -> Answer<'_, RowList> {
        let mut state = self.state();
        let edits = find(&mut state, &id).map(|it| it.edits.clone());
        let rows = edits.and_then(|edits| state.table.rehearse(&edits)).map(|would| {
            let kind = |it: &api::Change| match (&it.before, &it.after) {
                (None, _) => RowKind::Add,
                (_, None) => RowKind::Remove,
                _ => RowKind::Change,
            };
            let wanted = |it: &api::Change| query.kind.is_none_or(|wanted| wanted == kind(it));
            would.changes.into_iter().filter(wanted).collect()
        });
        ready(rows.map(|rows| RowList { rows, next_cursor: None }))
    }

    fn approve_plan(&self, id: String, author: Author) -> Answer<'_, Plan> {
        self.change(move |state| {
            let plan = &mut find(state, &id)?.plan;
            if plan.state != PlanState::AwaitingApproval {
                return Err(refused(&format!("the plan is {}", plan.state.as_str())));
            }
            plan.state = PlanState::Ready;
            plan.approvers.push(author.0.clone());
            let plan = plan.clone();
            state.log.push((author.0, format!("approve {id}")));
            Ok(plan)
        })
    }

    fn cancel_plan(&self, id: String, author: Author) -> Answer<'_, Plan> {
        self.change(move |state| {
            let stays = !state.conflicts.is_empty();
            let plan = &mut find(state, &id)?.plan;
            if plan.state.is_over() {
                return Err(refused(&format!("the plan is {}", plan.state.as_str())));
            }
            plan.state = match (plan.state, stays) {
                (PlanState::Canary, false) => PlanState::RolledBack,
                (PlanState::Canary, true) => PlanState::Failed,
                _ => PlanState::Cancelled,
            };
            if plan.canary_progress.is_some() {
                plan.failure = Some(format!("cancelled by {}", author.0));
            }
            let plan = plan.clone();
            state.log.push((author.0, format!("cancel {id}")));
            Ok(plan)
        })
    }

    fn check_plan(&self, id: String, _: Author) -> Answer<'_, Plan> {
        self.change(move |state| {
            let blocked = state.blocked.clone();
            let plan = &mut find(state, &id)?.plan;
            plan.blocked = blocked;
            Ok(plan.clone())
        })
    }

    fn apply_plan(&self, id: String, request: ApplyRequest, author: Author) -> Answer<'_, Plan> {
        self.change(move |state| apply(state, &id, &request, &author))
    }

    fn table_diff(&self, query: DiffQuery) -> Answer<'_, TableDiff> {
        let state = self.state();
        let to = query.to.unwrap_or_else(|| state.table.generation());
        let rows = state.table.diff(query.from, to);
        ready(rows.map(|rows| TableDiff { from: query.from, to, rows, next_cursor: None }))
    }

    fn verify_table(&self) -> Answer<'_, ChainReport> {
        let revisions = self.state().table.generation();
        let head = (revisions > 0).then(|| "00".repeat(32));
        ready(Ok(ChainReport { whole: true, revisions, head, ..ChainReport::default() }))
    }
}
