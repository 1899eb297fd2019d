//! Steps of moves, held against the rails before they are made. Which rails a step meets is a
//! question of where it leads: docs/adr/0325.

use std::sync::Arc;

use admin::{Author, BackendError};
use api::{Blocked, FieldError, Moved, RailOverride, Transitioned, Transitions};
use directory::{
    Because, Judged, MoveRow, MoveStep, Rehearsed, RowConflict, StepFailure, StepRequest, Steps,
};
use mail::{Address, SiteName};
use router::{Changes, Course, Domains, MoveState, Refusal, Row, RowChange, Table, future_home};

use super::Control;
use super::table::{ASK_FOR, api_state, blocking, move_state, problem};
use crate::rails::{self, Rails, Way};

/// A row changes between the look and the step so often, and then it is given up.
const ATTEMPTS_MAX: usize = 5;

impl Control {
    pub(super) async fn step(
        &self,
        asked: Transitions,
        author: Author,
    ) -> Result<Transitioned, BackendError> {
        super::plans::check_overrides(&asked.overrides)?;
        let reason = reason(&asked);
        let request =
            StepRequest { steps: steps(&asked)?, author: author.0, reason, at: self.now() };
        for _ in 0..ATTEMPTS_MAX {
            let rehearsed = self.rehearse(&request).await?;
            let blocked = self.steps_blocked(&rehearsed).await?;
            if asked.dry_run {
                return Ok(self.would_be(&rehearsed, overridden(blocked, &asked, &request).0));
            }
            let (blocked, left) = overridden(blocked, &asked, &request);
            self.rails.count(&blocked, &left);
            if !left.is_empty() {
                return Err(BackendError::Blocked(left));
            }
            let judged = Judged { seen: rehearsed.seen(), because: because(&blocked, &asked) };
            match self.make_steps(request.clone(), judged, blocked).await {
                Err(Unmade::Others) => (),
                Err(Unmade::Refused(error)) => return Err(error),
                Ok(done) => return Ok(done),
            }
        }
        Err(BackendError::Busy { detail: "others move these mailboxes all the time".into() })
    }

    async fn rehearse(&self, request: &StepRequest) -> Result<Rehearsed, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let (domains, request) = (Arc::clone(&self.routes.domains()), request.clone());
        blocking(move || {
            directory
                .rehearse_steps(&domains, &request)
                .map_err(|it| failure(it, directory.current().generation()))
        })
        .await
    }

    /// Every rail that the steps run into. Asks the future homes, for as long as somebody waits.
    async fn steps_blocked(&self, rehearsed: &Rehearsed) -> Result<Vec<Blocked>, BackendError> {
        let domains = Arc::clone(&self.routes.domains());
        let (on, back) = by_course(rehearsed, &domains);
        let (config, routes) = (self.config.load_full(), Arc::clone(&self.routes));
        let sites = rails::to_ask(&domains, &on);
        let refused: Vec<Refusal> = match config.rails.recipient_check {
            config::RailsCheck::Off => Vec::new(),
            _ => rails::ask(&self.delivery, sites, Some(ASK_FOR)).await.refused,
        };
        let (table, now) = (Arc::clone(&rehearsed.table), self.now());
        blocking(move || {
            let rails = Rails { config: &config, routes: &routes, now };
            Ok(held_against(&rails, &table, (&on, &back), &refused))
        })
        .await
    }

    async fn make_steps(
        &self,
        request: StepRequest,
        judged: Judged,
        blocked: Vec<Blocked>,
    ) -> Result<Transitioned, Unmade> {
        let (author, reason) = (request.author.clone(), request.reason.clone());
        for it in &judged.because.overrides {
            tracing::warn!(by = author, rail = it, "A rail is overridden.");
        }
        let (directory, domains) =
            (Arc::clone(self.routes.directory()), Arc::clone(&self.routes.domains()));
        let made = blocking(move || {
            let done = match directory.step(&domains, &request, Some(&judged)) {
                Err(StepFailure::Others) => return Ok(None),
                done => done.map_err(|it| failure(it, directory.current().generation()))?,
            };
            let rows: Vec<MoveRow> =
                done.mailboxes.iter().filter_map(|it| directory.move_row(it)).collect();
            Ok(Some((done, rows)))
        });
        let (done, rows) = made.await.map_err(Unmade::Refused)?.ok_or(Unmade::Others)?;
        // Before the answer: from then on no attempt by the old table may go unseen.
        if done.committed.changed_n > 0 {
            self.committed(&done.committed, &author, &reason);
        }
        tracing::info!(
            generation = done.committed.generation,
            author,
            reason,
            changed = done.committed.changed_n,
            "Mailboxes have moved on."
        );
        Ok(Transitioned {
            generation: done.committed.generation,
            moves: rows.iter().map(|it| self.moved(it)).collect(),
            dry_run: false,
            blocked,
        })
    }

    fn moved(&self, row: &MoveRow) -> Moved {
        Moved {
            address: row.entry.address.to_string(),
            home: row.entry.home.to_string(),
            state: api_state(row.entry.state),
            generation: row.entry.generation,
            since: row.since.to_string(),
            hold_until: self.hold_until(row),
        }
    }

    fn would_be(&self, rehearsed: &Rehearsed, blocked: Vec<Blocked>) -> Transitioned {
        let changed = |key| {
            let row = rehearsed.changes.rows.iter().find(|it| it.key() == Some(key))?;
            let entry = row.after.as_ref()?.entry().clone();
            Some(MoveRow { since: entry.changed_at, entry })
        };
        let directory = self.routes.directory();
        let rows = rehearsed
            .mailboxes
            .iter()
            .filter_map(|it| changed(it).or_else(|| directory.move_row(it)));
        Transitioned {
            generation: rehearsed.table.generation(),
            moves: rows.map(|it| self.moved(&it)).collect(),
            dry_run: true,
            blocked,
        }
    }
}

