//! What the gateway does to plans by itself: asks the sites, keeps times, tends canaries, gives up
//! what nobody wants any more. One task; every step of it survives a restart.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use admin::BackendError;
use api::PlanState;
use deliver::Watch;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::document::{Kept, failed, name};
use crate::control::Control;
use crate::control::table::blocking;
use crate::rails::Way;

const TICK: Duration = Duration::from_secs(1);
/// The store is asked for open plans this often, beside when one has changed.
const LOOK_EVERY: u32 = 60;

/// What is known of open plans beside what is in the store.
#[derive(Default)]
pub struct Planner {
    changed: AtomicBool,
    watches: Mutex<HashMap<u64, Canaried>>,
}

struct Canaried {
    watch: Arc<Watch>,
    /// Counted before the last restart.
    before: (u64, u64),
}

impl Planner {
    pub(super) fn changed(&self) {
        self.changed.store(true, Ordering::Release);
    }

    pub(super) fn watches(&self, id: u64) -> bool {
        self.watches.lock().contains_key(&id)
    }

    #[cfg(test)]
    pub(in crate::control) fn is_watching(&self) -> bool {
        !self.watches.lock().is_empty()
    }

    pub(super) fn watch(&self, id: u64, watch: Arc<Watch>, before: (u64, u64)) {
        self.watches.lock().insert(id, Canaried { watch, before });
    }

    /// Deliveries and bounces.
    pub(super) fn seen(&self, id: u64) -> (u64, u64) {
        let watches = self.watches.lock();
        let Some(it) = watches.get(&id) else { return (0, 0) };
        let (delivered, bounced) = it.watch.counts();
        (it.before.0 + delivered, it.before.1 + bounced)
    }

    pub(super) fn forget(&self, id: u64) {
        self.watches.lock().remove(&id);
    }
}

/// Runs until `stop`.
pub(crate) async fn keep_plans(control: Arc<Control>, stop: CancellationToken) {
    let mut open: Vec<Kept> = Vec::new();
    let mut ticks = 0_u32;
    let mut checks = Checks::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => (),
            () = stop.cancelled() => return,
        }
        if control.planner.changed.swap(false, Ordering::AcqRel) || ticks.is_multiple_of(LOOK_EVERY)
        {
            match control.open_plans().await {
                Ok(plans) => open = plans,
                Err(error) => {
                    control.planner.changed();
                    tracing::error!(%error, "Cannot look at the plans.");
                }
            }
        }
        ticks = ticks.wrapping_add(1);
        checks.look_after(&control, &open);
        for kept in &open {
            let tended = tokio::select! {
                tended = control.tend(kept.clone()) => tended,
                () = stop.cancelled() => return,
            };
            if let Err(error) = tended {
                control.planner.changed();
                tracing::warn!(plan = kept.plan().id, %error, "A plan does not come on.");
            }
        }
    }
}

/// Checks that take long: a site is asked for thousands at its own pace. They end with the task
/// that keeps them.
#[derive(Default)]
struct Checks {
    tasks: JoinSet<u64>,
    running: HashSet<u64>,
}

const CHECKS_MAX: usize = 4;

impl Checks {
    fn look_after(&mut self, control: &Arc<Control>, open: &[Kept]) {
        while let Some(ended) = self.tasks.try_join_next() {
            match ended {
                Ok(id) => drop(self.running.remove(&id)),
                // It is not known which; those that are still open are begun again.
                Err(_) => self.running.clear(),
            }
        }
        for kept in open.iter().filter(|it| it.state() == PlanState::Checking) {
            if self.running.len() >= CHECKS_MAX || !self.running.insert(kept.id) {
                continue;
            }
            let (control, kept) = (Arc::clone(control), kept.clone());
            self.tasks.spawn(async move {
                let id = kept.id;
                if let Err(error) = control.finish_check(kept).await {
                    tracing::warn!(plan = name(id), %error, "A plan could not be checked.");
                    control.planner.changed();
                }
                id
            });
        }
    }
}

impl Control {
    async fn open_plans(&self) -> Result<Vec<Kept>, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let stored = blocking(move || directory.open_plans().map_err(failed)).await?;
        let plans = stored.into_iter().filter_map(|it| {
            let kept = Kept::read(it);
            kept.map_err(|error| tracing::error!(%error, "A plan is left alone.")).ok()
        });
        Ok(plans.collect())
    }

    async fn tend(&self, kept: Kept) -> Result<(), BackendError> {
        let now = self.now();
        match kept.state() {
            PlanState::Canary => self.tend_canary(kept).await,
            _ if kept.document.expires <= now.as_micros() => {
                let mut document = kept.document.clone();
                document.plan.state = PlanState::Cancelled;
                document.plan.failure = Some("nobody applied it in time".to_owned());
                self.step_to(&kept, document).await.map(drop)
            }
            PlanState::Scheduled if kept.document.is_due(now) => self.apply_due(kept).await,
            _ => Ok(()),
        }
    }

    /// Its time has come. What stands in its way now is for people.
    async fn apply_due(&self, kept: Kept) -> Result<(), BackendError> {
        let rows = self.rows(kept.id).await?;
        let mut document = kept.document.clone();
        let author = document.plan.author.clone();
        if document.author_known && !self.may_plan(&author) {
            let why = format!(
                "blocked: its author {author} may make no plans any more; make it again if it is still wanted"
            );
            return self.fail(&kept, document, why).await;
        }
        let (judged, rows) = match self.judged(&document, rows, Way::Plan, &author).await {
            Ok(judged) => judged,
            Err(error) => return self.fail(&kept, document, error.to_string()).await,
        };
        self.rails.count(&judged.blocked, &judged.left);
        document.plan.blocked = judged.blocked;
        if !judged.left.is_empty() {
            let why: Vec<String> = judged.left.iter().map(|it| it.message.clone()).collect();
            return self.fail(&kept, document, format!("blocked: {}", why.join("; "))).await;
        }
        match self.begin(&kept, document.clone(), rows, None).await {
            Err(error @ (BackendError::RowsChanged { .. } | BackendError::Invalid { .. })) => {
                self.fail(&kept, document, error.to_string()).await
            }
            other => other.map(drop),
        }
    }
}
