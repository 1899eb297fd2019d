//! The table, as operators edit and question it.

use std::sync::Arc;

use admin::{Author, BackendError, ByteStream};
use api::{
    Change, Changed, EntryList, EntryPatch, FieldError, History, HistoryQuery, ImportOptions,
    Imported, ListQuery, TableEdit, TableEdits, TableInfo,
};
use bytes::Bytes;
use directory::{Committed, EditError, EditRequest, FileOptions};
use mail::{Address, SiteName};
use router::{Domains, Edit, Entry, Field, MoveState, Put, StateRule, Table};

use super::{Control, page_limit};
use crate::rails;

impl Control {
    pub(super) async fn table_info(&self) -> Result<TableInfo, BackendError> {
        let last = self.generations(None, 1).await?;
        let changed_at = last.first().map(|it| it.at.to_string());
        let table = self.routes.directory().current();
        Ok(TableInfo { generation: table.generation(), entries: table.len() as u64, changed_at })
    }

    pub(super) async fn table_history(&self, query: HistoryQuery) -> Result<History, BackendError> {
        let found = self.generations(query.before, page_limit(query.limit)).await?;
        Ok(History { generations: found.into_iter().map(generation).collect() })
    }

    /// The database may be busy with an edit.
    async fn generations(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<directory::Generation>, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let failed =
            |it: directory::DirectoryError| BackendError::Failed { detail: it.to_string() };
        blocking(move || directory.history(before, limit).map_err(failed)).await
    }

    /// Walks the table in the order of its keys; bounded by the page, not by the table.
    pub(super) async fn list_entries(&self, query: ListQuery) -> Result<EntryList, BackendError> {
        let table = self.table_at(query.generation).await?;
        let limit = page_limit(query.limit);
        if let Some(offset) = query.offset {
            let listings = Arc::clone(&self.listings);
            let page = move || Ok(listings.page(&table, &query, offset, limit));
            return blocking(page).await;
        }
        blocking(move || {
            let after =
                query.cursor.as_deref().map(|it| parse_address(it, "cursor")).transpose()?;
            let after = after.map(|it| it.key());
            let mut rows = table.page(after.as_ref(), limit + 1, |it| matches(it, &query));
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next_cursor = rows.last().filter(|_| more).map(|it| it.address.to_string());
            let entries = rows.into_iter().map(entry).collect();
            Ok(EntryList { generation: table.generation(), entries, next_cursor, total: None })
        })
        .await
    }

    pub(super) fn find_entry(&self, address: &str) -> Result<(u64, api::Entry), BackendError> {
        let key = parse_address(address, "address")?.key();
        let table = self.routes.directory().current();
        let found = table.find(&key).map(|it| entry(it.entry()));
        let found = found.ok_or_else(|| BackendError::not_found(format!("entry for {address}")))?;
        Ok((table.generation(), found))
    }

    pub(super) async fn edit_table(
        &self,
        edits: TableEdits,
        author: Author,
    ) -> Result<Changed, BackendError> {
        let wishes = self.wishes(&edits.edits)?;
        let request = EditRequest {
            edits: wishes,
            author: author.0,
            reason: edits.reason.clone().unwrap_or_default(),
            expect_generation: edits.expect_generation,
            at: self.now(),
        };
        self.run_edit(request, edits.overrides, edits.dry_run).await
    }