/// Why steps were not made.
enum Unmade {
    /// They would be others than those that were looked at.
    Others,
    Refused(BackendError),
}

/// The rows that go on and those that go back. A mailbox that is to be cut over is looked at as if
/// it were at its future home already: a flip that cannot be made should not begin.
fn by_course(rehearsed: &Rehearsed, domains: &Domains) -> (Changes, Changes) {
    let generation = rehearsed.changes.generation;
    let (mut on, mut back) = (Vec::new(), Vec::new());
    for row in &rehearsed.changes.rows {
        match row.key().and_then(|it| rehearsed.courses.get(it)) {
            Some(Course::Back) => back.push(row.clone()),
            Some(Course::On) | None => on.push(as_flipped(row, domains)),
        }
    }
    (Changes { generation, rows: on }, Changes { generation, rows: back })
}

fn as_flipped(row: &RowChange, domains: &Domains) -> RowChange {
    let flipped = row.after.as_ref().filter(|it| it.state == MoveState::Cutover).and_then(|it| {
        let mut entry = it.entry().clone();
        entry.home = future_home(domains, &entry)?.clone();
        Some(Arc::new(Row::new(entry)))
    });
    RowChange { before: row.before.clone(), after: flipped.or_else(|| row.after.clone()) }
}

fn held_against(
    rails: &Rails<'_>,
    table: &Table,
    (on, back): (&Changes, &Changes),
    refused: &[Refusal],
) -> Vec<Blocked> {
    let mut blocked = rails.hold_against(table, on, refused, Way::Step);
    let looped = rails.hold_against(table, back, &[], Way::Step);
    let meets = |it: &Blocked| {
        router::Rail::ALL
            .into_iter()
            .any(|rail| Course::Back.meets(rail) && rail.as_str() == it.rail.as_str())
    };
    blocked.extend(looped.into_iter().filter(meets));
    blocked
}

/// All of them, with those marked that are overridden, and those that stay in the way.
fn overridden(
    mut blocked: Vec<Blocked>,
    asked: &Transitions,
    request: &StepRequest,
) -> (Vec<Blocked>, Vec<Blocked>) {
    let left = rails::left(&mut blocked, &asked.overrides, &request.author, false);
    (blocked, left)
}

fn because(blocked: &[Blocked], asked: &Transitions) -> Because {
    let used = |it: &&RailOverride| {
        blocked.iter().any(|one| one.rail == it.rail && one.overridden_by.is_some())
    };
    let word = |it: &RailOverride| format!("{}: {}", it.rail.as_str(), it.reason.trim());
    let overrides = asked.overrides.iter().filter(used).map(word).collect();
    Because { overrides, ..Because::default() }
}

fn steps(request: &Transitions) -> Result<Steps, BackendError> {
    if let (Some(batch), Some(from), Some(to)) = (&request.batch, request.from, request.to) {
        let (from, to) = (move_state(from), move_state(to));
        return Ok(Steps::Batch { batch: batch.clone(), from, to });
    }
    let mut errors = Vec::new();
    let mut steps = Vec::with_capacity(request.moves.len());
    for it in &request.moves {
        match it.address.parse::<Address>() {
            Ok(address) => steps.push(MoveStep {
                key: address.key(),
                expect: it.generation,
                to: move_state(it.to),
                home: it.home.as_deref().map(SiteName::new),
            }),
            Err(error) => errors.push(FieldError::new(it.address.clone(), error.to_string())),
        }
    }
    match errors.is_empty() {
        true => Ok(Steps::Of(steps)),
        false => Err(BackendError::Invalid { detail: "Nothing was changed.".into(), errors }),
    }
}

/// What the history says; a request that says the same again is the same request.
fn reason(request: &Transitions) -> String {
    let reason = request.reason.as_deref().unwrap_or_default();
    match &request.digest {
        None => reason.to_owned(),
        Some(digest) if reason.is_empty() => format!("digest {digest}"),
        Some(digest) => format!("{reason} (digest {digest})"),
    }
}

fn failure(failure: StepFailure, generation: u64) -> BackendError {
    match failure {
        StepFailure::Conflicts(conflicts) => BackendError::MovesChanged {
            generation,
            conflicts: conflicts.into_iter().map(conflict).collect(),
        },
        StepFailure::Problems(problems) => BackendError::Invalid {
            detail: "Nothing was changed.".into(),
            errors: problems.into_iter().map(problem).collect(),
        },
        StepFailure::Others => BackendError::Busy { detail: failure.to_string() },
        StepFailure::Store(error) => BackendError::Failed { detail: error.to_string() },
    }
}

fn conflict(it: RowConflict) -> api::RowConflict {
    api::RowConflict {
        address: it.address,
        expected: it.expected,
        actual: it.actual.map(|it| it.0),
        state: it.actual.map(|it| api_state(it.1)),
        ..api::RowConflict::default()
    }
}
