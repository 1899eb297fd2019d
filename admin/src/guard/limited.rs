//! What somebody may do who is limited to domains or batches.
//!
//! Calls that show or change all of something are not for them; the list says which are. Of those
//! the handlers ask for each row.

use access::Principal;
use api::{Change, Entry, ListQuery, Plan, RowKind, RowQuery, TableEdit, TableEdits};
use mail::Address;

use crate::problem::{Failure, Result};
use crate::routes::Shared;
use crate::{Author, BackendError};

/// The rest is refused, so that a new endpoint is closed until somebody has thought about it.
const OPEN: &[&str] = &[
    "GET /api/v1/version",
    "GET /api/v1/stats",
    "GET /api/v1/openapi.json",
    "GET /api/v1/table",
    "GET /api/v1/table/entries",
    "GET /api/v1/table/entries/{name}",
    "PUT /api/v1/table/entries/{name}",
    "DELETE /api/v1/table/entries/{name}",
    "POST /api/v1/table/edits",
    "GET /api/v1/table/history",
    "GET /api/v1/explain",
    "GET /api/v1/moves",
    "GET /api/v1/moves/{name}",
    "POST /api/v1/moves/transitions",
    "POST /api/v1/moves/{name}/cut",
    "POST /api/v1/moves/{name}/resolve",
    "PUT /api/v1/moves/sync",
    "GET /api/v1/sites",
    "GET /api/v1/plans",
    "POST /api/v1/plans",
    "POST /api/v1/plans/import",
    "POST /api/v1/plans/rollback",
    "GET /api/v1/plans/{name}",
    "GET /api/v1/plans/{name}/rows",
    "POST /api/v1/plans/{name}/approve",
    "POST /api/v1/plans/{name}/cancel",
    "POST /api/v1/plans/{name}/check",
    "POST /api/v1/plans/{name}/apply",
    "GET /api/v1/alerts",
    "GET /api/v1/metrics/summary",
    "GET /api/v1/session",
    "DELETE /api/v1/session",
    "GET /api/v1/sessions",
    "DELETE /api/v1/sessions/{name}",
    "POST /api/v1/users/{name}/password",
    "POST /api/v1/users/{name}/totp",
    "GET /api/v1/…",
];

/// An edit meets another one so often, and is then given up.
const ATTEMPTS_MAX: usize = 5;

pub(super) fn admit(principal: &Principal, action: &str) -> Result<()> {
    if principal.limit().is_none() || OPEN.contains(&action) {
        return Ok(());
    }
    let (name, limit) = (principal.name(), principal.limit().words());
    let detail = format!("{name} is limited to {limit}, and this goes beyond");
    Err(Failure::forbidden(detail).hint("ask somebody without a limit to do it"))
}

/// Sets the filters that the limit implies, so that neither a page nor a count knows of other rows.
pub(crate) fn narrow(principal: &Principal, query: &mut ListQuery) -> Result<()> {
    let limit = principal.limit();
    query.within_domains.clone_from(&limit.domains);
    query.within_batches.clone_from(&limit.batches);
    narrow_one(principal, &limit.domains, &mut query.domain)?;
    narrow_one(principal, &limit.batches, &mut query.batch)
}

fn narrow_one(principal: &Principal, among: &[String], asked: &mut Option<String>) -> Result<()> {
    match (among, asked.as_ref()) {
        ([], _) => (),
        (_, Some(it)) if among.iter().any(|one| one.eq_ignore_ascii_case(it)) => (),
        (_, Some(it)) => {
            let limit = principal.limit().words();
            let detail = format!("{} is limited to {limit}: not {it}", principal.name());
            return Err(Failure::forbidden(detail));
        }
        ([only], None) => *asked = Some(only.clone()),
        (_, None) => (),
    }
    Ok(())
}

/// For a backend that does not know of limits: pages get shorter by what is not to be seen.
pub(crate) fn keep_seen(principal: &Principal, entries: &mut Vec<Entry>) {
    if !principal.limit().is_none() {
        entries.retain(|it| see(principal, it).is_ok());
    }
}

pub(crate) fn see(principal: &Principal, entry: &Entry) -> Result<()> {
    if principal.limit().is_none() {
        return Ok(());
    }
    let address = parsed(&entry.address)?;
    principal.may_see(&address, entry.batch.as_deref()).map_err(Failure::forbidden)
}

/// May this one know where mail for `address` goes? By its row, if batches count.
pub(crate) async fn see_address(
    shared: &Shared,
    principal: &Principal,
    address: &str,
) -> Result<()> {
    if principal.limit().is_none() {
        return Ok(());
    }
    let address = parsed(address)?;
    match shared.backend.entry(address.to_string()).await {
        // An alias shows its mailbox, which may be elsewhere.
        Ok((_, entry)) => {
            principal.may_see(&address, entry.batch.as_deref()).map_err(Failure::forbidden)?;
            see(principal, &entry)
        }
        Err(_) => principal.may_see(&address, None).map_err(Failure::forbidden),
    }
}