    pub(super) async fn import_table(
        &self,
        csv: Bytes,
        options: ImportOptions,
        author: Author,
    ) -> Result<Imported, BackendError> {
        let domains = Arc::clone(&self.routes.domains());
        let table = self.routes.directory().snapshot();
        let previous_generation = table.generation();
        let replace = options.replace;
        let about = FileOptions {
            format: None,
            home: options.home.as_deref().map(SiteName::new),
            state: options.state.map(move_state),
            batch: options.batch.as_deref().map(Into::into),
            allow_unknown_columns: options.allow_unknown_columns,
        };
        let (edits, rows, remarks) = blocking(move || {
            let file = directory::parse_file(&csv, &domains, &about).map_err(row_errors)?;
            let mut edits = file.edits;
            let rows = edits.len() as u64;
            if replace {
                edits.extend(missing(&table, &edits));
            }
            Ok((edits, rows, file.remarks))
        })
        .await?;
        let overrides = options.overrides.as_deref().unwrap_or_default().split(',');
        let overrides = overrides.filter_map(api::Rail::parse).collect();
        let request = EditRequest {
            edits,
            author: author.0,
            reason: options.reason.clone().unwrap_or_else(|| "import".into()),
            expect_generation: options.expect_generation,
            at: self.now(),
        };
        let done = self.run_edit(request, overrides, options.dry_run).await?;
        Ok(Imported {
            generation: done.generation,
            previous_generation,
            dry_run: options.dry_run,
            rows,
            added: done.added,
            changed: done.changed,
            removed: done.removed,
            blocked: done.blocked,
            remarks,
        })
    }

    /// Plans, holds it against the rails, and unless it is a rehearsal commits, publishes, and routes
    /// waiting mail again.
    async fn run_edit(
        &self,
        request: EditRequest,
        overrides: Vec<api::Rail>,
        dry_run: bool,
    ) -> Result<Changed, BackendError> {
        let reason = request.reason.clone();
        let over = |rail| api::RailOverride { rail, reason: reason.clone() };
        let overrides: Vec<_> = overrides.into_iter().map(over).collect();
        super::plans::check_overrides(&overrides)?;
        let (request, mut blocked) = self.railed(request).await?;
        let left = rails::left(&mut blocked, &overrides, &request.author, false);
        let directory = Arc::clone(self.routes.directory());
        if dry_run {
            let rehearse = move || rehearse(&directory.snapshot(), &request);
            let rehearsed = blocking(rehearse).await?;
            return Ok(Changed { blocked, ..rehearsed });
        }
        self.rails.count(&blocked, &left);
        if !left.is_empty() {
            return Err(BackendError::Blocked(left));
        }
        let used = blocked.iter().filter(|it| it.overridden_by.is_some());
        let words = used.map(|it| format!("{}: {}", it.rail.as_str(), request.reason)).collect();
        let because = directory::Because { overrides: words, ..directory::Because::default() };
        for it in &because.overrides {
            tracing::warn!(by = request.author, rail = it, "A rail is overridden.");
        }
        let (author, reason) = (request.author.clone(), request.reason.clone());
        let (committed, before, after) = blocking(move || {
            let before = directory.snapshot();
            let committed = directory.edit_because(&request, &because).map_err(edit_error)?;
            Ok((committed, before, directory.snapshot()))
        })
        .await?;
        self.committed(&committed, &author, &reason);
        Ok(Changed {
            generation: committed.generation,
            dry_run,
            added: committed.added as u64,
            changed: committed.changed_n as u64,
            removed: committed.removed as u64,
            changes: changes_of(&committed.changed, &before, &after),
            blocked,
        })
    }

    /// What stands in the way of an edit that is to be made at once. An edit that cannot be made has
    /// nothing in its way: it fails by itself.
    async fn railed(
        &self,
        request: EditRequest,
    ) -> Result<(EditRequest, Vec<api::Blocked>), BackendError> {
        let (config, routes) = (self.config.load_full(), Arc::clone(&self.routes));
        let (table, now) = (self.routes.directory().snapshot(), self.now());
        let domains = Arc::clone(&self.routes.domains());
        let (request, changes) = blocking(move || {
            let changes = table.plan(&request.edits, request.at).ok();
            Ok((request, changes.map(|it| (table, it))))
        })
        .await?;
        let Some((table, changes)) = changes else { return Ok((request, Vec::new())) };
        let sites = rails::to_ask(&domains, &changes);
        let n_asked: usize = sites.iter().map(|it| it.1.len()).sum();
        let asks = config.rails.recipient_check == config::RailsCheck::All
            && n_asked > 0
            && n_asked <= config.rails.recipient_check_rows_max;
        let refused = match asks {
            true => rails::ask(&self.delivery, sites, Some(ASK_FOR)).await.refused,
            false => Vec::new(),
        };
        let blocked = blocking(move || {
            let rails = rails::Rails { config: &config, routes: &routes, now };
            Ok(rails.hold_against(&table, &changes, &refused, rails::Way::Direct))
        })
        .await?;
        Ok((request, blocked))
    }

