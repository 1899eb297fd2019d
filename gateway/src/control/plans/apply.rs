//! Approve, cancel, apply: what people do to a plan.

use std::sync::Arc;

use admin::{Author, BackendError};
use api::{ApplyRequest, Canary, CanaryProgress, Plan, PlanState, RailOverride};
use directory::{Application, ApplyError, Because};
use router::RowChange;

use super::canary::keys;
use super::document::{Document, Kept, meanwhile, name};
use super::judge::{Court, Judged, Pass, rows_changed};
use crate::control::Control;
use crate::control::table::{blocking, edit_problems};
use crate::rails::Way;

const REASON_CHARS_MAX: usize = 500;

impl Control {
    pub(super) async fn approve(&self, id: String, by: Author) -> Result<Plan, BackendError> {
        let kept = self.kept(&id).await?;
        let mut document = kept.document.clone();
        let plan = &mut document.plan;
        match plan.state {
            PlanState::AwaitingApproval | PlanState::Ready | PlanState::Checking => (),
            other => return Err(is_not_open(&kept.plan(), other)),
        }
        if plan.author == by.0 {
            return Err(BackendError::Blocked(vec![api::Blocked {
                rail: api::Rail::SecondPerson,
                message: format!("{} has made the plan and cannot approve it", by.0),
                hint: "ask somebody else to look at it".to_owned(),
                rows: plan.added + plan.changed + plan.removed,
                examples: Vec::new(),
                overridable: false,
                overridden_by: None,
            }]));
        }
        if !plan.approvers.contains(&by.0) {
            plan.approvers.push(by.0);
        }
        plan.blocked.retain(|it| it.rail != api::Rail::SecondPerson);
        if plan.state == PlanState::AwaitingApproval {
            plan.state = PlanState::Ready;
        }
        self.step_to(&kept, document).await
    }

    /// A canary goes back.
    pub(super) async fn cancel(&self, id: String, by: Author) -> Result<Plan, BackendError> {
        let kept = self.kept(&id).await?;
        if kept.state().is_over() {
            return Err(is_not_open(&kept.plan(), kept.state()));
        }
        let why = format!("cancelled by {}", by.0);
        if kept.state() == PlanState::Canary {
            return self.roll_back(&kept, why).await;
        }
        let mut document = kept.document.clone();
        document.plan.state = PlanState::Cancelled;
        document.plan.failure = Some(why);
        self.step_to(&kept, document).await
    }

    pub(super) async fn apply(
        &self,
        id: String,
        request: ApplyRequest,
        by: Author,
    ) -> Result<Plan, BackendError> {
        check_overrides(&request.overrides)?;
        let kept = self.kept(&id).await?;
        match kept.state() {
            PlanState::Ready | PlanState::AwaitingApproval => (),
            other => return Err(is_not_open(&kept.plan(), other)),
        }
        let generation = self.routes.generation();
        if request.expect_generation.is_some_and(|it| it != generation) {
            return Err(BackendError::Conflict { generation });
        }
        let due = kept.document.is_due(self.now());
        let rows = self.rows(kept.id).await?;
        let mut document = kept.document.clone();
        document.plan.overrides.clone_from(&request.overrides);
        document.confirmed.clone_from(&request.confirm);
        let way = if due { Way::Plan } else { Way::Later };
        let (judged, rows) = self.judged(&document, rows, way, &by.0).await?;
        document.plan.blocked.clone_from(&judged.blocked);
        document.plan.confirm.clone_from(&judged.confirm);
        document.plan.checked_at = Some(self.now().to_string());
        self.rails.count(&judged.blocked, &judged.left);
        if !judged.left.is_empty() {
            document.plan.overrides.clear();
            document.confirmed = None;
            // What it says is news to whoever looks at it next; that it is not kept if somebody else
            // was faster does not matter.
            let _ = self.step_to(&kept, document).await;
            return Err(BackendError::Blocked(judged.left));
        }
        self.log_overrides(&kept, &document, &by.0);
        if !due {
            document.plan.state = PlanState::Scheduled;
            document.author_known = self.may_plan(&document.plan.author);
            return self.step_to(&kept, document).await;
        }
        self.begin(&kept, document, rows, request.expect_generation).await
    }

    /// Whether there is an account or a token of that name which may make plans.
    pub(super) fn may_plan(&self, author: &str) -> bool {
        let role = self.access.role_of(author, self.now());
        role.is_some_and(|it| it >= api::Role::Operator)
    }

    fn log_overrides(&self, kept: &Kept, document: &Document, by: &str) {
        for it in &document.plan.overrides {
            let (plan, rail) = (name(kept.id), it.rail.as_str());
            tracing::warn!(plan, rail, by, reason = it.reason, "A rail is overridden.");
        }
    }

    /// Holds the rows against the table and the rails with what the document says.
    pub(super) async fn judged(
        &self,
        document: &Document,
        rows: Vec<RowChange>,
        way: Way,
        by: &str,
    ) -> Result<(Judged, Vec<RowChange>), BackendError> {
        let court = Court {
            config: self.config.load_full(),
            routes: Arc::clone(&self.routes),
            now: self.now(),
        };
        let refused = document.refusals();
        let pass = Pass {
            way,
            overrides: document.plan.overrides.clone(),
            by: by.to_owned(),
            confirm: document.confirmed.clone(),
            wants_second: document.plan.second_person,
            approved: !document.plan.approvers.is_empty(),
        };
        blocking(move || {
            let judged = court.judge(&rows, &refused, &pass)?;
            Ok((judged, rows))
        })
        .await
    }

