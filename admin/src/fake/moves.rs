//! States of mailboxes in the move, for the sidecar.

use api::{
    EntryPatch, Move, MoveList, MoveState, Moved, MovesQuery, Rerouted, Resolve, Resolved,
    RowConflict, Simulate, Simulation, SyncReports, SyncTaken, TableEdit, TableEdits, Transitioned,
    Transitions,
};

use super::{FakeBackend, ready};
use crate::{Answer, Author, BackendError};

fn moved(entry: &api::Entry) -> Moved {
    Moved {
        address: entry.address.clone(),
        home: entry.home.clone(),
        state: entry.state,
        generation: entry.generation,
        since: entry.changed_at.clone(),
        hold_until: None,
    }
}

/// A mailbox whose last message is in doubt.
fn shown(entry: api::Entry) -> Move {
    let in_doubt = api::InDoubt {
        message: "0000000000001".to_owned(),
        recipient: entry.address.clone(),
        hop: entry.home.clone(),
        attempts: 1,
        first_failed_at: Some("2026-01-05T08:00:00.000000Z".to_owned()),
        last_reply: Some("no answer after the message: timed out".to_owned()),
    };
    Move {
        address: entry.address,
        home: entry.home,
        state: entry.state,
        batch: entry.batch,
        generation: entry.generation,
        since: entry.changed_at,
        hold_until: None,
        leases: Vec::new(),
        leases_total: 0,
        in_doubt: vec![in_doubt],
        in_doubt_total: 1,
        held_messages: 0,
        sync: None,
    }
}

/// The other site at the flip, else where it is.
fn home_after(entry: &api::Entry, to: MoveState) -> String {
    match (entry.state, to) {
        (MoveState::Cutover, MoveState::Cloud) => "cloud".to_owned(),
        (_, MoveState::OnPrem) => "on_prem".to_owned(),
        _ => entry.home.clone(),
    }
}

impl crate::Moves for FakeBackend {
    fn moves(&self, query: MovesQuery) -> Answer<'_, MoveList> {
        let state = self.state();
        let list = api::ListQuery {
            batch: query.batch,
            within_domains: query.within_domains,
            within_batches: query.within_batches,
            cursor: query.cursor,
            limit: query.limit,
            ..api::ListQuery::default()
        };
        let fits = |it: &api::Entry| query.state.is_none_or(|state| state == it.state);
        ready(state.table.list(&list).map(|page| MoveList {
            generation: page.generation,
            moves: page.entries.into_iter().filter(fits).map(shown).collect(),
            next_cursor: page.next_cursor,
        }))
    }

    fn one_move(&self, address: String) -> Answer<'_, Move> {
        ready(self.state().table.get(&address).map(|(_, entry)| shown(entry)))
    }

    fn transitions(&self, request: Transitions, author: Author) -> Answer<'_, Transitioned> {
        self.change(move |state| {
            let overrides: Vec<api::Rail> = request.overrides.iter().map(|it| it.rail).collect();
            if !request.dry_run {
                super::plans::pass(&state.blocked, &overrides)?;
            }
            let reason = request.reason.clone().unwrap_or_default();
            let mut blocked = state.blocked.clone();
            for it in blocked.iter_mut().filter(|it| overrides.contains(&it.rail)) {
                it.overridden_by = Some(author.0.clone());
            }
            state.log.push((author.0, format!("transitions {reason}")));
            let (mut edits, mut conflicts) = (Vec::new(), Vec::new());
            for it in &request.moves {
                let found = state.table.get(&it.address).ok().map(|(_, entry)| entry);
                match found.filter(|entry| entry.generation == it.generation) {
                    Some(entry) => edits.push(TableEdit::Set {
                        address: it.address.clone(),
                        entry: EntryPatch {
                            home: Some(home_after(&entry, it.to)),
                            state: Some(it.to),
                            ..EntryPatch::default()
                        },
                    }),
                    None => {
                        let found = state.table.get(&it.address).ok().map(|(_, entry)| entry);
                        conflicts.push(RowConflict {
                            address: it.address.clone(),
                            expected: Some(it.generation),
                            actual: found.as_ref().map(|it| it.generation),
                            state: found.as_ref().map(|it| it.state),
                            ..RowConflict::default()
                        });
                    }
                }
            }
            if !conflicts.is_empty() {
                let generation = state.table.generation();
                return Err(BackendError::MovesChanged { generation, conflicts });
            }
            let dry_run = request.dry_run;
            let done = state.table.edit(&TableEdits { edits, dry_run, ..TableEdits::default() })?;
            let entries = done.changes.iter().filter_map(|it| it.after.as_ref());
            Ok(Transitioned {
                generation: done.generation,
                moves: entries.map(moved).collect(),
                dry_run,
                blocked,
            })
        })
    }

    /// Two attempts, one of which had sent its message.
    fn cut(&self, address: String, what: api::CutRequest, author: Author) -> Answer<'_, api::Cut> {
        self.change(move |state| {
            let (_, entry) = state.table.get(&address)?;
            if entry.state != MoveState::Cutover {
                return Err(BackendError::Refused {
                    detail: format!("{} is not in cutover", entry.address),
                    hint: Some("cut it over first".to_owned()),
                });
            }
            let lease = |message: &str, outcome| api::CutLease {
                message: message.to_owned(),
                recipient: entry.address.clone(),
                hop: entry.home.clone(),
                since: "2026-01-05T08:00:00.000000Z".to_owned(),
                outcome: if what.dry_run { api::CutOutcome::UnderWay } else { outcome },
            };
            if !what.dry_run {
                state.log.push((author.0, format!("cut {address}")));
            }
            Ok(api::Cut {
                dry_run: what.dry_run,
                leases: vec![
                    lease("0000000000001", api::CutOutcome::InDoubt),
                    lease("0000000000002", api::CutOutcome::Aborted),
                ],
                others_in_doubt: u64::from(!what.dry_run),
            })
        })
    }

    fn resolve(&self, address: String, what: Resolve, author: Author) -> Answer<'_, Resolved> {
        self.change(move |state| {
            if what.message != "0000000000001" {
                return Err(BackendError::Refused {
                    detail: format!("nothing of {} is in doubt for {address}", what.message),
                    hint: None,
                });
            }
            state.log.push((author.0, format!("resolve delivered={}", what.delivered)));
            Ok(Resolved { recipients: 1 })
        })
    }

    fn simulate(&self, what: Simulate) -> Answer<'_, Simulation> {
        let state = self.state();
        let changed = what.edits.iter().map(|it| Rerouted {
            id: "0000000000001".to_owned(),
            accepted_at: "2026-01-05T08:00:00.000000Z".to_owned(),
            recipient: it.address().to_owned(),
            went: "on_prem".to_owned(),
            would_go: "cloud".to_owned(),
            why: "deliver to cloud".to_owned(),
        });
        ready(Ok(Simulation {
            generation: state.table.generation(),
            since: what.since.unwrap_or_else(|| "2026-01-04T08:00:00.000000Z".to_owned()),
            messages_seen: 7,
            recipients_seen: 9,
            changed: changed.collect(),
            next_cursor: None,
        }))
    }

    fn sync(&self, reports: SyncReports, author: Author) -> Answer<'_, SyncTaken> {
        self.change(move |state| {
            let taken = reports.reports.len() as u64;
            state.log.push((author.0, format!("sync {taken}")));
            Ok(SyncTaken { taken })
        })
    }
}