    /// Tells the queues and whoever looks on of an edit that routes.
    pub(crate) fn committed(&self, committed: &Committed, author: &str, reason: &str) {
        if committed.changed.is_empty() {
            return;
        }
        self.delivery.table_changed(&committed.changed);
        // Nothing differed: there is no new generation.
        if committed.changed.is_empty() {
            return;
        }
        self.events.table(api::TableEvent {
            at: self.now().to_string(),
            generation: committed.generation,
            author: author.to_owned(),
            reason: Some(reason.to_owned()).filter(|it| !it.is_empty()),
            added: committed.added as u64,
            changed: committed.changed_n as u64,
            removed: committed.removed as u64,
        });
        tracing::info!(
            generation = committed.generation,
            author,
            added = committed.added,
            changed = committed.changed_n,
            removed = committed.removed,
            "The table has changed."
        );
    }

    pub(super) fn wishes(&self, edits: &[TableEdit]) -> Result<Vec<Edit>, BackendError> {
        let domains = self.routes.domains();
        let table = self.routes.directory().current();
        let mut errors = Vec::new();
        let mut wishes = Vec::with_capacity(edits.len());
        for edit in edits {
            let wish = match edit {
                TableEdit::Remove { address } => {
                    parse_address(address, address).map(|it| Edit::Remove(it.key()))
                }
                TableEdit::Set { address, entry } => put(&domains, &table, address, entry),
            };
            match wish {
                Ok(Edit::Put(put)) => {
                    errors.extend(put.problems(&domains).into_iter().map(problem));
                    wishes.push(Edit::Put(put));
                }
                Ok(wish) => wishes.push(wish),
                Err(BackendError::Invalid { errors: more, .. }) => errors.extend(more),
                Err(other) => return Err(other),
            }
        }
        match errors.is_empty() {
            true => Ok(wishes),
            false => Err(BackendError::Invalid { detail: "Nothing was changed.".into(), errors }),
        }
    }

    pub(super) async fn export_table(
        &self,
        generation: Option<u64>,
    ) -> Result<(u64, ByteStream), BackendError> {
        let table = self.table_at(generation).await?;
        let generation = table.generation();
        let csv = blocking(move || Ok(directory::export_csv(&table))).await?;
        Ok((generation, super::one_piece(csv.into())))
    }

    pub(super) async fn table_at(
        &self,
        generation: Option<u64>,
    ) -> Result<Arc<Table>, BackendError> {
        let current = self.routes.directory().snapshot();
        let Some(wanted) = generation.filter(|it| *it != current.generation()) else {
            return Ok(current);
        };
        let directory = Arc::clone(self.routes.directory());
        let found = blocking(move || {
            directory.at(wanted).map_err(|it| BackendError::Failed { detail: it.to_string() })
        });
        found.await?.ok_or_else(|| BackendError::not_found(format!("generation {wanted}")))
    }
}

/// Runs what may take longer than a reactor should wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|it| Err(BackendError::Failed { detail: it.to_string() }))
}

pub(super) fn parse_address(text: &str, place: &str) -> Result<Address, BackendError> {
    text.parse().map_err(|it: mail::AddressError| BackendError::invalid(place, it.to_string()))
}