/// [`crate::Backend::edit`], all of whose rows are inside the limit, before and after.
pub(crate) async fn edit(
    shared: &Shared,
    principal: &Principal,
    edits: TableEdits,
    author: Author,
) -> Result<api::Changed> {
    if principal.limit().is_none() {
        return Ok(shared.to_the_end(|it| it.edit(edits, author)).await?);
    }
    // Of an edit that changes nothing no change is reported.
    for address in edits.edits.iter().map(TableEdit::address) {
        let Ok(address) = address.parse::<Address>() else { continue };
        if !principal.limit().has_domain(address.domain().as_str()) {
            principal.may_see(&address, None).map_err(Failure::forbidden)?;
        }
    }
    for _ in 0..ATTEMPTS_MAX {
        let generation = shared.backend.table().await?.generation;
        let seen = edits.expect_generation.or(Some(generation));
        let mut fixed = TableEdits { expect_generation: seen, dry_run: true, ..edits.clone() };
        let rehearsed = match shared.backend.edit(fixed.clone(), author.clone()).await {
            Err(BackendError::Conflict { .. }) if edits.expect_generation.is_none() => continue,
            other => other?,
        };
        check_changes(principal, &rehearsed.changes)?;
        if edits.dry_run {
            return Ok(rehearsed);
        }
        fixed.dry_run = false;
        let author = author.clone();
        match shared.to_the_end(|it| it.edit(fixed, author)).await {
            Err(BackendError::Conflict { .. }) if edits.expect_generation.is_none() => (),
            other => return Ok(other?),
        }
    }
    let detail = "others edit the table all the time".to_owned();
    Err(BackendError::Busy { detail }.into())
}

/// A plan that was just made, if all of its rows are inside the limit; else it is cancelled.
pub(crate) async fn keep_plan(shared: &Shared, principal: &Principal, plan: Plan) -> Result<Plan> {
    let Err(outside) = see_plan(shared, principal, &plan.id).await else { return Ok(plan) };
    let (id, author) = (plan.id, Author(principal.name().to_owned()));
    if let Err(error) = shared.to_the_end(|it| it.cancel_plan(id, author)).await {
        tracing::warn!(%error, "A plan that goes beyond its author's limit could not be cancelled.");
    }
    Err(outside)
}

/// May this one see the plan, approve and apply it? If every row is inside the limit: rows do not
/// change once it is made.
pub(crate) async fn see_plan(shared: &Shared, principal: &Principal, id: &str) -> Result<()> {
    if principal.limit().is_none() {
        return Ok(());
    }
    // Rows that stay as they are would tell how they are.
    for kind in [None, Some(RowKind::Unchanged)] {
        let mut cursor = None;
        loop {
            let query = RowQuery { kind, cursor, limit: Some(1000) };
            let page = shared.backend.plan_rows(id.to_owned(), query).await?;
            check_changes(principal, &page.rows)?;
            if page.next_cursor.is_none() {
                break;
            }
            cursor = page.next_cursor;
        }
    }
    Ok(())
}

/// Of the plans of others only a look at each row would tell; of those that were cancelled because
/// they go beyond the limit, too.
pub(crate) async fn keep_own_plans(shared: &Shared, principal: &Principal, plans: &mut Vec<Plan>) {
    if principal.limit().is_none() {
        return;
    }
    plans.retain(|it| it.author == principal.name());
    let mut seen = Vec::with_capacity(plans.len());
    for plan in plans.drain(..) {
        let cancelled = plan.state == api::PlanState::Cancelled;
        if !cancelled || see_plan(shared, principal, &plan.id).await.is_ok() {
            seen.push(plan);
        }
    }
    *plans = seen;
}

/// Rows that others changed are shown to whoever may see them only.
pub(crate) fn hide(principal: &Principal, error: BackendError) -> Failure {
    let BackendError::RowsChanged { generation, mut conflicts } = error else {
        return error.into();
    };
    conflicts.retain(|it| {
        let rows = [&it.base, &it.theirs, &it.yours];
        rows.into_iter().flatten().all(|entry| see(principal, entry).is_ok())
    });
    BackendError::RowsChanged { generation, conflicts }.into()
}

/// May this one move the mailbox that has `address`? A step changes neither its addresses nor its
/// batch. Of one that is not listed the backend knows what to say.
pub(crate) async fn move_row(shared: &Shared, principal: &Principal, address: &str) -> Result<()> {
    if principal.limit().is_none() {
        return Ok(());
    }
    match shared.backend.entry(address.to_owned()).await {
        Ok((_, entry)) => check_changes(
            principal,
            &[Change {
                address: entry.address.clone(),
                before: Some(entry.clone()),
                after: Some(entry),
            }],
        ),
        Err(_) => see_address(shared, principal, address).await,
    }
}

/// A batch is moved as a whole, whatever domains its mailboxes are in.
pub(crate) fn move_batch(principal: &Principal, batch: &str) -> Result<()> {
    let limit = principal.limit();
    if limit.domains.is_empty() && limit.has_batch(Some(batch)) {
        return Ok(());
    }
    let detail = format!("{} is limited to {}: not batch {batch}", principal.name(), limit.words());
    Err(Failure::forbidden(detail).hint("name the mailboxes one by one"))
}

/// Every address of every row, its aliases too: they are routed as well.
pub(crate) fn check_changes(principal: &Principal, changes: &[Change]) -> Result<()> {
    changes.iter().try_for_each(|change| {
        let batch = |it: &Option<Entry>| it.as_ref().and_then(|it| it.batch.clone());
        let (before, after) = (batch(&change.before), batch(&change.after));
        let entries = [&change.before, &change.after].into_iter().flatten();
        let addresses = entries.flat_map(|it| [&it.address].into_iter().chain(&it.aliases));
        addresses.chain([&change.address]).try_for_each(|address| {
            let may = principal.may_change(&parsed(address)?, before.as_deref(), after.as_deref());
            may.map_err(Failure::forbidden)
        })
    })
}

fn parsed(address: &str) -> Result<Address> {
    address.parse().map_err(|error| Failure::invalid(format!("address: {error}")))
}
