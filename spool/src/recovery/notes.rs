//! What events say about recipients that still wait.

use std::collections::HashSet;
use std::sync::Arc;

use mail::Timestamp;

use crate::event::{Event, What};
use crate::record::Lsn;

/// What is known of one recipient of a message that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientState {
    pub settled: bool,
    pub attempts: u32,
    pub first_failed_at: Option<Timestamp>,
    /// Not to be tried before.
    pub due: Option<Timestamp>,
    pub held_by: Option<String>,
    pub delay_notified: bool,
    pub last_reply: Option<String>,
    /// An attempt had no answer, or may have been under way when the run ended without order: the
    /// next delivery may be a second one.
    pub maybe_duplicate: bool,
}

/// One event's effect on one recipient, in as little memory as it takes.
pub(crate) struct Note {
    pub(crate) id: u64,
    /// Where the event was first written: the order of events.
    pub(crate) written: Lsn,
    recipient: u16,
    change: Change,
}

enum Change {
    Deferred { attempt: u32, at: Timestamp, due: Timestamp, reply: Arc<str>, maybe_duplicate: bool },
    Held(Arc<str>),
    Released,
    DelayNotified,
}

/// Texts that repeat a million times are kept once.
#[derive(Default)]
pub(crate) struct Texts(HashSet<Arc<str>>);

impl Texts {
    const MAX: usize = 4096;

    fn keep(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() >= Self::MAX {
            self.0.clear();
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }
}

/// Notes of an event that settles nothing; none of one that does.
pub(crate) fn notes_of(event: &Event, written: Lsn, texts: &mut Texts, out: &mut Vec<Note>) {
    let id = event.id.as_u64();
    for &recipient in &event.recipients {
        let change = match &event.what {
            What::Deferred { attempt, reply, due, maybe_duplicate, .. } => Change::Deferred {
                attempt: *attempt,
                at: event.at,
                due: *due,
                reply: texts.keep(reply),
                maybe_duplicate: *maybe_duplicate,
            },
            What::Held { by, .. } => Change::Held(texts.keep(by)),
            What::Released { .. } => Change::Released,
            What::DelayNotified { .. } => Change::DelayNotified,
            What::Delivered { .. }
            | What::Bounced { .. }
            | What::Expired { .. }
            | What::Discarded { .. } => return,
        };
        out.push(Note { id, written, recipient, change });
    }
}

/// A recipient's state while its notes are applied in order.
pub(crate) struct Folded {
    pub(crate) state: RecipientState,
    /// Segment of the last thing that was written about it.
    pub(crate) last_segment: u32,
}

impl Folded {
    pub(crate) fn new(accepted: Lsn) -> Self {
        Self { state: RecipientState::default(), last_segment: accepted.segment }
    }

    fn apply(&mut self, note: &Note) {
        let state = &mut self.state;
        self.last_segment = self.last_segment.max(note.written.segment);
        match &note.change {
            Change::Deferred { attempt, at, due, reply, maybe_duplicate } => {
                state.attempts = state.attempts.max(*attempt);
                state.first_failed_at = state.first_failed_at.or(Some(*at));
                state.due = Some(*due);
                state.last_reply = Some(reply.to_string());
                state.maybe_duplicate |= maybe_duplicate;
            }
            Change::Held(by) => state.held_by = Some(by.to_string()),
            Change::Released => state.held_by = None,
            Change::DelayNotified => state.delay_notified = true,
        }
    }
}

/// Applies the notes of one message, which are in the order of their writing.
pub(crate) fn fold(notes: &[Note], recipients: u16, accepted: Lsn) -> Vec<Folded> {
    let mut all: Vec<Folded> = (0..recipients).map(|_| Folded::new(accepted)).collect();
    for note in notes {
        if let Some(folded) = all.get_mut(usize::from(note.recipient)) {
            folded.apply(note);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::SpoolId;

    #[test]
    fn later_events_win_whatever_order_they_are_found_in() {
        let event = |what| Event {
            id: SpoolId::from_u64(1),
            recipients: vec![0],
            at: Timestamp::from_micros(10),
            what,
        };
        let deferred = |attempt, due| What::Deferred {
            hop: "h".into(),
            host: "x".into(),
            generation: 1,
            attempt,
            reply: "451".into(),
            due: Timestamp::from_micros(due),
            maybe_duplicate: attempt == 1,
        };
        let at = |offset| Lsn { segment: 3, offset };
        let (mut notes, mut texts) = (Vec::new(), Texts::default());
        notes_of(&event(deferred(2, 50)), at(9), &mut texts, &mut notes);
        notes_of(&event(deferred(1, 20)), at(4), &mut texts, &mut notes);
        notes_of(
            &event(What::Held { by: "ann".into(), why: "".into() }),
            at(12),
            &mut texts,
            &mut notes,
        );
        notes.sort_by_key(|it| it.written);
        let folded = fold(&notes, 2, at(1));
        assert_eq!(folded[0].state.attempts, 2);
        assert_eq!(folded[0].state.due, Some(Timestamp::from_micros(50)));
        assert_eq!(folded[0].state.held_by.as_deref(), Some("ann"));
        assert!(folded[0].state.maybe_duplicate, "an answer to a later attempt takes nothing back");
        assert_eq!(folded[1].state, RecipientState::default());
    }
}
