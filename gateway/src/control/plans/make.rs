//! New plans, from edits, files and the past.

use std::sync::Arc;
use std::time::Duration;

use admin::{Author, BackendError};
use api::{Blocked, Canary, FileFormat, Plan, PlanImport, PlanRequest, PlanState, RollbackRequest};
use bytes::Bytes;
use directory::{FileOptions, Format, NewPlan, plan_text};
use mail::{SiteName, Timestamp};
use router::{Edit, Row, RowChange, Table};

use super::document::{Document, Kept, failed, name};
use super::judge::{Court, Judged, Pass, misfit, rows_changed};
use crate::control::Control;
use crate::control::table::{blocking, edit_problems, missing, move_state, row_errors};
use crate::rails::{Asked, Way, ask, impact, to_ask};

/// What a plan is made of.
struct Draft {
    base: u64,
    rows: Vec<RowChange>,
    stay: Vec<Arc<Row>>,
    remarks: Vec<String>,
}

/// What is said about it.
#[derive(Default)]
struct Terms {
    reason: Option<String>,
    ticket: Option<String>,
    not_before: Option<String>,
    time_zone: Option<String>,
    canary: Option<Canary>,
    second_person: bool,
}

/// How long whoever makes a plan waits for the sites; what takes longer goes on by itself.
const ASK_FOR: Duration = Duration::from_secs(3);
const TEXT_CHARS_MAX: usize = 1_000;

impl Control {
    pub(super) async fn plan_edits(
        &self,
        request: PlanRequest,
        author: Author,
    ) -> Result<Plan, BackendError> {
        let edits = self.wishes(&request.edits)?;
        let table = self.table_seen(request.base_generation)?;
        let at = self.now();
        let draft = blocking(move || draft(&table, &edits, at, Vec::new())).await?;
        let PlanRequest { reason, ticket, not_before, time_zone, canary, second_person, .. } =
            request;
        let terms = Terms { reason, ticket, not_before, time_zone, canary, second_person };
        self.keep_new(draft, terms, author).await
    }

    pub(super) async fn plan_file(
        &self,
        file: Bytes,
        options: PlanImport,
        author: Author,
    ) -> Result<Plan, BackendError> {
        let table = self.table_seen(options.base_generation)?;
        let domains = Arc::clone(&self.routes.domains());
        let canary = options.canary();
        let about = FileOptions {
            format: format_of(options.format),
            home: options.home.as_deref().map(SiteName::new),
            state: options.state.map(move_state),
            batch: options.batch.as_deref().map(Into::into),
            allow_unknown_columns: options.allow_unknown_columns,
        };
        let (at, replace) = (self.now(), options.replace);
        let draft = blocking(move || {
            let file = directory::parse_file(&file, &domains, &about).map_err(row_errors)?;
            let mut edits = file.edits;
            if replace {
                edits.extend(missing(&table, &edits));
            }
            draft(&table, &edits, at, file.remarks)
        })
        .await?;
        let PlanImport { reason, ticket, not_before, time_zone, second_person, .. } = options;
        let reason = reason.or_else(|| Some("import".to_owned()));
        let terms = Terms { reason, ticket, not_before, time_zone, canary, second_person };
        self.keep_new(draft, terms, author).await
    }

    pub(super) async fn plan_way_back(
        &self,
        request: RollbackRequest,
        author: Author,
    ) -> Result<Plan, BackendError> {
        let table = self.routes.directory().snapshot();
        let base = table.generation();
        let (rows, what) = match (request.to_generation, request.undo_generation) {
            (Some(to), _) => {
                let past = self.table_at(Some(to)).await?;
                let current = Arc::clone(&table);
                let rows = blocking(move || Ok(current.difference(&past))).await?;
                (rows, format!("back to generation {to}"))
            }
            (None, undone) => {
                let undone = undone.unwrap_or_default();
                if undone == 0 || undone > base {
                    return Err(BackendError::not_found(format!("generation {undone}")));
                }
                let directory = Arc::clone(self.routes.directory());
                let rows = blocking(move || directory.rows_of(undone).map_err(failed)).await?;
                let back = |it: RowChange| RowChange { before: it.after, after: it.before };
                (rows.into_iter().map(back).collect(), format!("takes back generation {undone}"))
            }
        };
        // Rows that were changed since are somebody's work.
        let at = self.now();
        let fits = table.carry(&rows, at).map_err(|it| match it {
            router::Misfit::Conflicts(rows) => rows_changed(base, &rows),
            other => misfit(other, base),
        })?;
        let draft = Draft { base, rows: fits.rows, stay: Vec::new(), remarks: Vec::new() };
        let reason = request.reason.filter(|it| !it.is_empty()).unwrap_or(what);
        let terms = Terms { reason: Some(reason), ticket: request.ticket, ..Terms::default() };
        self.keep_new(draft, terms, author).await
    }

