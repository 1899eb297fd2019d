//! The last good copy of each source, in SQLite. All SQL of this crate is here.
//!
//! The file's layout: docs/formats/recipients.md.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mail::{Address, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{Change, Kind, People, Recipient};

/// Grows with the layout.
const VERSION: i64 = 1;
/// `Crcp`, so that `file` and backups can tell what this is.
const APPLICATION_ID: i64 = 0x4372_6370;
const SCHEMA: &str = include_str!("schema.sql");
const BUSY_FOR: Duration = Duration::from_secs(2);

pub(crate) struct Store(Connection);

/// How far a source has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Which server, in its own words; another one counts otherwise.
    pub server: String,
    /// The highest `uSNChanged` that was seen.
    pub usn: u64,
    /// When it was last read without a mistake, and when in full.
    pub good_at: Option<Timestamp>,
    pub full_at: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("it is of version {0}, and this program knows {VERSION}")]
    Version(i64),
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_FOR)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => connection.execute_batch(&format!(
                "BEGIN IMMEDIATE;\n{SCHEMA}\nPRAGMA application_id={APPLICATION_ID}; \
                 PRAGMA user_version={VERSION};\nCOMMIT;"
            ))?,
            VERSION => (),
            other => return Err(StoreError::Version(other)),
        }
        Ok(Self(connection))
    }

    pub(crate) fn position(&self, source: &str) -> Result<Position, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(Position {
                server: row.get(0)?,
                usn: number(row.get(1)?),
                good_at: time(row.get(2)?),
                full_at: time(row.get(3)?),
            })
        };
        let sql = "SELECT server, usn, good_at, full_at FROM source WHERE name = ?1";
        Ok(self.0.query_row(sql, [source], read).optional()?.unwrap_or_default())
    }

    /// Rows that cannot be read any more are left out: the next full sync writes them again.
    pub(crate) fn people(&self, source: &str) -> Result<People, StoreError> {
        let sql = "SELECT id, address, others, x500, target, kind, usn \
                   FROM recipient WHERE source = ?1";
        let mut statement = self.0.prepare(sql)?;
        let rows = statement.query_map([source], |row| Ok(recipient(row)))?;
        let mut people = People::new();
        for row in rows {
            if let Some(it) = row?? {
                people.insert(it.id.clone(), Arc::new(it));
            }
        }
        Ok(people)
    }

    /// All of a change with the position after it, or nothing.
    pub(crate) fn apply(
        &mut self,
        source: &str,
        change: &Change,
        position: &Position,
    ) -> Result<(), StoreError> {
        let transaction = self.0.transaction()?;
        {
            let mut delete = transaction
                .prepare_cached("DELETE FROM recipient WHERE source = ?1 AND id = ?2")?;
            for it in &change.removed {
                delete.execute(params![source, it.id])?;
            }
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO recipient VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for it in &change.put {
                let others: Vec<String> = it.others.iter().map(Address::to_string).collect();
                put.execute(params![
                    source,
                    it.id,
                    it.address.to_string(),
                    others.join("\n"),
                    it.x500.join("\n"),
                    it.target.as_ref().map(Address::to_string),
                    it.kind.as_str(),
                    signed(it.usn),
                ])?;
            }
        }
        let at = |it: Option<Timestamp>| it.map_or(0, |it| signed(it.as_micros()));
        transaction.execute(
            "INSERT OR REPLACE INTO source VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                source,
                position.server,
                signed(position.usn),
                at(position.good_at),
                at(position.full_at)
            ],
        )?;
        transaction.commit()?;
        Ok(())
    }
}

fn recipient(row: &Row<'_>) -> rusqlite::Result<Option<Recipient>> {
    let text = |place: usize| row.get::<_, String>(place);
    let Ok(address) = text(1)?.parse() else { return Ok(None) };
    let (others, x500) = (text(2)?, text(3)?);
    let target: Option<String> = row.get(4)?;
    Ok(Some(Recipient {
        id: text(0)?.into(),
        address,
        others: others.lines().filter_map(|it| it.parse().ok()).collect(),
        x500: x500.lines().map(Box::from).collect(),
        target: target.and_then(|it| it.parse().ok()),
        kind: Kind::parse(&text(5)?).unwrap_or(Kind::Other),
        usn: number(row.get(6)?),
    }))
}

fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn time(micros: i64) -> Option<Timestamp> {
    (micros > 0).then(|| Timestamp::from_micros(number(micros)))
}
