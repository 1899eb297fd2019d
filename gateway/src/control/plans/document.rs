//! A plan as it is kept. Layout: docs/formats/table.md.

use std::sync::Arc;

use admin::BackendError;
use api::{Plan, PlanEvent, PlanState};
use directory::{PlanStep, StoredPlan};
use mail::{SiteName, Timestamp};
use router::{Refusal, RowChange};
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::control::table::blocking;

/// Everything but the rows. Fields are added, with a default, and never change their meaning.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Document {
    /// As the API shows it, without its id.
    pub(super) plan: Plan,
    #[serde(default)]
    pub(super) refused: Vec<KeptRefusal>,
    /// Microseconds since 1970.
    #[serde(default)]
    pub(super) due: Option<u64>,
    #[serde(default)]
    pub(super) expires: u64,
    /// The text of `confirm` was repeated.
    #[serde(default)]
    pub(super) confirmed: Option<String>,
    #[serde(default)]
    pub(super) canary_since: u64,
    /// There was an account or token of its author's name when it was given a time: there has to be one
    /// when the time has come.
    #[serde(default)]
    pub(super) author_known: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptRefusal {
    pub(super) recipient: String,
    pub(super) site: String,
    pub(super) reply: String,
}

impl From<Refusal> for KeptRefusal {
    fn from(it: Refusal) -> Self {
        Self { recipient: it.recipient, site: it.site.to_string(), reply: it.reply }
    }
}

impl Document {
    pub(super) fn refusals(&self) -> Vec<Refusal> {
        let refusal = |it: &KeptRefusal| Refusal {
            recipient: it.recipient.clone(),
            site: SiteName::new(&it.site),
            reply: it.reply.clone(),
        };
        self.refused.iter().map(refusal).collect()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a plan has text keys")
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_none_or(|it| it <= now.as_micros())
    }
}

/// A plan out of the store.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) id: u64,
    /// The document as it is in the store, for the next step.
    pub(super) seen: String,
    pub(super) document: Document,
}

impl Kept {
    pub(super) fn read(stored: StoredPlan) -> Result<Self, BackendError> {
        let document: Document = serde_json::from_str(&stored.document).map_err(|why| {
            let detail = format!("plan {} cannot be read: {why}", name(stored.id));
            BackendError::Failed { detail }
        })?;
        Ok(Self { id: stored.id, seen: stored.document, document })
    }

    pub(super) fn plan(&self) -> Plan {
        Plan { id: name(self.id), ..self.document.plan.clone() }
    }

    pub(super) const fn state(&self) -> PlanState {
        self.document.plan.state
    }

    pub(super) fn step(&self, to: &Document) -> PlanStep {
        PlanStep {
            id: self.id,
            expect: self.seen.clone(),
            state: to.plan.state.as_str().to_owned(),
            is_over: to.plan.state.is_over(),
            document: to.text(),
        }
    }
}

pub(super) fn name(id: u64) -> String {
    format!("p{id}")
}

pub(super) fn number(id: &str) -> Result<u64, BackendError> {
    let digits = id.strip_prefix('p').unwrap_or(id);
    digits.parse().map_err(|_| BackendError::not_found(format!("plan {id}")))
}

pub(super) fn failed(error: directory::DirectoryError) -> BackendError {
    BackendError::Failed { detail: error.to_string() }
}

pub(super) fn meanwhile() -> BackendError {
    BackendError::Refused {
        detail: "somebody else did something to the plan at the same time".to_owned(),
        hint: Some("look at it again".to_owned()),
    }
}

impl Control {
    pub(super) async fn kept(&self, id: &str) -> Result<Kept, BackendError> {
        let number = number(id)?;
        let directory = Arc::clone(self.routes.directory());
        let stored = blocking(move || directory.plan(number).map_err(failed)).await?;
        Kept::read(stored.ok_or_else(|| BackendError::not_found(format!("plan {id}")))?)
    }

    /// The rows of the plan of that name.
    pub(in crate::control) async fn rows_of_stored(
        &self,
        id: &str,
    ) -> Result<Vec<RowChange>, BackendError> {
        self.rows(number(id)?).await
    }

    pub(super) async fn rows(&self, id: u64) -> Result<Vec<RowChange>, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let rows = blocking(move || directory.plan_rows(id).map_err(failed)).await?;
        let missing = || BackendError::not_found(format!("plan {}", name(id)));
        rows.map(|it| it.0).ok_or_else(missing)
    }

    /// Makes the plan what `to` says, unless somebody was faster.
    pub(super) async fn step_to(&self, kept: &Kept, to: Document) -> Result<Plan, BackendError> {
        let step = kept.step(&to);
        let directory = Arc::clone(self.routes.directory());
        let stepped = blocking(move || directory.step_plan(&step).map_err(failed)).await?;
        if !stepped {
            return Err(meanwhile());
        }
        let plan = Plan { id: name(kept.id), ..to.plan };
        if plan.state != kept.state() {
            self.tell_plan(&plan);
        }
        self.planner.changed();
        Ok(plan)
    }

    pub(super) fn tell_plan(&self, plan: &Plan) {
        if plan.state == PlanState::Applied {
            self.watched.happened.plan_applied();
        }
        let state = plan.state.as_str();
        tracing::info!(
            plan = plan.id,
            state,
            author = plan.author,
            why = plan.failure.as_deref().unwrap_or_default(),
            "A plan has come on."
        );
        let at = self.now().to_string();
        self.events.plan(PlanEvent { at, id: plan.id.clone(), state: state.to_owned() });
        self.planner.changed();
    }
}
