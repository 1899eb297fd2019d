//! Local accounts.

use api::{Done, NewUser, PasswordChange, Role, Totp, TotpRequest, User, UserList, UserPatch};
use mail::Timestamp;

use crate::store::{Account, SessionKind, SessionRow};
use crate::time::rfc3339;
use crate::{Access, AccessError, Limit, Principal, password, secret, totp};

const ACCOUNTS_MAX: usize = 1000;
const NAME_BYTES_MAX: usize = 64;

impl Access {
    pub fn users(&self) -> UserList {
        UserList { users: self.memory().accounts.values().map(shown).collect() }
    }

    pub fn user(&self, name: &str) -> Result<User, AccessError> {
        self.memory().accounts.get(name).map(shown).ok_or_else(|| nobody(name))
    }

    /// Blocking, with the cost of a password.
    pub fn add_user(&self, new: NewUser, by: &str, now: Timestamp) -> Result<User, AccessError> {
        check_name(&new.name)?;
        let limit = limit_for(new.role, &new.domains, &new.batches)?;
        password::check(&new.password, &new.name)?;
        let account = Account {
            password: password::hash(&new.password, self.settings.password)?,
            name: new.name,
            role: new.role,
            limit,
            totp: None,
            totp_pending: None,
            totp_step: 0,
            recovery: Vec::new(),
            disabled: false,
            created_at: now,
            created_by: by.to_owned(),
            changed_at: now,
            last_login_at: None,
        };
        self.with_store(|store, _| {
            let n = self.memory().accounts.len();
            if self.memory().accounts.contains_key(&account.name) {
                let detail = format!("there is a user {} already", account.name);
                return Err(AccessError::Refused {
                    detail,
                    hint: "PATCH it, or take another name",
                });
            }
            if n >= ACCOUNTS_MAX {
                return Err(AccessError::Full(format!("there are {ACCOUNTS_MAX} users already")));
            }
            store.put_account(&account, &[])?;
            let user = shown(&account);
            self.memory_mut().accounts.insert(account.name.clone(), account);
            Ok(user)
        })
    }

    /// Ends the account's sessions: what they may do has changed. Blocking.
    pub fn change_user(
        &self,
        name: &str,
        patch: &UserPatch,
        now: Timestamp,
    ) -> Result<User, AccessError> {
        self.change(name, now, |account| {
            let role = patch.role.unwrap_or(account.role);
            let domains = patch.domains.as_ref().unwrap_or(&account.limit.domains);
            let batches = patch.batches.as_ref().unwrap_or(&account.limit.batches);
            account.limit = limit_for(role, domains, batches)?;
            account.role = role;
            account.disabled = patch.disabled.unwrap_or(account.disabled);
            Ok(Ends::All)
        })
        .map(|(account, _)| shown(&account))
    }

    /// And its sessions. Blocking.
    pub fn remove_user(&self, name: &str) -> Result<Done, AccessError> {
        self.with_store(|store, _| {
            if !self.memory().accounts.contains_key(name) {
                return Err(nobody(name));
            }
            let ended = self.memory().session_ids(|it| is_of(it, name));
            store.remove_account(name, &ended)?;
            let mut memory = self.memory_mut();
            memory.accounts.remove(name);
            memory.drop_sessions(&ended);
            Ok(Done { sessions_ended: ended.len() as u64 })
        })
    }

    /// Whoever changes their own password proves that they know the old one. Ends the account's
    /// other sessions. Blocking, with the cost of two passwords.
    pub fn set_password(
        &self,
        name: &str,
        change: &PasswordChange,
        by: &Principal,
        now: Timestamp,
    ) -> Result<Done, AccessError> {
        self.may_manage(name, by)?;
        password::check(&change.password, name)?;
        let wrong = || AccessError::Forbidden("the current password is not right".into());
        let mut proven = None;
        if by.is_user(name) {
            let hash = self.memory().accounts.get(name).map(|it| it.password.clone());
            let hash = hash.unwrap_or_default();
            let current = change.current.as_deref().unwrap_or_default();
            if !password::verify(current, &hash) {
                return Err(wrong());
            }
            proven = Some(hash);
        }
        let hash = password::hash(&change.password, self.settings.password)?;
        let (_, ended) = self.change(name, now, |account| {
            // Somebody may have set another one while this one was hashed.
            if proven.is_some_and(|it| it != account.password) {
                return Err(wrong());
            }
            account.password = hash;
            Ok(Ends::AllBut(by.id.clone()))
        })?;
        Ok(Done { sessions_ended: ended })
    }

