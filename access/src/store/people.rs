//! Accounts, tokens and sessions.

use mail::Timestamp;
use rusqlite::{Row, Transaction, params};

use super::rows::{account, list, session, token};
use super::{Account, SessionRow, Store, TokenRow, sql};
use crate::AccessError;

const PUT_ACCOUNT: &str = "INSERT OR REPLACE INTO account VALUES
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const PUT_TOKEN: &str =
    "INSERT OR REPLACE INTO token VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const PUT_SESSION: &str = "INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

impl Store {
    pub(crate) fn accounts(&self) -> Result<Vec<Account>, AccessError> {
        self.all("SELECT * FROM account", account)
    }

    pub(crate) fn tokens(&self) -> Result<Vec<TokenRow>, AccessError> {
        self.all("SELECT * FROM token", token)
    }

    pub(crate) fn sessions(&self) -> Result<Vec<SessionRow>, AccessError> {
        self.all("SELECT * FROM session", session)
    }

    fn all<T>(
        &self,
        select: &str,
        value: fn(&Row<'_>) -> Option<T>,
    ) -> Result<Vec<T>, AccessError> {
        let read = || -> rusqlite::Result<Vec<Result<T, String>>> {
            let mut statement = self.connection.prepare(select)?;
            let rows = statement.query_map([], |row| {
                let name = || row.get::<_, String>(0).unwrap_or_else(|_| "?".into());
                Ok(value(row).ok_or_else(name))
            })?;
            rows.collect()
        };
        let rows = read().map_err(|it| self.error("read", it))?;
        rows.into_iter().map(|it| it.map_err(|name| self.row_error(name))).collect()
    }

    /// The account as it is now; `ended` are sessions that it costs.
    pub(crate) fn put_account(
        &mut self,
        account: &Account,
        ended: &[String],
    ) -> Result<(), AccessError> {
        self.change(|transaction| {
            put_account(transaction, account)?;
            end(transaction, ended)
        })
    }

    pub(crate) fn remove_account(
        &mut self,
        name: &str,
        ended: &[String],
    ) -> Result<(), AccessError> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM account WHERE name = ?1", [name])?;
            end(transaction, ended)
        })
    }

    pub(crate) fn put_token(&mut self, row: &TokenRow) -> Result<(), AccessError> {
        self.change(|transaction| put_token(transaction, row))
    }

    pub(crate) fn remove_token(&mut self, id: &str, ended: &[String]) -> Result<(), AccessError> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM token WHERE id = ?1", [id])?;
            end(transaction, ended)
        })
    }

    /// A session begins; `account` notes the login and what it used up.
    pub(crate) fn begin_session(
        &mut self,
        session: &SessionRow,
        account: Option<&Account>,
        ended: &[String],
    ) -> Result<(), AccessError> {
        self.change(|transaction| {
            account.map_or(Ok(()), |it| put_account(transaction, it))?;
            put_session(transaction, session)?;
            end(transaction, ended)
        })
    }

    pub(crate) fn end_sessions(&mut self, ended: &[String]) -> Result<(), AccessError> {
        self.change(|transaction| end(transaction, ended))
    }

    /// When each was last used, and the sessions that are over.
    pub(crate) fn note_uses(
        &mut self,
        tokens: &[(String, Timestamp)],
        sessions: &[(String, Timestamp)],
        ended: &[String],
    ) -> Result<(), AccessError> {
        self.change(|transaction| {
            for (id, at) in tokens {
                transaction.execute(
                    "UPDATE token SET last_used_at = ?2 WHERE id = ?1",
                    params![id, sql(at.as_micros())],
                )?;
            }
            for (id, at) in sessions {
                transaction.execute(
                    "UPDATE session SET last_used_at = ?2 WHERE id = ?1",
                    params![id, sql(at.as_micros())],
                )?;
            }
            end(transaction, ended)
        })
    }
}

fn put_account(transaction: &Transaction<'_>, it: &Account) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(PUT_ACCOUNT)?;
    put.execute(params![
        it.name,
        it.role.as_str(),
        list(&it.limit.domains),
        list(&it.limit.batches),
        it.password,
        it.totp,
        it.totp_pending,
        sql(it.totp_step),
        list(&it.recovery),
        it.disabled,
        sql(it.created_at.as_micros()),
        it.created_by,
        sql(it.changed_at.as_micros()),
        it.last_login_at.map(|it| sql(it.as_micros())),
    ])?;
    Ok(())
}

fn put_token(transaction: &Transaction<'_>, it: &TokenRow) -> rusqlite::Result<()> {
    transaction.prepare_cached(PUT_TOKEN)?.execute(params![
        it.id,
        it.hash,
        it.name,
        it.role.as_str(),
        list(&it.limit.domains),
        list(&it.limit.batches),
        sql(it.created_at.as_micros()),
        it.created_by,
        it.expires_at.map(|it| sql(it.as_micros())),
        it.last_used_at.map(|it| sql(it.as_micros())),
    ])?;
    Ok(())
}

fn put_session(transaction: &Transaction<'_>, it: &SessionRow) -> rusqlite::Result<()> {
    let (kind, whose) = it.kind.columns();
    transaction.prepare_cached(PUT_SESSION)?.execute(params![
        it.id,
        it.hash,
        kind,
        whose,
        it.source,
        sql(it.created_at.as_micros()),
        sql(it.last_used_at.as_micros()),
        sql(it.expires_at.as_micros()),
    ])?;
    Ok(())
}

fn end(transaction: &Transaction<'_>, ids: &[String]) -> rusqlite::Result<()> {
    let mut remove = transaction.prepare_cached("DELETE FROM session WHERE id = ?1")?;
    ids.iter().try_for_each(|id| remove.execute([id]).map(drop))
}