    fn table_seen(&self, expected: Option<u64>) -> Result<Arc<Table>, BackendError> {
        let table = self.routes.directory().snapshot();
        let generation = table.generation();
        match expected {
            Some(seen) if seen != generation => Err(BackendError::Conflict { generation }),
            _ => Ok(table),
        }
    }

    async fn keep_new(
        &self,
        draft: Draft,
        terms: Terms,
        author: Author,
    ) -> Result<Plan, BackendError> {
        let config = self.config.load_full();
        let max = config.rails.plan_rows_max;
        if draft.rows.len() > max {
            let n = draft.rows.len();
            let detail = format!("{n} rows would change; a plan has at most {max} (plan_rows_max)");
            return Err(BackendError::invalid("rows", detail));
        }
        check_terms(&terms)?;
        let now = self.now();
        let due = due(&terms, now)?;
        let expires = now.plus(config.rails.plan_lifetime);
        let expires = due.map_or(expires, |it| expires.max(it.plus(config.rails.plan_lifetime)));
        let added = draft.rows.iter().filter(|it| it.before.is_none()).count() as u64;
        let removed = draft.rows.iter().filter(|it| it.after.is_none()).count() as u64;
        let plan = Plan {
            state: PlanState::Checking,
            base_generation: draft.base,
            author: author.0,
            reason: terms.reason.filter(|it| !it.is_empty()),
            ticket: terms.ticket.filter(|it| !it.is_empty()),
            created_at: now.to_string(),
            not_before: due.map(|it| it.to_string()),
            canary: terms.canary,
            added,
            changed: draft.rows.len() as u64 - added - removed,
            removed,
            unchanged: draft.stay.len() as u64,
            remarks: draft.remarks.clone(),
            second_person: terms.second_person,
            plan_hash: directory::hex(&directory::plan_hash(&draft.rows)),
            expires_at: expires.to_string(),
            ..Plan::default()
        };
        let document = Document {
            plan,
            due: due.map(|it| it.as_micros()),
            expires: expires.as_micros(),
            ..Document::default()
        };
        let (document, _) = self.checked(document, draft.rows.clone(), Some(ASK_FOR)).await?;
        self.add(document, draft, config.rails.plans_max).await
    }

    async fn add(
        &self,
        document: Document,
        draft: Draft,
        plans_max: usize,
    ) -> Result<Plan, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let text = document.text();
        let state = document.plan.state.as_str().to_owned();
        let created_at = self.now();
        let id = blocking(move || {
            if directory.open_plans().map_err(failed)?.len() >= plans_max {
                return Err(BackendError::Refused {
                    detail: format!("{plans_max} plans are open already (plans_max)"),
                    hint: Some("apply or cancel some: causeway route plans".to_owned()),
                });
            }
            let rows = plan_text(&draft.rows, &draft.stay);
            let new = NewPlan { state, is_over: false, created_at, document: text, rows };
            directory.add_plan(&new, plans_max).map_err(failed)
        })
        .await?;
        let plan = Plan { id: name(id), ..document.plan };
        self.tell_plan(&plan);
        Ok(plan)
    }

    /// The document with what stands in the plan's way now. Asks the future homes for at most
    /// `time_max`; the flag says that they have not all answered, and the state stays `checking`.
    pub(super) async fn checked(
        &self,
        mut document: Document,
        rows: Vec<RowChange>,
        time_max: Option<Duration>,
    ) -> Result<(Document, bool), BackendError> {
        let court = Court {
            config: self.config.load_full(),
            routes: Arc::clone(&self.routes),
            now: self.now(),
        };
        let asks = court.config.rails.recipient_check != config::RailsCheck::Off;
        let domains = Arc::clone(&self.routes.domains());
        let (sites, rows) = blocking(move || {
            let changes = router::Changes { generation: 0, rows };
            Ok((to_ask(&domains, &changes), changes.rows))
        })
        .await?;
        let n_asked: usize = sites.iter().map(|it| it.1.len()).sum();
        let asked = if asks && n_asked > 0 {
            ask(&self.delivery, sites, time_max).await
        } else {
            Asked::default()
        };
        document.refused = asked.refused.iter().cloned().map(Into::into).collect();
        let pass = Pass {
            way: Way::Plan,
            overrides: Vec::new(),
            by: String::new(),
            confirm: None,
            wants_second: document.plan.second_person,
            approved: !document.plan.approvers.is_empty(),
        };
        let domains = Arc::clone(&self.routes.domains());
        let (judged, impact) = blocking(move || {
            let judged = court.judge(&rows, &asked.refused, &pass)?;
            let impact = impact(&domains, &judged.changes);
            Ok((judged, impact))
        })
        .await?;
        let Judged { blocked, confirm, needs_second, .. } = judged;
        let plan = &mut document.plan;
        plan.warnings = warnings(asked.unknown, asked.why.as_deref());
        plan.blocked = blocked;
        plan.confirm = confirm;
        plan.impact = impact;
        plan.checked_at = Some(self.now().to_string());
        plan.state = match (asked.late, needs_second && plan.approvers.is_empty()) {
            (true, _) => PlanState::Checking,
            (false, true) => PlanState::AwaitingApproval,
            (false, false) => PlanState::Ready,
        };
        Ok((document, asked.late))
    }

    pub(super) async fn check_again(&self, id: String, _: Author) -> Result<Plan, BackendError> {
        let kept = self.kept(&id).await?;
        match kept.state() {
            PlanState::Checking | PlanState::Ready | PlanState::AwaitingApproval => (),
            other => return Err(super::apply::is_not_open(&kept.plan(), other)),
        }
        let rows = self.rows(kept.id).await?;
        let (document, _) = self.checked(kept.document.clone(), rows, Some(ASK_FOR)).await?;
        self.step_to(&kept, document).await
    }

    /// Goes on where [`Control::keep_new`] stopped waiting for the sites.
    pub(super) async fn finish_check(&self, kept: Kept) -> Result<(), BackendError> {
        let rows = self.rows(kept.id).await?;
        match self.checked(kept.document.clone(), rows, None).await {
            Ok((document, _)) => self.step_to(&kept, document).await.map(drop),
            // It does not fit the table any more; whoever applies it is told how.
            Err(BackendError::RowsChanged { .. } | BackendError::Invalid { .. }) => {
                let mut document = kept.document.clone();
                document.plan.state = PlanState::Ready;
                self.step_to(&kept, document).await.map(drop)
            }
            Err(other) => Err(other),
        }
    }
}

