//! The proof that nothing got lost: every accepted recipient has one outcome or waits.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use mail::SpoolId;

use super::files::{self, Known, frames};
use super::frame::Frame;
use super::trace::event_of;
use crate::error::SpoolError;
use crate::event::{Event, Settled, What};
use crate::record::Kind;

/// Recipients, counted by what became of them. `accepted` is the sum of the others when
/// `problems` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Messages; all other numbers are recipients.
    pub accepted_messages: u64,
    pub accepted: u64,
    pub delivered: u64,
    /// Of the delivered: an earlier attempt had no answer, so the hop may have the message twice.
    pub maybe_duplicate: u64,
    pub bounced: u64,
    pub expired: u64,
    pub discarded: u64,
    /// Wait in the spool.
    pub queued: u64,
    /// What does not add up, in words; at most 1,000.
    pub problems: Vec<String>,
}

const PROBLEMS_MAX: usize = 1000;

impl Verification {
    pub(super) fn not_yet() -> Self {
        let problems = vec!["the spool is still being read after a start; ask again".into()];
        Self { problems, ..Self::default() }
    }

    pub fn is_balanced(&self) -> bool {
        self.problems.is_empty()
    }

    fn object(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    fn count(&mut self, fate: Settled) {
        match fate {
            Settled::Delivered => self.delivered += 1,
            Settled::Bounced => self.bounced += 1,
            Settled::Expired => self.expired += 1,
            Settled::Discarded => self.discarded += 1,
        }
    }
}

/// Recipients of one message, one bit each.
struct Open {
    recipients: u16,
    settled: Vec<u64>,
}

impl Open {
    /// False when it was settled before.
    fn settle(&mut self, recipient: u16) -> bool {
        let bit = 1 << (recipient % 64);
        let word = &mut self.settled[usize::from(recipient / 64)];
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn open(&self) -> Vec<u16> {
        let settled = |it: u16| self.settled[usize::from(it / 64)] & 1 << (it % 64) != 0;
        (0..self.recipients).filter(|&it| !settled(it)).collect()
    }
}

struct Books {
    open: HashMap<u64, Open>,
    /// Messages with no open recipient; 8 bytes each, to notice a second outcome.
    closed: HashSet<u64>,
    /// Earlier files are gone: an unknown id may have been in them.
    pruned: bool,
    result: Verification,
}

/// Reads all of the ledger once. Memory: about 60 bytes for a message that waits and 10 for one
/// that does not.
pub(super) fn verify(
    files: &[Known],
    lens: &[u64],
    waiting: &HashMap<u64, Vec<u16>>,
    missing: u64,
) -> Result<Verification, SpoolError> {
    let mut books = Books {
        open: HashMap::new(),
        closed: HashSet::new(),
        pruned: files.iter().all(|it| it.number > 1) && !files.is_empty(),
        result: Verification::default(),
    };
    if missing > 0 {
        books.result.object(format!("{missing} bytes of the ledger could not be written"));
    }
    for (known, &len) in files.iter().zip(lens) {
        let len = known.len.unwrap_or(u64::MAX).min(len);
        let read = frames(&*known.file, Some(len), |frame, _| {
            books.enter(frame);
            ControlFlow::Continue(())
        })
        .map_err(SpoolError::io("read", files::path(known.number)))?;
        if read.damaged > 0 {
            let path = files::path(known.number);
            books.result.object(format!("{path}: {} bytes are damaged", read.damaged));
        }
    }
    books.compare(waiting);
    Ok(books.result)
}

impl Books {
    fn enter(&mut self, frame: &Frame<'_>) {
        if frame.kind == Kind::Mark {
            return;
        }
        if frame.kind == Kind::Message {
            self.accept(frame.id, frame.recipients);
            if !frame.settles {
                return;
            }
        }
        match event_of(frame) {
            Some(event) => self.event(&event),
            None => self.result.object(format!("{}: its event cannot be read", frame.id)),
        }
    }