    /// Enrols an authenticator in two steps, or takes it away. Blocking.
    pub fn totp(
        &self,
        name: &str,
        request: &TotpRequest,
        by: &Principal,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Totp, AccessError> {
        self.may_manage(name, by)?;
        if request.remove {
            self.change(name, now, |account| {
                account.totp = None;
                account.totp_pending = None;
                account.recovery.clear();
                Ok(Ends::AllBut(by.id.clone()))
            })?;
            return Ok(Totp::default());
        }
        let Some(code) = &request.code else { return self.begin_totp(name, issuer, now) };
        let mut codes = Vec::new();
        self.change(name, now, |account| {
            let pending = account.totp_pending.take().ok_or_else(|| AccessError::Refused {
                detail: "no secret waits for its first code".into(),
                hint: "ask for one first, without a code",
            })?;
            let step = totp::accept(&pending, code, now, 0).ok_or_else(|| {
                AccessError::invalid("code", "not right: is the clock of the device?")
            })?;
            account.totp = Some(pending);
            account.totp_step = step;
            codes = secret::recovery_codes();
            account.recovery =
                codes.iter().map(|it| secret::hex(&secret::recovery_hash(it))).collect();
            Ok(Ends::AllBut(by.id.clone()))
        })?;
        Ok(Totp { recovery_codes: codes, second_factor: true, ..Totp::default() })
    }

    fn begin_totp(&self, name: &str, issuer: &str, now: Timestamp) -> Result<Totp, AccessError> {
        let new = totp::new_secret();
        let (account, _) = self.change(name, now, |account| {
            account.totp_pending = Some(new.to_vec());
            Ok(Ends::None)
        })?;
        Ok(Totp {
            secret: Some(totp::base32(&new)),
            uri: Some(totp::uri(issuer, name, &new)),
            recovery_codes: Vec::new(),
            second_factor: account.totp.is_some(),
        })
    }

    /// One's own, or anybody's as an administrator.
    fn may_manage(&self, name: &str, by: &Principal) -> Result<(), AccessError> {
        if by.is_user(name) || by.role == Role::Administrator {
            return self.user(name).map(drop);
        }
        Err(AccessError::Forbidden(format!("{} may change their own account only", by.name)))
    }

    /// Reads, changes, writes; returns the account and how many sessions it cost.
    fn change(
        &self,
        name: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Account) -> Result<Ends, AccessError>,
    ) -> Result<(Account, u64), AccessError> {
        self.with_store(|store, _| {
            let found = self.memory().accounts.get(name).cloned();
            let mut account = found.ok_or_else(|| nobody(name))?;
            let ends = change(&mut account)?;
            account.changed_at = now;
            let ended = match ends {
                Ends::None => Vec::new(),
                Ends::All => self.memory().session_ids(|it| is_of(it, name)),
                Ends::AllBut(id) => {
                    self.memory().session_ids(|it| is_of(it, name) && Some(&it.id) != id.as_ref())
                }
            };
            store.put_account(&account, &ended)?;
            let mut memory = self.memory_mut();
            memory.accounts.insert(name.to_owned(), account.clone());
            memory.drop_sessions(&ended);
            Ok((account, ended.len() as u64))
        })
    }
}

/// Which sessions of an account a change of it ends.
enum Ends {
    None,
    All,
    AllBut(Option<String>),
}

fn is_of(session: &SessionRow, name: &str) -> bool {
    matches!(&session.kind, SessionKind::User(it) if it == name)
}

fn nobody(name: &str) -> AccessError {
    AccessError::NotFound(format!("user {}", name.escape_debug()))
}

/// Letters that look alike in no font, and nothing that could be taken for another kind of actor.
fn check_name(name: &str) -> Result<(), AccessError> {
    let is_letter =
        |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._-@".contains(&it);
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_letter);
    if !fits {
        let message = format!("want 1 to {NAME_BYTES_MAX} of a-z, 0-9, . _ - @");
        return Err(AccessError::invalid("name", message));
    }
    if name == "admin" {
        return Err(AccessError::invalid("name", "admin is what admin.token is called"));
    }
    Ok(())
}

/// Who can make accounts cannot be held by a limit.
pub(crate) fn limit_for(
    role: Role,
    domains: &[String],
    batches: &[String],
) -> Result<Limit, AccessError> {
    let limit = Limit::new(domains, batches)?;
    if role == Role::Administrator && !limit.is_none() {
        let message = "an administrator has no limit: take another role, or leave these out";
        return Err(AccessError::invalid("domains, batches", message));
    }
    Ok(limit)
}

fn shown(it: &Account) -> User {
    User {
        name: it.name.clone(),
        role: it.role,
        domains: it.limit.domains.clone(),
        batches: it.limit.batches.clone(),
        second_factor: it.totp.is_some(),
        recovery_codes_left: u32::try_from(it.recovery.len()).unwrap_or(u32::MAX),
        disabled: it.disabled,
        created_at: rfc3339(it.created_at),
        created_by: it.created_by.clone(),
        changed_at: rfc3339(it.changed_at),
        last_login_at: it.last_login_at.map(rfc3339),
    }
}
