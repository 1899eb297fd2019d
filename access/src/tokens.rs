//! Keys of programs: `causeway_ID_SECRET`, kept as SHA-256.

use std::time::Duration;

use api::{Done, MadeToken, NewToken, Token, TokenList, Via};
use mail::Timestamp;

use crate::store::{SessionKind, TokenRow};
use crate::time::rfc3339;
use crate::users::limit_for;
use crate::{Access, AccessError, Limit, Principal, secret};

const TOKENS_MAX: usize = 10_000;
const NAME_CHARACTERS_MAX: usize = 64;
const LIFE_DEFAULT: u64 = 90 * 86_400;
const LIFE_MAX: u64 = 10 * 365 * 86_400;

/// Uses are noted to this: a token that is busy must not be busy with that.
const USE_NOTED_EVERY: Duration = Duration::from_secs(600);

impl Access {
    pub fn tokens(&self) -> TokenList {
        let mut tokens: Vec<Token> = self.memory().tokens.values().map(shown).collect();
        tokens.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        TokenList { tokens }
    }

    /// Blocking.
    pub fn make_token(
        &self,
        new: &NewToken,
        by: &str,
        now: Timestamp,
    ) -> Result<MadeToken, AccessError> {
        let name = new.name.trim();
        let n = name.chars().count();
        if n == 0 || n > NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
            let message = format!("want 1 to {NAME_CHARACTERS_MAX} characters that say what for");
            return Err(AccessError::invalid("name", message));
        }
        let life = new.expires_in_seconds.unwrap_or(LIFE_DEFAULT);
        if !(1..=LIFE_MAX).contains(&life) {
            let message = format!("want 1 to {LIFE_MAX}");
            return Err(AccessError::invalid("expires_in_seconds", message));
        }
        let id = secret::id();
        let text = secret::token(&id);
        let row = TokenRow {
            id,
            hash: secret::hash(text.as_bytes()),
            name: name.to_owned(),
            role: new.role,
            limit: limit_for(new.role, &new.domains, &new.batches)?,
            created_at: now,
            created_by: by.to_owned(),
            expires_at: Some(now.plus(Duration::from_secs(life))),
            last_used_at: None,
        };
        self.with_store(|store, _| {
            if self.memory().tokens.len() >= TOKENS_MAX {
                return Err(AccessError::Full(format!("there are {TOKENS_MAX} tokens already")));
            }
            // By its name it is in the audit log, and its plans are its own.
            let lives = |it: &TokenRow| it.expires_at.is_none_or(|at| at > now);
            if self.memory().tokens.values().any(|it| it.name == row.name && lives(it)) {
                return Err(AccessError::Refused {
                    detail: format!("there is a token of the name {:?}", row.name),
                    hint: "revoke it first, or take another name",
                });
            }
            store.put_token(&row)?;
            let token = shown(&row);
            self.memory_mut().tokens.insert(row.hash, row);
            Ok(MadeToken { token, secret: text })
        })
    }

    /// And the sessions that were begun with it. Blocking.
    pub fn revoke_token(&self, id: &str) -> Result<Done, AccessError> {
        self.with_store(|store, _| {
            if !self.memory().tokens.values().any(|it| it.id == id) {
                return Err(AccessError::NotFound(format!("token {}", id.escape_debug())));
            }
            let is_of = |kind: &SessionKind| matches!(kind, SessionKind::Token(it) if it == id);
            let ended = self.memory().session_ids(|it| is_of(&it.kind));
            store.remove_token(id, &ended)?;
            let mut memory = self.memory_mut();
            memory.tokens.retain(|_, it| it.id != id);
            memory.drop_sessions(&ended);
            Ok(Done { sessions_ended: ended.len() as u64 })
        })
    }

    /// Whose text `offered` is. Does not block.
    pub fn by_token(&self, offered: &str, now: Timestamp) -> Option<Principal> {
        if self.break_glass.admit(offered) {
            return Some(break_glass());
        }
        // What is compared is a hash: how far it is right tells nothing of the token.
        let hash = secret::hash(offered.as_bytes());
        let (principal, is_stale) = {
            let memory = self.memory();
            let row = memory.tokens.get(&hash)?;
            let principal = of_token(row, now)?;
            let noted = row.last_used_at;
            (principal, noted.is_none_or(|it| now.since(it) >= USE_NOTED_EVERY))
        };
        if is_stale && let Some(row) = self.memory_mut().tokens.get_mut(&hash) {
            row.last_used_at = Some(now);
        }
        Some(principal)
    }
}

/// `None` once it has expired.
pub(crate) fn of_token(row: &TokenRow, now: Timestamp) -> Option<Principal> {
    if row.expires_at.is_some_and(|it| it <= now) {
        return None;
    }
    Some(Principal {
        name: format!("token:{}", row.name),
        role: row.role,
        limit: row.limit.clone(),
        via: Via::Token,
        id: Some(row.id.clone()),
        expires_at: row.expires_at,
        second_factor: None,
        vouched: None,
        is_glass: false,
    })
}

/// A line of `admin.token`.
pub(crate) fn break_glass() -> Principal {
    Principal {
        name: "admin".to_owned(),
        role: api::Role::Administrator,
        limit: Limit::default(),
        via: Via::BreakGlass,
        id: None,
        expires_at: None,
        second_factor: None,
        vouched: None,
        is_glass: true,
    }
}

fn shown(it: &TokenRow) -> Token {
    Token {
        id: it.id.clone(),
        name: it.name.clone(),
        role: it.role,
        domains: it.limit.domains.clone(),
        batches: it.limit.batches.clone(),
        created_at: rfc3339(it.created_at),
        created_by: it.created_by.clone(),
        expires_at: it.expires_at.map(rfc3339),
        last_used_at: it.last_used_at.map(rfc3339),
    }
}
