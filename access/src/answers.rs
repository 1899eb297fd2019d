//! The same request twice: an Idempotency-Key gets the answer that it got.

use std::collections::BTreeSet;
use std::time::Duration;

use mail::Timestamp;

use crate::secret::{self, Hash};
use crate::store::AnswerRow;
use crate::{Access, AccessError};

/// How long an answer is kept.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Keys at once. Beyond, new ones are refused: to forget one early would break the promise.
const KEYS_MAX: u64 = 10_000;
/// Of one actor, so that nobody takes those of the others.
const KEYS_OF_ONE_MAX: u64 = 2_000;
/// Bytes of an answer's body; of a longer one only the status is kept.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Who asks what, by which key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    pub actor: String,
    pub key: String,
    /// Method and path with query.
    pub route: String,
}

/// What to do with a request that has a key.
#[derive(Debug)]
pub enum Claim {
    /// Do it, then call [`Access::answer`].
    New(Hash),
    /// It was done: this is what was answered.
    Done(Answered),
    /// The key was used with another body.
    Mismatch,
    /// The first one has no answer yet.
    Running,
    /// It was begun and the gateway stopped; nobody knows.
    Unknown,
    /// It was done with this status; the answer was too long to be kept.
    Forgotten(u16),
}

#[derive(Clone, Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Those that this process is doing now.
pub(crate) type Running = BTreeSet<Question>;

impl Access {
    /// Looks the key up, and takes it if it is new. Blocking.
    pub fn claim(
        &self,
        question: &Question,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Claim, AccessError> {
        let hash = secret::hash(body);
        self.with_store(|store, _| {
            if let Some(row) = store.answer(question)? {
                return Ok(self.known(question, row, hash));
            }
            let n = store.answers()?;
            if n >= KEYS_MAX {
                let detail = format!("{KEYS_MAX} Idempotency-Keys are remembered already");
                return Err(AccessError::Full(detail));
            }
            if store.answers_of(&question.actor)? >= KEYS_OF_ONE_MAX {
                let detail = format!(
                    "{KEYS_OF_ONE_MAX} Idempotency-Keys of {} are remembered already",
                    question.actor
                );
                return Err(AccessError::Full(detail));
            }
            let row = AnswerRow { body_hash: hash, status: None, headers: vec![], body: None };
            store.put_answer(question, &row, now)?;
            self.running().insert(question.clone());
            self.metrics.answers.set(i64::try_from(n + 1).unwrap_or(i64::MAX));
            Ok(Claim::New(hash))
        })
    }

    /// Whoever did it came to no end: to ask again will say so.
    pub fn give_up(&self, question: &Question) {
        self.running().remove(question);
    }

    fn known(&self, question: &Question, row: AnswerRow, hash: Hash) -> Claim {
        if row.body_hash != hash {
            return Claim::Mismatch;
        }
        match (row.status, row.body) {
            (None, _) if self.running().contains(question) => Claim::Running,
            (None, _) => Claim::Unknown,
            (Some(status), None) => Claim::Forgotten(status),
            (Some(status), Some(body)) => {
                Claim::Done(Answered { status, headers: row.headers, body })
            }
        }
    }

    /// Keeps the answer of a request that was [`Claim::New`]; of one with a secret the status only.
    /// `None`: it was not done. Blocking.
    pub fn answer(
        &self,
        question: &Question,
        hash: Hash,
        answered: Option<Answered>,
        keeps_body: bool,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let kept = self.with_store(|store, _| match answered {
            // Not done: the key is free again.
            None => store.remove_answer(question),
            Some(it) => {
                let fits = keeps_body && it.body.len() <= BODY_BYTES_MAX;
                let body = fits.then_some(it.body);
                let status = Some(it.status);
                let row = AnswerRow { body_hash: hash, status, headers: it.headers, body };
                store.put_answer(question, &row, now)
            }
        });
        self.running().remove(question);
        kept
    }
}