    /// Puts all rows into the table, or those of the canary.
    pub(super) async fn begin(
        &self,
        kept: &Kept,
        document: Document,
        rows: Vec<RowChange>,
        expect_generation: Option<u64>,
    ) -> Result<Plan, BackendError> {
        let first = document.plan.canary.as_ref().map(|it| canary_rows(it, rows.len()));
        let Some(n) = first.filter(|it| *it < rows.len()) else {
            let applied = |document: &mut Document, generation: u64| {
                document.plan.state = PlanState::Applied;
                document.plan.generation = Some(generation);
                document.plan.blocked.clear();
            };
            return self.put(kept, document, rows, expect_generation, applied).await;
        };
        let (now, part) = (self.now(), rows[..n].to_vec());
        let watched = keys(&part);
        let begun = move |document: &mut Document, generation: u64| {
            document.plan.state = PlanState::Canary;
            document.plan.canary_progress = Some(CanaryProgress {
                rows: n as u64,
                generation,
                since: now.to_string(),
                ..CanaryProgress::default()
            });
            document.canary_since = now.as_micros();
        };
        let plan = self.put(kept, document, part, expect_generation, begun).await?;
        // At once: mail of the next moment counts as well.
        if let Some(progress) = &plan.canary_progress {
            let watch = self.delivery.watch_outcomes(watched, progress.generation);
            self.planner.watch(kept.id, watch, (0, 0));
        }
        Ok(plan)
    }

    /// Rows into the table and the plan into its new state, together or not at all.
    pub(super) async fn put(
        &self,
        kept: &Kept,
        document: Document,
        rows: Vec<RowChange>,
        expect_generation: Option<u64>,
        becomes: impl Fn(&mut Document, u64) + Send + 'static,
    ) -> Result<Plan, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let (owner, at) = (kept.clone(), self.now());
        let plan = document.plan.clone();
        let (committed, document) = blocking(move || {
            let new = |generation: u64| {
                let mut document = document.clone();
                becomes(&mut document, generation);
                document
            };
            let application = Application {
                rows: &rows,
                author: document.plan.author.clone(),
                reason: document.plan.reason.clone().unwrap_or_default(),
                because: because(&owner, &document),
                at,
                expect_generation,
                step: &|generation| owner.step(&new(generation)),
            };
            let committed = directory.apply(&application).map_err(apply_error)?;
            let document = new(committed.generation);
            Ok((committed, document))
        })
        .await?;
        self.committed(&committed, &plan.author, plan.reason.as_deref().unwrap_or_default());
        let plan = Plan { id: name(kept.id), ..document.plan };
        self.tell_plan(&plan);
        Ok(plan)
    }
}

/// What one says to somebody who comes too late or too early.
pub(super) fn is_not_open(plan: &Plan, state: PlanState) -> BackendError {
    let (what, hint) = match state {
        PlanState::Checking => ("is still being checked", "wait a moment, and look at it again"),
        PlanState::Scheduled => ("waits for its time", "cancel it to make another"),
        PlanState::Canary => ("is being tried with its first rows", "cancel it to go back"),
        PlanState::Applied => ("is applied already", "make another plan"),
        PlanState::RolledBack => ("was rolled back", "look at its failure, then make another"),
        PlanState::Cancelled => ("is cancelled", "make another plan"),
        PlanState::Failed => ("has failed", "look at its failure, then make another"),
        PlanState::Ready | PlanState::AwaitingApproval => ("is open", "apply it"),
    };
    BackendError::Refused {
        detail: format!("plan {} {what}", plan.id),
        hint: Some(hint.to_owned()),
    }
}

pub(in crate::control) fn check_overrides(overrides: &[RailOverride]) -> Result<(), BackendError> {
    for it in overrides {
        let n = it.reason.trim().chars().count();
        if !(1..=REASON_CHARS_MAX).contains(&n) {
            let message = format!(
                "an override wants a reason of 1 to {REASON_CHARS_MAX} characters: it goes into the history"
            );
            return Err(BackendError::invalid(it.rail.as_str(), message));
        }
    }
    Ok(())
}

fn because(kept: &Kept, document: &Document) -> Because {
    let plan = &document.plan;
    let used = |it: &&RailOverride| {
        plan.blocked
            .iter()
            .any(|blocked| blocked.rail == it.rail && blocked.overridden_by.is_some())
    };
    let word = |it: &RailOverride| format!("{}: {}", it.rail.as_str(), it.reason.trim());
    Because {
        ticket: plan.ticket.clone(),
        plan: Some(name(kept.id)),
        approvers: plan.approvers.clone(),
        overrides: plan.overrides.iter().filter(used).map(word).collect(),
    }
}

fn canary_rows(canary: &Canary, rows: usize) -> usize {
    let by_percent = |it: u8| (rows * usize::from(it)).div_ceil(100);
    let n = canary.recipients.map(|it| it as usize).or_else(|| canary.percent.map(by_percent));
    n.unwrap_or(1).max(1)
}

pub(super) fn apply_error(error: ApplyError) -> BackendError {
    match error {
        ApplyError::Conflict { actual, .. } => BackendError::Conflict { generation: actual },
        ApplyError::Rows { generation, rows } => rows_changed(generation, &rows),
        ApplyError::Problems(problems) => edit_problems(problems),
        ApplyError::Plan => meanwhile(),
        ApplyError::Store(error) => BackendError::Failed { detail: error.to_string() },
    }
}
