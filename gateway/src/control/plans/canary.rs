//! A canary: the first rows of a plan are applied, and what becomes of their mail decides.

use std::collections::HashSet;
use std::time::Duration;

use admin::BackendError;
use api::{Canary, Plan, PlanState};
use mail::{Address, AddressKey, Timestamp};
use router::RowChange;

use super::document::{Document, Kept};
use crate::control::Control;
use crate::rails::Way;

/// So many outcomes must be seen before a share of them says anything.
const OUTCOMES_MIN: u64 = 5;
const AFTER_SECONDS: u64 = 900;
const BOUNCE_PERCENT_MAX: u8 = 2;

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
        let n = usize::try_from(progress.rows).unwrap_or(usize::MAX);
        let (now, id) = (self.now(), kept.id);
        if !self.planner.watches(id) {
            let rows = self.rows(id).await?;
            let watch =
                self.delivery.watch_outcomes(keys(&rows[..n.min(rows.len())]), progress.generation);
            self.planner.watch(id, watch, (progress.delivered, progress.bounced));
        }
        let seen = self.planner.seen(id);
        let lasted = now.since(Timestamp::from_micros(kept.document.canary_since));
        let mut document = kept.document.clone();
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
                let kept = Kept { document, ..kept };
                let plan = self.roll_back(&kept, why.clone()).await?;
                self.watched.happened.canary_went_back(&plan.id, &why, now);
                Ok(())
            }
            Next::Wait if seen == (progress.delivered, progress.bounced) => Ok(()),
            Next::Wait => self.step_to(&kept, document).await.map(drop),
        }
    }

    /// The rest follows, if nothing stands in its way now.
    async fn widen(&self, kept: &Kept, document: Document, n: usize) -> Result<(), BackendError> {
        let rows = self.rows(kept.id).await?;
        let rest: Vec<RowChange> = rows.into_iter().skip(n).collect();
        // What was confirmed was all of it.
        let mut asked = document.clone();
        asked.confirmed = None;
        let author = document.plan.author.clone();
        let judged = self.judged(&asked, rest, Way::Plan, &author).await;
        let (judged, rest) = match judged {
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
        let applied = |document: &mut Document, generation: u64| {
            document.plan.state = PlanState::Applied;
            document.plan.generation = Some(generation);
            document.plan.blocked.clear();
        };
        let put = self.put(kept, document.clone(), rest, None, applied).await;
        self.planner.forget(kept.id);
        match put {
            Err(error @ (BackendError::RowsChanged { .. } | BackendError::Invalid { .. })) => {
                self.fail(kept, document, error.to_string()).await
            }
            other => other.map(drop),
        }
    }

    /// Takes the first rows back; rows that somebody changed since stay as they are, and the plan
    /// fails with them.
    pub(super) async fn roll_back(&self, kept: &Kept, why: String) -> Result<Plan, BackendError> {
        let n = kept.document.plan.canary_progress.as_ref().map_or(0, |it| it.rows);
        let rows = self.rows(kept.id).await?;
        let first = rows.into_iter().take(usize::try_from(n).unwrap_or(usize::MAX));
        let back: Vec<RowChange> =
            first.map(|it| RowChange { before: it.after, after: it.before }).collect();
        let mut document = kept.document.clone();
        document.plan.failure = Some(why.clone());
        let undone = |document: &mut Document, generation: u64| {
            document.plan.state = PlanState::RolledBack;
            document.plan.generation = Some(generation);
        };
        self.planner.forget(kept.id);
        match self.put(kept, document.clone(), back, None, undone).await {
            Err(BackendError::RowsChanged { conflicts, .. }) => {
                let n = conflicts.len();
                let why = format!("{why}; {n} of its first rows were changed since and stay");
                document.plan.state = PlanState::Failed;
                document.plan.failure = Some(why);
                self.step_to(kept, document).await
            }
            other => other,
        }
    }

    pub(super) async fn fail(
        &self,
        kept: &Kept,
        mut document: Document,
        why: String,
    ) -> Result<(), BackendError> {
        let in_force =
            document.plan.canary_progress.as_ref().filter(|_| kept.state() == PlanState::Canary);
        let why = match in_force {
            Some(it) => format!("{why}; generation {} with its first rows stays", it.generation),
            None => why,
        };
        tracing::error!(plan = kept.plan().id, why, "A plan has failed.");
        self.planner.forget(kept.id);
        document.plan.state = PlanState::Failed;
        document.plan.failure = Some(why);
        self.step_to(kept, document).await.map(drop)
    }
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
