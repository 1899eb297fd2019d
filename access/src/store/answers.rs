//! Answers for an Idempotency-Key.

use mail::Timestamp;
use rusqlite::{Row, params};

use super::{Store, sql, unsigned};
use crate::AccessError;
use crate::answers::Question;
use crate::secret::Hash;

#[derive(Clone, Debug)]
pub(crate) struct AnswerRow {
    pub(crate) body_hash: Hash,
    /// `None` while it runs, or if the gateway stopped meanwhile.
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Store {
    pub(crate) fn answers(&self) -> Result<u64, AccessError> {
        let count = "SELECT count(*) FROM answer";
        let count: rusqlite::Result<i64> = self.connection.query_row(count, [], |row| row.get(0));
        count.map(unsigned).map_err(|it| self.error("read", it))
    }

    pub(crate) fn answers_of(&self, actor: &str) -> Result<u64, AccessError> {
        let count = "SELECT count(*) FROM answer WHERE actor = ?1";
        let count: rusqlite::Result<i64> =
            self.connection.query_row(count, [actor], |row| row.get(0));
        count.map(unsigned).map_err(|it| self.error("read", it))
    }

    pub(crate) fn answer(&self, question: &Question) -> Result<Option<AnswerRow>, AccessError> {
        const GET: &str = "SELECT body_hash, status, headers, body FROM answer
            WHERE actor = ?1 AND key = ?2 AND route = ?3";
        let read = |row: &Row<'_>| {
            let headers: String = row.get(2)?;
            Ok(AnswerRow {
                body_hash: row.get(0)?,
                status: row.get(1)?,
                headers: serde_json::from_str(&headers).unwrap_or_default(),
                body: row.get(3)?,
            })
        };
        let with = params![question.actor, question.key, question.route];
        match self.connection.query_row(GET, with, read) {
            Ok(row) => Ok(Some(row)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(error) => Err(self.error("read", error)),
        }
    }

    pub(crate) fn put_answer(
        &mut self,
        question: &Question,
        row: &AnswerRow,
        at: Timestamp,
    ) -> Result<(), AccessError> {
        let headers = serde_json::to_string(&row.headers).expect("texts are JSON");
        self.change(|transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    question.actor,
                    question.key,
                    question.route,
                    row.body_hash,
                    sql(at.as_micros()),
                    row.status,
                    headers,
                    row.body,
                ],
            )?;
            Ok(())
        })
    }

    pub(crate) fn remove_answer(&mut self, question: &Question) -> Result<(), AccessError> {
        self.change(|transaction| {
            transaction.execute(
                "DELETE FROM answer WHERE actor = ?1 AND key = ?2 AND route = ?3",
                params![question.actor, question.key, question.route],
            )?;
            Ok(())
        })
    }

    pub(crate) fn forget_answers(&mut self, before: Timestamp) -> Result<(), AccessError> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM answer WHERE at < ?1", [sql(before.as_micros())])?;
            Ok(())
        })
    }
}