fn put(
    domains: &Domains,
    table: &Table,
    address: &str,
    patch: &EntryPatch,
) -> Result<Edit, BackendError> {
    let invalid =
        |column: &str, why: String| BackendError::invalid(format!("{address}: {column}"), why);
    let parsed = parse_address(address, address)?;
    let before = table.find(&parsed.key()).map(|it| it.entry().clone());
    let home = match (&patch.home, &before) {
        (Some(home), _) => SiteName::new(home),
        (None, Some(before)) => before.home.clone(),
        (None, None) => return Err(invalid("home", "a new entry needs a home".into())),
    };
    // An edit by an alias is an edit of its mailbox.
    let named = before.map_or(parsed, |it| it.address);
    let mut put = Put::new(named, home, domains);
    put.home_said = patch.home.is_some();
    if let Some(state) = patch.state {
        put.state = StateRule::Is(move_state(state));
    }
    put.batch = text_field(patch.batch.as_ref());
    put.note = text_field(patch.note.as_ref());
    put.cloud_address = match &patch.cloud_address {
        None => Field::Keep,
        Some(None) => Field::Clear,
        Some(Some(text)) => Field::Is(parse_address(text, &format!("{address}: cloud_address"))?),
    };
    if let Some(aliases) = &patch.aliases {
        let parsed: Result<Vec<Address>, _> =
            aliases.iter().map(|it| parse_address(it, &format!("{address}: aliases"))).collect();
        put.aliases = Field::Is(parsed?.into());
    }
    Ok(Edit::Put(Box::new(put)))
}

fn text_field(patch: Option<&Option<String>>) -> Field<Box<str>> {
    match patch {
        None => Field::Keep,
        Some(None) => Field::Clear,
        Some(Some(text)) => Field::Is(text.as_str().into()),
    }
}

/// Rows of the table that a whole new table does not have.
pub(super) fn missing(table: &Table, edits: &[Edit]) -> Vec<Edit> {
    let named: std::collections::HashSet<_> = edits
        .iter()
        .filter_map(|it| match it {
            Edit::Put(put) => Some(put.address.key()),
            Edit::Remove(_) => None,
        })
        .collect();
    let gone = table.iter().map(|it| it.address.key()).filter(|it| !named.contains(it));
    gone.map(Edit::Remove).collect()
}

pub(super) fn row_errors(errors: Vec<directory::RowError>) -> BackendError {
    let n = errors.len();
    let errors = errors
        .into_iter()
        .map(|it| FieldError::row(it.line as u64, &it.column, it.message))
        .collect();
    BackendError::Invalid {
        detail: format!("{n} mistakes in the file; nothing was changed."),
        errors,
    }
}

pub(super) fn edit_error(error: EditError) -> BackendError {
    match error {
        EditError::Conflict { actual, .. } => BackendError::Conflict { generation: actual },
        EditError::Problems(problems) => edit_problems(problems),
        EditError::Store(error) => BackendError::Failed { detail: error.to_string() },
    }
}

pub(super) fn edit_problems(problems: Vec<router::Problem>) -> BackendError {
    BackendError::Invalid {
        detail: "Nothing was changed.".into(),
        errors: problems.into_iter().map(problem).collect(),
    }
}

pub(super) fn problem(problem: router::Problem) -> FieldError {
    FieldError {
        place: format!("{}: {}", problem.address, problem.column),
        message: problem.message,
    }
}

fn rehearse(table: &Table, request: &EditRequest) -> Result<Changed, BackendError> {
    let actual = table.generation();
    if let Some(expected) = request.expect_generation.filter(|it| *it != actual) {
        return Err(edit_error(EditError::Conflict { expected, actual }));
    }
    let plan =
        table.plan(&request.edits, request.at).map_err(|it| edit_error(EditError::Problems(it)))?;
    let changes = plan.rows.iter().take(CHANGES_MAX).map(|it| Change {
        address: it.key().map(ToString::to_string).unwrap_or_default(),
        before: it.before.as_ref().map(|it| entry(it)),
        after: it.after.as_ref().map(|it| entry(it)),
    });
    Ok(Changed {
        generation: actual,
        dry_run: true,
        added: plan.added() as u64,
        changed: plan.changed() as u64,
        removed: plan.removed() as u64,
        changes: changes.collect(),
        blocked: Vec::new(),
    })
}

