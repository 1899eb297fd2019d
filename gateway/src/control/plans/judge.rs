//! A plan's rows against the table and the rails of this moment.

use std::sync::Arc;

use admin::BackendError;
use api::{Blocked, RailOverride, RowConflict};
use config::{Config, SecondPerson};
use deliver::Routes;
use mail::Timestamp;
use router::{Changes, Misfit, Refusal, RowChange};

use crate::control::table::{entry, problem};
use crate::rails::{Rails, Way, left, second_person};

/// What is known of who wants to pass.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    pub(super) way: Way,
    pub(super) overrides: Vec<RailOverride>,
    pub(super) by: String,
    pub(super) confirm: Option<String>,
    pub(super) wants_second: bool,
    pub(super) approved: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) changes: Changes,
    /// Every rail, those that are overridden marked as such.
    pub(super) blocked: Vec<Blocked>,
    /// Those that stay in the way.
    pub(super) left: Vec<Blocked>,
    pub(super) confirm: Option<String>,
    pub(super) needs_second: bool,
}

/// What asking takes, to be moved to a thread that may block.
pub(super) struct Court {
    pub(super) config: Arc<Config>,
    pub(super) routes: Arc<Routes>,
    pub(super) now: Timestamp,
}

impl Court {
    /// Blocks: reads the table once or twice when the change is large.
    pub(super) fn judge(
        &self,
        rows: &[RowChange],
        refused: &[Refusal],
        pass: &Pass,
    ) -> Result<Judged, BackendError> {
        let table = self.routes.directory().snapshot();
        let changes = table.carry(rows, self.now).map_err(|it| misfit(it, table.generation()))?;
        let rails = Rails { config: &self.config, routes: &self.routes, now: self.now };
        let mut blocked = rails.hold_against(&table, &changes, refused, pass.way);
        let is_large =
            |it: &&Blocked| matches!(it.rail, api::Rail::LargeChange | api::Rail::DomainRow);
        let confirm = blocked.iter().filter(is_large).map(|it| it.rows).max();
        let confirm =
            confirm.map(|n| router::confirmation(usize::try_from(n).unwrap_or(usize::MAX)));
        for it in blocked.iter_mut().filter(|it| is_large(&&**it)) {
            let text = confirm.as_deref().unwrap_or_default();
            it.hint =
                format!("look at the rows; if it is meant, repeat it with --confirm \"{text}\"");
        }
        let needs_second = match self.config.rails.second_person {
            SecondPerson::Always => true,
            SecondPerson::Large => confirm.is_some() || pass.wants_second,
            SecondPerson::Off => pass.wants_second,
        };
        let confirmed = confirm.is_some() && confirm == pass.confirm;
        let mut left = left(&mut blocked, &pass.overrides, &pass.by, confirmed);
        if needs_second && !pass.approved {
            let why = "somebody other than its author has to agree";
            let it = second_person(why, &changes);
            blocked.push(it.clone());
            left.push(it);
        }
        Ok(Judged { changes, blocked, left, confirm, needs_second })
    }
}

pub(super) fn misfit(misfit: Misfit, generation: u64) -> BackendError {
    match misfit {
        Misfit::Conflicts(rows) => rows_changed(generation, &rows),
        Misfit::Problems(problems) => BackendError::Invalid {
            detail: "Nothing was changed.".into(),
            errors: problems.into_iter().map(problem).collect(),
        },
    }
}

/// Conflicts that are told; more are of no use.
const CONFLICTS_MAX: usize = 1_000;

pub(super) fn rows_changed(generation: u64, rows: &[router::RowConflict]) -> BackendError {
    let row = |it: &Option<Arc<router::Row>>| it.as_ref().map(|it| entry(it));
    let conflict = |it: &router::RowConflict| RowConflict {
        address: [&it.base, &it.theirs, &it.yours]
            .into_iter()
            .flatten()
            .next()
            .map(|it| it.address.to_string())
            .unwrap_or_default(),
        base: row(&it.base),
        theirs: row(&it.theirs),
        yours: row(&it.yours),
        ..RowConflict::default()
    };
    let conflicts = rows.iter().take(CONFLICTS_MAX).map(conflict).collect();
    BackendError::RowsChanged { generation, conflicts }
}
