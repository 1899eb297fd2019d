//! People who are signed in.

use api::{Done, Role, Session, SessionList, Via};
use mail::Timestamp;

use crate::access::Memory;
use crate::store::{SessionKind, SessionRow};
use crate::time::rfc3339;
use crate::tokens::{break_glass, of_token};
use crate::{Access, AccessError, Principal, secret};

impl Access {
    /// Whose cookie this is; notes the use. What the account may do is looked up each time. Does
    /// not block.
    pub fn by_cookie(&self, value: &str, now: Timestamp) -> Option<Principal> {
        let hash = secret::hash(value.as_bytes());
        let mut memory = self.memory_mut();
        let row = memory.sessions.get(&hash)?;
        if self.is_over(row, now) {
            return None;
        }
        let principal = self.of_session(&memory, row, now)?;
        if let Some(row) = memory.sessions.get_mut(&hash) {
            row.last_used_at = now;
        }
        Some(principal)
    }

    /// Whether this one would be let in again now, with the same rights: for what goes on for long.
    /// Does not block, and does not count as a use.
    pub fn is_still(&self, principal: &Principal, now: Timestamp) -> bool {
        let Some(id) = &principal.id else { return true };
        let memory = self.memory();
        let session = memory.sessions.values().find(|it| it.id == *id && !self.is_over(it, now));
        let token = || of_token(memory.tokens.values().find(|it| it.id == *id)?, now);
        let present = match session {
            Some(row) => self.of_session(&memory, row, now),
            None => token(),
        };
        present.is_some_and(|it| it.role >= principal.role && it.limit == principal.limit)
    }

    fn is_over(&self, row: &SessionRow, now: Timestamp) -> bool {
        row.expires_at <= now || now.since(row.last_used_at) >= self.settings.session_idle
    }

    /// One's own, or with an administrator's eyes all.
    pub fn sessions(&self, of: &Principal, now: Timestamp) -> SessionList {
        let memory = self.memory();
        let all = memory.sessions.values().filter(|it| !self.is_over(it, now));
        let shown = all.filter_map(|row| {
            let whose = self.of_session(&memory, row, now)?;
            let is_same = of.name == whose.name && of.vouched == whose.vouched;
            let seen = of.role == Role::Administrator || is_same;
            seen.then(|| Session {
                id: row.id.clone(),
                name: whose.name,
                role: whose.role,
                source: row.source.clone(),
                created_at: rfc3339(row.created_at),
                last_used_at: rfc3339(row.last_used_at),
                expires_at: rfc3339(row.expires_at),
                current: of.is_session() && of.id.as_deref() == Some(row.id.as_str()),
            })
        });
        let mut sessions: Vec<Session> = shown.collect();
        sessions.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        SessionList { sessions }
    }

    /// One's own, or with an administrator's hand any. Blocking.
    pub fn end_session(
        &self,
        id: &str,
        by: &Principal,
        now: Timestamp,
    ) -> Result<Done, AccessError> {
        let known = self.sessions(by, now).sessions.iter().any(|it| it.id == id);
        if !known {
            return Err(AccessError::NotFound(format!("session {}", id.escape_debug())));
        }
        let ids = [id.to_owned()];
        self.with_store(|store, _| {
            store.end_sessions(&ids)?;
            self.memory_mut().drop_sessions(&ids);
            Ok(Done { sessions_ended: 1 })
        })?;
        self.count_sessions();
        Ok(Done { sessions_ended: 1 })
    }

    /// Those that are over go; when the others were used is written down. Blocking.
    pub(crate) fn tidy_sessions(&self, now: Timestamp) -> Result<(), AccessError> {
        self.with_store(|store, _| {
            let (ended, sessions, tokens) = {
                let memory = self.memory();
                let over = |it: &SessionRow| {
                    self.is_over(it, now) || self.of_session(&memory, it, now).is_none()
                };
                let ended = memory.session_ids(over);
                let used = |it: &SessionRow| (it.id.clone(), it.last_used_at);
                let sessions: Vec<_> = memory.sessions.values().map(used).collect();
                let used = memory.tokens.values();
                let used = used.filter_map(|it| Some((it.id.clone(), it.last_used_at?)));
                (ended, sessions, used.collect::<Vec<_>>())
            };
            store.note_uses(&tokens, &sessions, &ended)?;
            self.memory_mut().drop_sessions(&ended);
            Ok(())
        })?;
        self.count_sessions();
        Ok(())
    }

    pub(crate) fn count_sessions(&self) {
        let n = self.memory().sessions.len();
        self.metrics.sessions.set(i64::try_from(n).unwrap_or(i64::MAX));
    }

    /// `None` if whoever began it is gone, disabled or expired.
    fn of_session(&self, memory: &Memory, row: &SessionRow, now: Timestamp) -> Option<Principal> {
        let principal = match &row.kind {
            SessionKind::BreakGlass(hash) => self.break_glass.has_hash(hash).then(break_glass)?,
            SessionKind::Token(id) => {
                let token = memory.tokens.values().find(|it| it.id == *id)?;
                of_token(token, now)?
            }
            SessionKind::Oidc(it) => it.principal(self.rules.as_deref()?)?,
            SessionKind::User(name) => {
                let account = memory.accounts.get(name).filter(|it| !it.disabled)?;
                Principal {
                    name: account.name.clone(),
                    role: account.role,
                    limit: account.limit.clone(),
                    via: Via::Session,
                    id: None,
                    expires_at: None,
                    second_factor: Some(account.totp.is_some()),
                    vouched: None,
                    is_glass: false,
                }
            }
        };
        let ends = principal.expires_at.map_or(row.expires_at, |it| it.min(row.expires_at));
        let via = if principal.via == Via::Oidc { Via::Oidc } else { Via::Session };
        let (id, expires_at) = (Some(row.id.clone()), Some(ends));
        Some(Principal { via, id, expires_at, ..principal })
    }
}