    fn accept(&mut self, id: SpoolId, recipients: u16) {
        self.result.accepted_messages += 1;
        self.result.accepted += u64::from(recipients);
        let settled = vec![0; usize::from(recipients).div_ceil(64)];
        let known = self.closed.contains(&id.as_u64());
        let earlier = self.open.insert(id.as_u64(), Open { recipients, settled });
        if known || earlier.is_some() {
            self.result.object(format!("{id}: accepted twice"));
        }
    }

    fn event(&mut self, event: &Event) {
        let Some(fate) = Settled::of(&event.what) else { return };
        let id = event.id;
        let Some(open) = self.open.get_mut(&id.as_u64()) else {
            if self.closed.contains(&id.as_u64()) {
                self.result.object(format!("{id}: {} after all were settled", fate.as_str()));
            } else if !self.pruned {
                self.result.object(format!("{id}: {} but never accepted", fate.as_str()));
            }
            return;
        };
        let mut twice = Vec::new();
        let maybe_duplicate = matches!(event.what, What::Delivered { maybe_duplicate: true, .. });
        for &recipient in &event.recipients {
            if recipient >= open.recipients || !open.settle(recipient) {
                twice.push(recipient);
            } else {
                self.result.count(fate);
                self.result.maybe_duplicate += u64::from(maybe_duplicate);
            }
        }
        let done = open.open().is_empty();
        for recipient in twice {
            let fate = fate.as_str();
            self.result.object(format!("{id}: recipient {recipient} {fate}, settled before"));
        }
        if done {
            self.open.remove(&id.as_u64());
            self.closed.insert(id.as_u64());
        }
    }

    /// What is open in the books must wait in the spool, and the other way round.
    fn compare(&mut self, waiting: &HashMap<u64, Vec<u16>>) {
        let result = &mut self.result;
        for (&id, open) in &self.open {
            let expected = open.open();
            let there = waiting.get(&id).map_or(&[][..], |it| it);
            for it in expected.iter().filter(|it| !there.contains(it)) {
                let id = SpoolId::from_u64(id);
                result.object(format!("{id}: recipient {it} has no outcome and does not wait"));
            }
        }
        for (&id, there) in waiting {
            result.queued += there.len() as u64;
            let expected = self.open.get(&id).map(Open::open).unwrap_or_default();
            for it in there.iter().filter(|it| !expected.contains(it)) {
                let id = SpoolId::from_u64(id);
                result.object(format!(
                    "{id}: recipient {it} waits but the ledger has it settled or unknown"
                ));
            }
        }
        result.problems.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::What;
    use mail::Timestamp;

    fn books() -> Books {
        Books {
            open: HashMap::new(),
            closed: HashSet::new(),
            pruned: false,
            result: Verification::default(),
        }
    }

    fn bounce(id: u64, recipients: Vec<u16>) -> Event {
        let what = What::Bounced { generation: 1, reply: "550".into(), dsn: None };
        Event { id: SpoolId::from_u64(id), recipients, at: Timestamp::from_micros(1), what }
    }

    #[test]
    fn what_adds_up_is_no_problem() {
        let mut books = books();
        books.accept(SpoolId::from_u64(1), 100);
        books.event(&bounce(1, vec![0, 99]));
        books.compare(&HashMap::from([(1, (1..99).collect())]));
        assert_eq!(books.result.problems, Vec::<String>::new());
        assert_eq!(
            (books.result.accepted, books.result.bounced, books.result.queued),
            (100, 2, 98)
        );
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let mut books = books();
        books.accept(SpoolId::from_u64(1), 2);
        books.event(&bounce(1, vec![0]));
        books.event(&bounce(1, vec![0]));
        books.event(&bounce(2, vec![0]));
        books.accept(SpoolId::from_u64(3), 1);
        books.event(&bounce(3, vec![0]));
        books.event(&bounce(3, vec![0]));
        books.compare(&HashMap::from([(4, vec![0])]));
        assert_eq!(
            books.result.problems,
            [
                "0000000000001: recipient 0 bounced, settled before",
                "0000000000001: recipient 1 has no outcome and does not wait",
                "0000000000002: bounced but never accepted",
                "0000000000003: bounced after all were settled",
                "0000000000004: recipient 0 waits but the ledger has it settled or unknown",
            ]
        );
    }
}