/// How long an edit waits for the sites that are asked for its recipients.
pub(super) const ASK_FOR: std::time::Duration = std::time::Duration::from_secs(5);

/// Rows that are shown before and after; an import counts the rest.
const CHANGES_MAX: usize = 10_000;

fn changes_of(keys: &[mail::AddressKey], before: &Table, after: &Table) -> Vec<Change> {
    let rows = keys.iter().filter_map(|key| {
        let (old, new) = (before.get(key).map(entry), after.get(key).map(entry));
        (old != new).then(|| Change { address: key.to_string(), before: old, after: new })
    });
    rows.take(CHANGES_MAX).collect()
}

pub(super) fn move_state(state: api::MoveState) -> MoveState {
    match state {
        api::MoveState::OnPrem => MoveState::OnPrem,
        api::MoveState::Syncing => MoveState::Syncing,
        api::MoveState::Cutover => MoveState::Cutover,
        api::MoveState::Cloud => MoveState::Cloud,
        api::MoveState::Settled => MoveState::Settled,
    }
}

pub(super) fn api_state(state: MoveState) -> api::MoveState {
    match state {
        MoveState::OnPrem => api::MoveState::OnPrem,
        MoveState::Syncing => api::MoveState::Syncing,
        MoveState::Cutover => api::MoveState::Cutover,
        MoveState::Cloud => api::MoveState::Cloud,
        MoveState::Settled => api::MoveState::Settled,
    }
}

fn generation(from: directory::Generation) -> api::Generation {
    api::Generation {
        generation: from.generation,
        at: from.at.to_string(),
        author: from.author,
        reason: Some(from.reason).filter(|it| !it.is_empty()),
        added: from.added,
        changed: from.changed,
        removed: from.removed,
        parent: from.hash.and_then(|_| from.generation.checked_sub(1)),
        ticket: from.because.ticket,
        plan: from.because.plan,
        approvers: from.because.approvers,
        overrides: from.because.overrides,
        hash: from.hash.as_ref().map(directory::hex),
        previous_hash: from.previous_hash.as_ref().map(directory::hex),
    }
}

pub(super) fn entry(row: &Entry) -> api::Entry {
    api::Entry {
        address: row.address.to_string(),
        home: row.home.to_string(),
        state: api_state(row.state),
        batch: row.batch.as_deref().map(str::to_owned),
        cloud_address: row.cloud_address.as_ref().map(ToString::to_string),
        aliases: row.aliases.iter().map(ToString::to_string).collect(),
        note: row.note.as_deref().map(str::to_owned),
        changed_at: row.changed_at.to_string(),
        generation: row.generation,
    }
}

/// Whether somebody who is limited to these may see the row; empty: whatever it is.
pub(super) fn is_within(row: &Entry, domains: &[String], batches: &[String]) -> bool {
    let (domain, batch) = (row.address.domain().as_str(), row.batch.as_deref());
    (domains.is_empty() || domains.iter().any(|it| it.eq_ignore_ascii_case(domain)))
        && (batches.is_empty() || batches.iter().any(|it| Some(it.as_str()) == batch))
}

pub(super) fn matches(row: &Entry, query: &ListQuery) -> bool {
    let part = query.matching.as_deref().map(str::to_lowercase);
    let has = |address: &Address| {
        part.as_deref().is_none_or(|it| address.to_string().to_lowercase().contains(it))
    };
    is_within(row, &query.within_domains, &query.within_batches)
        && query.home.as_deref().is_none_or(|it| it == row.home.as_str())
        && query.state.is_none_or(|it| move_state(it) == row.state)
        && query.batch.as_deref().is_none_or(|it| row.batch.as_deref() == Some(it))
        && query.domain.as_deref().is_none_or(|it| row.address.domain().as_str() == it)
        && query.changed_after.is_none_or(|it| row.generation > it)
        && (has(&row.address) || row.aliases.iter().any(has))
}
