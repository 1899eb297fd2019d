//! States of mailboxes in the move, for the sidecar.

use std::sync::Arc;
use std::time::Duration;

use admin::{Answer, Author, BackendError};
use api::{
    Cut, CutLease, CutOutcome, CutRequest, FieldError, Move, MoveList, MovesQuery, Resolve,
    Resolved, Simulate, Simulation, SyncReports, SyncTaken, Transitioned, Transitions,
};
use deliver::CutEnd;
use deliver::moves::{MailboxMail, Resolution, Resolved as Outcome};
use directory::{MoveRow, SyncReport};
use mail::{Address, AddressKey, Timestamp};
use router::{Entry, MoveState};

use super::queue::parse_id;
use super::table::{api_state, blocking, is_within, move_state, parse_address};
use super::{Control, page_limit};

impl admin::Moves for Control {
    fn moves(&self, query: MovesQuery) -> Answer<'_, MoveList> {
        Box::pin(self.list_moves(query))
    }

    fn one_move(&self, address: String) -> Answer<'_, Move> {
        Box::pin(async move {
            self.must_know_all_mail()?;
            let row = self.move_row(&address)?;
            let mut all = self.with_mail(vec![row]).await;
            all.pop().ok_or_else(|| BackendError::not_found(format!("entry for {address}")))
        })
    }

    fn transitions(&self, request: Transitions, author: Author) -> Answer<'_, Transitioned> {
        Box::pin(self.step(request, author))
    }

    fn cut(&self, address: String, what: CutRequest, author: Author) -> Answer<'_, Cut> {
        Box::pin(self.cut_leases(address, what, author))
    }

    fn resolve(&self, address: String, what: Resolve, author: Author) -> Answer<'_, Resolved> {
        Box::pin(self.resolve_doubt(address, what, author))
    }

    fn simulate(&self, what: Simulate) -> Answer<'_, Simulation> {
        Box::pin(self.simulate_edits(what))
    }

    fn sync(&self, reports: SyncReports, _: Author) -> Answer<'_, SyncTaken> {
        Box::pin(self.take_syncs(reports))
    }
}

impl Control {
    async fn list_moves(&self, query: MovesQuery) -> Result<MoveList, BackendError> {
        self.must_know_all_mail()?;
        let directory = Arc::clone(self.routes.directory());
        let limit = page_limit(query.limit);
        let page = blocking(move || {
            let table = directory.snapshot();
            let after =
                query.cursor.as_deref().map(|it| parse_address(it, "cursor")).transpose()?;
            let after = after.map(|it| it.key());
            let state = query.state.map(move_state);
            let mut rows = table.page(after.as_ref(), limit + 1, |it| {
                is_within(it, &query.within_domains, &query.within_batches)
                    && state.is_none_or(|state| state == it.state)
                    && query.batch.as_deref().is_none_or(|batch| it.batch.as_deref() == Some(batch))
            });
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next_cursor = rows.last().filter(|_| more).map(|it| it.address.to_string());
            let rows: Vec<MoveRow> = rows.into_iter().map(|it| directory.with_since(it)).collect();
            Ok((table.generation(), rows, next_cursor))
        });
        let (generation, rows, next_cursor) = page.await?;
        Ok(MoveList { generation, moves: self.with_mail(rows).await, next_cursor })
    }

    /// Before, nothing can be said of what is in doubt.
    fn must_know_all_mail(&self) -> Result<(), BackendError> {
        match self.recovered() {
            true => Ok(()),
            false => Err(BackendError::Busy {
                detail: "mail of the last run is still being read".to_owned(),
            }),
        }
    }

    fn move_row(&self, address: &str) -> Result<MoveRow, BackendError> {
        let key = parse_address(address, "address")?.key();
        let found = self.routes.directory().move_row(&key);
        found.ok_or_else(|| BackendError::not_found(format!("entry for {address}")))
    }

    async fn with_mail(&self, rows: Vec<MoveRow>) -> Vec<Move> {
        let mailboxes: Vec<Vec<AddressKey>> = rows.iter().map(|it| keys(&it.entry)).collect();
        let mail = self.delivery.mail_of(&mailboxes).await;
        rows.into_iter().zip(mail).map(|(row, mail)| self.shown(&row, mail)).collect()
    }

    fn shown(&self, row: &MoveRow, mail: MailboxMail) -> Move {
        let entry = &row.entry;
        let sync = self.routes.directory().sync_of(&entry.address.key());
        Move {
            address: entry.address.to_string(),
            home: entry.home.to_string(),
            state: api_state(entry.state),
            batch: entry.batch.as_deref().map(str::to_owned),
            generation: entry.generation,
            since: row.since.to_string(),
            hold_until: self.hold_until(row),
            leases: mail.leases.into_iter().map(lease).collect(),
            leases_total: mail.leases_n,
            in_doubt: mail.in_doubt.into_iter().map(in_doubt).collect(),
            in_doubt_total: mail.in_doubt_n,
            held_messages: mail.held_n,
            sync: sync.map(sync_report),
        }
    }

    pub(super) fn hold_until(&self, row: &MoveRow) -> Option<String> {
        let max = self.config.load().routing.cutover_max;
        let cut = row.entry.state == MoveState::Cutover;
        cut.then(|| row.since.plus(max).to_string())
    }

