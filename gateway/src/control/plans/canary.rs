//! A canary: the first rows of a plan are applied, and what becomes of their mail decides.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use admin::BackendError;
use api::{Canary, Plan, PlanState};
use directory::Committed;
use mail::{Address, AddressKey};
use router::{Fitting, RowChange};

use super::apply::{Signed, applied};
use super::document::{Document, Kept, Verdict, failed};
use crate::control::Control;
use crate::control::table::blocking;
use crate::rails::Way;

/// So many outcomes must be seen before a share of them says anything.
const OUTCOMES_MIN: u64 = 5;
const AFTER_SECONDS: u64 = 900;
const BOUNCE_PERCENT_MAX: u8 = 2;
/// How long it was looked on is kept this often: so much of it a crash may cost.
const KEEP_EVERY: Duration = Duration::from_secs(30);
/// Somebody changes a row between the look and the way back so often, and then it waits for the next tick.
const ATTEMPTS_MAX: usize = 5;
/// Rows that are named; of more their number is.
const NAMED_MAX: usize = 5;
/// In the history, of what nobody asked for.
const BY_ITSELF: &str = "causeway";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    GoOn,
    GoBack,
}

/// A pure function of what was agreed and what was seen.
pub(super) fn next(canary: &Canary, (delivered, bounced): (u64, u64), lasted: Duration) -> Next {
    let total = delivered + bounced;
    let max = u64::from(canary.bounce_percent_max.unwrap_or(BOUNCE_PERCENT_MAX));
    if total >= OUTCOMES_MIN && bounced * 100 > max * total {
        return Next::GoBack;
    }
    let by_count = canary.after_deliveries.is_some_and(|it| delivered >= u64::from(it));
    let default = canary.after_deliveries.is_none().then_some(AFTER_SECONDS);
    let by_time = canary.after_seconds.or(default).is_some_and(|it| lasted.as_secs() >= it);
    if by_count || by_time { Next::GoOn } else { Next::Wait }
}

