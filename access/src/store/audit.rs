//! The audit log's rows. Their chain is [`crate::audit`]'s affair.

use api::AuditRecord;
use mail::Timestamp;
use rusqlite::{Row, params};

use super::{Store, sql, unsigned};
use crate::AccessError;
use crate::time::rfc3339;

const APPEND: &str = "INSERT INTO audit VALUES
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

/// What to look for; numbers are inclusive at the lower end and exclusive at the upper one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub(crate) actor: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) after: Option<Timestamp>,
    pub(crate) before: Option<Timestamp>,
    pub(crate) below: Option<u64>,
    pub(crate) limit: u32,
}

impl Store {
    pub(crate) fn append(&mut self, it: &AuditRecord, at: Timestamp) -> Result<(), AccessError> {
        self.change(|transaction| {
            let mut append = transaction.prepare_cached(APPEND)?;
            append.execute(params![
                sql(it.seq),
                sql(at.as_micros()),
                it.kind,
                it.actor,
                it.via,
                it.source,
                it.action,
                it.target,
                it.details,
                it.status,
                it.code,
                it.begun.map(sql),
                it.previous_hash,
                it.hash,
            ])?;
            Ok(())
        })
    }

    /// The last record's number and hash.
    pub(crate) fn audit_head(&self) -> Result<Option<(u64, String)>, AccessError> {
        self.one("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", [])
    }

    pub(crate) fn audit_hash(&self, seq: u64) -> Result<Option<String>, AccessError> {
        let found = self.one("SELECT seq, hash FROM audit WHERE seq = ?1", [sql(seq)])?;
        Ok(found.map(|(_, hash)| hash))
    }

    /// The last record before `at`: all up to it can go.
    pub(crate) fn audit_before(&self, at: Timestamp) -> Result<Option<(u64, String)>, AccessError> {
        const LAST: &str = "SELECT seq, hash FROM audit
            WHERE seq < (SELECT coalesce(min(seq), 9223372036854775807) FROM audit WHERE at >= ?1)
            ORDER BY seq DESC LIMIT 1";
        self.one(LAST, [sql(at.as_micros())])
    }

    fn one(
        &self,
        select: &str,
        with: impl rusqlite::Params,
    ) -> Result<Option<(u64, String)>, AccessError> {
        let read = |row: &Row<'_>| Ok((unsigned(row.get(0)?), row.get(1)?));
        match self.connection.query_row(select, with, read) {
            Ok(found) => Ok(Some(found)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(error) => Err(self.error("read", error)),
        }
    }

    pub(crate) fn audit_forget(&mut self, up_to: u64) -> Result<u64, AccessError> {
        self.change(|transaction| {
            let n = transaction.execute("DELETE FROM audit WHERE seq <= ?1", [sql(up_to)])?;
            Ok(n as u64)
        })
    }

    /// The newest first.
    pub(crate) fn audit_page(&self, search: &Search) -> Result<Vec<AuditRecord>, AccessError> {
        const PAGE: &str = "SELECT * FROM audit WHERE seq < ?1
            AND (?2 IS NULL OR actor = ?2)
            AND (?3 IS NULL OR substr(action, 1, length(?3)) = ?3)
            AND at >= ?4 AND at < ?5 ORDER BY seq DESC LIMIT ?6";
        let micros = |it: Option<Timestamp>| it.map(|it| sql(it.as_micros()));
        let with = params![
            search.below.map_or(i64::MAX, sql),
            search.actor,
            search.action,
            micros(search.after).unwrap_or(0),
            micros(search.before).unwrap_or(i64::MAX),
            search.limit,
        ];
        let read = || -> rusqlite::Result<Vec<AuditRecord>> {
            let mut statement = self.connection.prepare_cached(PAGE)?;
            statement.query_map(with, record)?.collect()
        };
        read().map_err(|it| self.error("read", it))
    }

    /// The records after `seq`, the oldest first.
    pub(crate) fn audit_after(&self, seq: u64, n: u32) -> Result<Vec<AuditRecord>, AccessError> {
        const NEXT: &str = "SELECT * FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        let read = || -> rusqlite::Result<Vec<AuditRecord>> {
            let mut statement = self.connection.prepare_cached(NEXT)?;
            statement.query_map(params![sql(seq), n], record)?.collect()
        };
        read().map_err(|it| self.error("read", it))
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let begun: Option<i64> = row.get(11)?;
    Ok(AuditRecord {
        seq: unsigned(row.get(0)?),
        at: rfc3339(Timestamp::from_micros(unsigned(row.get(1)?))),
        kind: row.get(2)?,
        actor: row.get(3)?,
        via: row.get(4)?,
        source: row.get(5)?,
        action: row.get(6)?,
        target: row.get(7)?,
        details: row.get(8)?,
        status: row.get(9)?,
        code: row.get(10)?,
        begun: begun.map(unsigned),
        previous_hash: row.get(12)?,
        hash: row.get(13)?,
    })
}