    async fn cut_leases(
        &self,
        address: String,
        what: CutRequest,
        author: Author,
    ) -> Result<Cut, BackendError> {
        let row = self.move_row(&address)?;
        if row.entry.state != MoveState::Cutover {
            return Err(BackendError::Refused {
                detail: format!(
                    "{} is in state {}: another attempt would begin at once",
                    row.entry.address, row.entry.state
                ),
                hint: Some("take it to cutover first; what is cut is held then".to_owned()),
            });
        }
        let older_than = Duration::from_secs(what.older_than_seconds.unwrap_or_default());
        let mailbox = keys(&row.entry);
        let cut = self.delivery.cut(&mailbox, older_than, &author.0, what.dry_run).await;
        Ok(Cut {
            dry_run: what.dry_run,
            leases: cut.leases.into_iter().map(cut_lease).collect(),
            others_in_doubt: cut.others_in_doubt,
        })
    }

    async fn resolve_doubt(
        &self,
        address: String,
        what: Resolve,
        author: Author,
    ) -> Result<Resolved, BackendError> {
        let row = self.move_row(&address)?;
        let resolution = Resolution {
            message: parse_id(&what.message, "message")?,
            delivered: what.delivered,
            by: author.0,
            evidence: what.evidence.unwrap_or_default(),
        };
        let refused = |detail: String, hint: &str| BackendError::Refused {
            detail,
            hint: Some(hint.to_owned()),
        };
        let message = what.message;
        match self.delivery.resolve(&keys(&row.entry), &resolution).await {
            Outcome::Done(recipients) => Ok(Resolved { recipients }),
            Outcome::Busy => Err(refused(
                format!("{message} is being delivered to {address} right now"),
                "wait until the mailbox has no leases, then look at in_doubt again",
            )),
            Outcome::NothingInDoubt => Err(refused(
                format!("nothing of {message} is in doubt for {address}"),
                "look at in_doubt of the mailbox: it may be resolved already",
            )),
            Outcome::Failed => {
                Err(BackendError::Failed { detail: "the ledger cannot be written".into() })
            }
        }
    }

    async fn take_syncs(&self, reports: SyncReports) -> Result<SyncTaken, BackendError> {
        let directory = Arc::clone(self.routes.directory());
        let now = self.now();
        blocking(move || {
            let table = directory.snapshot();
            let mut errors = Vec::new();
            let mut all = Vec::with_capacity(reports.reports.len());
            for it in &reports.reports {
                match sync_of(it, &table, now) {
                    Ok(report) => all.push(report),
                    Err(error) => errors.push(error),
                }
            }
            if !errors.is_empty() {
                return Err(BackendError::Invalid { detail: "None was kept.".into(), errors });
            }
            let taken = all.len() as u64;
            let kept = directory.report_syncs(all);
            kept.map_err(|it| BackendError::Failed { detail: it.to_string() })?;
            Ok(SyncTaken { taken })
        })
        .await
    }
}

/// All addresses of a mailbox.
fn keys(entry: &Entry) -> Vec<AddressKey> {
    std::iter::once(&entry.address).chain(&entry.aliases).map(Address::key).collect()
}

fn lease(it: deliver::moves::Lease) -> api::Lease {
    api::Lease {
        message: it.message.to_string(),
        recipient: it.recipient,
        hop: it.hop,
        since: it.taken.at.to_string(),
        generation: it.taken.generation,
    }
}

fn cut_lease((it, end): (deliver::moves::Lease, CutEnd)) -> CutLease {
    CutLease {
        message: it.message.to_string(),
        recipient: it.recipient,
        hop: it.hop,
        since: it.taken.at.to_string(),
        outcome: match end {
            CutEnd::Aborted => CutOutcome::Aborted,
            CutEnd::InDoubt => CutOutcome::InDoubt,
            CutEnd::Settled => CutOutcome::Settled,
            CutEnd::UnderWay => CutOutcome::UnderWay,
        },
    }
}

fn in_doubt(it: deliver::moves::InDoubt) -> api::InDoubt {
    api::InDoubt {
        message: it.message.to_string(),
        recipient: it.recipient,
        hop: it.hop,
        attempts: it.attempts,
        first_failed_at: it.first_failed_at.map(|it| it.to_string()),
        last_reply: Some(it.last_reply).filter(|it| !it.is_empty()),
    }
}

fn sync_report(it: SyncReport) -> api::SyncReport {
    api::SyncReport {
        items_total: it.items_total,
        items_done: it.items_done,
        last_sync_at: it.last_sync_at.map(|it| it.to_string()),
        reported_at: it.reported_at.to_string(),
    }
}

/// Only of mailboxes that are listed, so that the table bounds how many there are.
fn sync_of(
    it: &api::SyncOf,
    table: &router::Table,
    now: Timestamp,
) -> Result<(AddressKey, SyncReport), FieldError> {
    let mistake =
        |place: &str, message: &str| FieldError::new(format!("{}: {place}", it.address), message);
    let address = it.address.parse::<Address>();
    let key = address.map_err(|error| mistake("address", &error.to_string()))?.key();
    let entry = table.find(&key).ok_or_else(|| mistake("address", "it is not in the table"))?;
    if it.items_done > it.items_total {
        return Err(mistake("items_done", "want at most items_total"));
    }
    let last_sync_at = it.last_sync_at.as_deref().map(str::parse::<Timestamp>).transpose();
    let last_sync_at = last_sync_at
        .map_err(|_| mistake("last_sync_at", "want a time as in 2026-01-05T08:00:00Z"))?;
    let report = SyncReport {
        items_total: it.items_total,
        items_done: it.items_done,
        last_sync_at,
        reported_at: now,
    };
    Ok((entry.entry().address.key(), report))
}