impl Control {
    pub(super) async fn tend_canary(&self, kept: Kept) -> Result<(), BackendError> {
        let (Some(canary), Some(progress)) =
            (kept.document.plan.canary.clone(), kept.document.plan.canary_progress.clone())
        else {
            return Ok(());
        };
        let (id, observed) = (kept.id, Duration::from_micros(kept.document.canary_observed));
        // What was decided once stays so, whatever was seen since.
        let decided = kept.document.going_back.clone().or_else(|| self.planner.verdict(id));
        if let Some(verdict) = decided {
            return self.roll_back(kept, verdict).await.map(drop);
        }
        let n = usize::try_from(progress.rows).unwrap_or(usize::MAX);
        if !self.planner.watches(id) {
            let rows = self.rows(id).await?;
            let watch =
                self.delivery.watch_outcomes(keys(&rows[..n.min(rows.len())]), progress.generation);
            self.planner.watch(id, watch, (progress.delivered, progress.bounced), observed);
        }
        let (seen, lasted) = self.planner.seen(id);
        let mut document = kept.document.clone();
        document.canary_observed = u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX);
        if let Some(progress) = &mut document.plan.canary_progress {
            (progress.delivered, progress.bounced) = seen;
        }
        match next(&canary, seen, lasted) {
            Next::GoOn => self.widen(&kept, document, n).await,
            Next::GoBack => {
                let (delivered, bounced) = seen;
                let total = delivered + bounced;
                let why = format!("{bounced} of {total} outcomes of its first rows were bounces");
                tracing::warn!(plan = kept.plan().id, why, "A canary goes back.");
                let verdict = Verdict { by: BY_ITSELF.to_owned(), why };
                self.planner.decide(id, verdict.clone());
                // As it is in the store, with what was seen.
                let kept = Kept { document, ..kept };
                self.roll_back(kept, verdict).await.map(drop)
            }
            Next::Wait
                if seen == (progress.delivered, progress.bounced)
                    && lasted < observed + KEEP_EVERY =>
            {
                Ok(())
            }
            Next::Wait => self.step_to(&kept, document).await.map(drop),
        }
    }

    /// The rest follows, if nothing stands in its way now.
    async fn widen(&self, kept: &Kept, document: Document, n: usize) -> Result<(), BackendError> {
        let rows = self.rows(kept.id).await?;
        let rest: Vec<RowChange> = rows.into_iter().skip(n).collect();
        let Some(rest) = self.whose_sites_are_known(rest).await? else { return Ok(()) };
        // What was confirmed was all of it.
        let mut asked = document.clone();
        asked.confirmed = None;
        let by = document.applied_by();
        let (judged, rest) = match self.judged(&asked, rest, Way::Plan, &by).await {
            Ok(judged) => judged,
            Err(error) => return self.fail(kept, document, error.to_string()).await,
        };
        let asks =
            |it: &api::Blocked| !matches!(it.rail, api::Rail::LargeChange | api::Rail::DomainRow);
        let left: Vec<String> =
            judged.left.iter().filter(|it| asks(it)).map(|it| it.message.clone()).collect();
        if !left.is_empty() {
            return self.fail(kept, document, format!("the rest: {}", left.join("; "))).await;
        }
        let (applied, signed) = (applied(&rest), Signed::of(&document));
        match self.put(kept, document.clone(), rest, signed, applied).await {
            Err(error @ (BackendError::RowsChanged { .. } | BackendError::Invalid { .. })) => {
                self.fail(kept, document, error.to_string()).await
            }
            Err(other) => Err(other),
            Ok(_) => {
                self.planner.forget(kept.id);
                Ok(())
            }
        }
    }

    /// Takes back what the canary did. The verdict is on disk before anything is tried: what fails is
    /// tried again at the next tick, and never again is the canary a candidate to go on. Rows that
    /// somebody changed since stay as they are, and the plan fails with them.
    pub(super) async fn roll_back(
        &self,
        kept: Kept,
        verdict: Verdict,
    ) -> Result<Plan, BackendError> {
        let mut kept = kept;
        if kept.document.going_back.is_none() {
            let mut document = kept.document.clone();
            document.plan.failure = Some(format!("going back: {}", verdict.why));
            document.going_back = Some(verdict.clone());
            self.step_to(&kept, document.clone()).await?;
            kept = kept.after(document);
        }
        let verdict = kept.document.going_back.clone().unwrap_or(verdict);
        for _ in 0..ATTEMPTS_MAX {
            match self.take_back(&kept, &verdict).await {
                // Somebody changed one more row in this moment.
                Err(BackendError::RowsChanged { .. } | BackendError::Invalid { .. }) => (),
                Err(other) => return Err(other),
                Ok(plan) => {
                    self.planner.forget(kept.id);
                    if verdict.by == BY_ITSELF {
                        let why = plan.failure.as_deref().unwrap_or(&verdict.why);
                        self.watched.happened.canary_went_back(&plan.id, why, self.now());
                    }
                    return Ok(plan);
                }
            }
        }
        Err(BackendError::Busy { detail: "others change its first rows all the time".to_owned() })
    }

    async fn take_back(&self, kept: &Kept, verdict: &Verdict) -> Result<Plan, BackendError> {
        // What was so before it is not for the canary to take back.
        let made = kept.document.plan.canary_progress.as_ref().map_or(0, |it| it.generation);
        let (directory, at) = (Arc::clone(self.routes.directory()), self.now());
        let Fitting { rows, stay } = blocking(move || {
            let done =
                if made == 0 { Vec::new() } else { directory.rows_of(made).map_err(failed)? };
            let back = |it: RowChange| RowChange { before: it.after, after: it.before };
            let back = done.into_iter().map(back).collect();
            Ok(directory.snapshot().carry_what_fits(back, at))
        })
        .await?;
        let (state, why) = match stay.is_empty() {
            true => (PlanState::RolledBack, verdict.why.clone()),
            false => (PlanState::Failed, format!("{}; {}", verdict.why, what_stays(&stay))),
        };
        if state == PlanState::Failed {
            tracing::error!(plan = kept.plan().id, why, "A canary could not go back wholly.");
        }
        let signed = Signed {
            by: verdict.by.clone(),
            reason: format!("rolled back: {}", verdict.why),
            expect_generation: None,
        };
        let undone = move |document: &mut Document, done: &Committed| {
            document.plan.state = state;
            document.plan.failure = Some(why.clone());
            document.plan.generation = done.made();
        };
        self.put(kept, kept.document.clone(), rows, signed, undone).await
    }

    pub(super) async fn fail(
        &self,
        kept: &Kept,
        mut document: Document,
        why: String,
    ) -> Result<(), BackendError> {
        let in_force = document.plan.canary_progress.as_ref();
        let in_force =
            in_force.filter(|it| kept.state() == PlanState::Canary && it.generation != 0);
        let why = match in_force {
            Some(it) => format!("{why}; generation {} with its first rows stays", it.generation),
            None => why,
        };
        tracing::error!(plan = kept.plan().id, why, "A plan has failed.");
        document.plan.state = PlanState::Failed;
        document.plan.failure = Some(why);
        self.step_to(kept, document).await?;
        self.planner.forget(kept.id);
        Ok(())
    }
}

fn what_stays(stay: &[AddressKey]) -> String {
    let some: Vec<String> = stay.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = match stay.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let n = stay.len();
    format!(
        "{n} of its first rows were changed since, or an alias of theirs was given away, and stay: {}{more}",
        some.join(", ")
    )
}

/// By every address that the rows have afterwards.
pub(super) fn keys(rows: &[RowChange]) -> HashSet<AddressKey> {
    let after = rows.iter().filter_map(|it| it.after.as_ref());
    after.flat_map(|it| it.aliases.iter().map(Address::key).chain([it.key().clone()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_waits_goes_on_or_goes_back() {
        let canary = Canary {
            recipients: Some(5),
            percent: None,
            after_deliveries: Some(10),
            after_seconds: Some(60),
            bounce_percent_max: None,
        };
        let at = |seen, seconds| next(&canary, seen, Duration::from_secs(seconds));
        assert_eq!(at((0, 0), 59), Next::Wait);
        assert_eq!(at((0, 0), 60), Next::GoOn, "nobody wrote to them");
        assert_eq!(at((9, 0), 1), Next::Wait);
        assert_eq!(at((10, 0), 1), Next::GoOn);
        assert_eq!(at((0, 4), 1), Next::Wait, "four say nothing yet");
        assert_eq!(at((0, 4), 60), Next::GoOn);
        assert_eq!(at((4, 1), 1), Next::GoBack);
        assert_eq!(at((49, 1), 1), Next::GoOn, "two of a hundred are borne");
        assert_eq!(at((48, 1), 1), Next::GoBack);
    }
}