fn draft(
    table: &Table,
    edits: &[Edit],
    at: Timestamp,
    remarks: Vec<String>,
) -> Result<Draft, BackendError> {
    let changes = table.plan(edits, at).map_err(edit_problems)?;
    let stay = table.stays(edits, &changes);
    Ok(Draft { base: table.generation(), rows: changes.rows, stay, remarks })
}

fn format_of(format: FileFormat) -> Option<Format> {
    match format {
        FileFormat::Auto => None,
        FileFormat::Causeway => Some(Format::Causeway),
        FileFormat::Staged => Some(Format::Staged),
        FileFormat::Imap => Some(Format::Imap),
        FileFormat::RemoteMove => Some(Format::RemoteMove),
    }
}

fn check_terms(terms: &Terms) -> Result<(), BackendError> {
    for (place, text) in [("reason", &terms.reason), ("ticket", &terms.ticket)] {
        if text.as_ref().is_some_and(|it| it.chars().count() > TEXT_CHARS_MAX) {
            let message = format!("want at most {TEXT_CHARS_MAX} characters");
            return Err(BackendError::invalid(place, message));
        }
    }
    let Some(canary) = &terms.canary else { return Ok(()) };
    let wrong = |message: &str| Err(BackendError::invalid("canary", message));
    match (canary.recipients, canary.percent) {
        (Some(1..), None) | (None, Some(1..=99)) => (),
        _ => return wrong("want recipients, 1 or more, or percent, 1 to 99"),
    }
    if canary.after_deliveries == Some(0) {
        return wrong("after_deliveries: want 1 or more");
    }
    if canary.after_seconds.is_some_and(|it| !(10..=604_800).contains(&it)) {
        return wrong("after_seconds: want 10 to 604800");
    }
    if canary.bounce_percent_max.is_some_and(|it| it > 100) {
        return wrong("bounce_percent_max: want 0 to 100");
    }
    Ok(())
}

/// When it is to be applied. A time that has passed is a slip, of the zone most of the time.
fn due(terms: &Terms, now: Timestamp) -> Result<Option<Timestamp>, BackendError> {
    let Some(text) = &terms.not_before else { return Ok(None) };
    let wrong = |message: String| BackendError::invalid("not_before", message);
    let zone = terms.time_zone.as_deref();
    let at = config::parse_time(text, zone).map_err(wrong)?;
    if at > now {
        return Ok(Some(at));
    }
    let read = match (config::zone_assumed(text, zone), zone) {
        (Some(_), None) => {
            "; without a zone it was read as UTC: give --time-zone, as in Europe/Berlin".to_owned()
        }
        (Some(zone), Some(_)) => format!("; it was read in {zone}"),
        (None, _) => String::new(),
    };
    Err(wrong(format!("{text} is {at}, which has passed: it is {now} now{read}")))
}

/// A site that does not say whether it knows a recipient stops nothing, but is worth a word.
fn warnings(unknown: u64, why: Option<&str>) -> Vec<Blocked> {
    if unknown == 0 {
        return Vec::new();
    }
    let why = why.map(|it| format!(": {it}")).unwrap_or_default();
    vec![Blocked {
        rail: api::Rail::RecipientRefused,
        message: format!("{unknown} recipients could not be asked for{why}"),
        hint: "check again when the site answers".to_owned(),
        rows: unknown,
        examples: Vec::new(),
        overridable: true,
        overridden_by: None,
    }]
}
