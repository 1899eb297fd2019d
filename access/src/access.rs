//! What is opened once and asked by every request.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use mail::Timestamp;

use crate::answers::{KEPT_FOR, Running};
use crate::audit::Chain;
use crate::password::Cost;
use crate::secret::Hash;
use crate::store::{Account, SessionRow, Store, TokenRow};
use crate::throttle::Throttle;
use crate::{AccessError, AccessMetrics, Tokens};

/// By the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub password: Cost,
    /// A session ends so long after its last use.
    pub session_idle: Duration,
    /// And so long after the login at the latest.
    pub session_max: Duration,
    /// How long the audit log is kept.
    pub audit_kept: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            password: Cost::default(),
            session_idle: Duration::from_secs(8 * 3600),
            session_max: Duration::from_secs(24 * 3600),
            audit_kept: Duration::from_secs(730 * 86_400),
        }
    }
}

/// Who may use the gateway. Methods that say so block on the disk; the others look into memory.
pub struct Access {
    pub(crate) settings: Settings,
    pub(crate) metrics: AccessMetrics,
    pub(crate) break_glass: Tokens,
    pub(crate) throttle: Throttle,
    /// Of bearer tokens that are not valid: what is written down of them has a bound.
    refusals: Throttle,
    memory: RwLock<Memory>,
    disk: Mutex<(Store, Chain)>,
    running: Mutex<Running>,
    /// By which sessions of an identity provider count; `None`: none does.
    pub(crate) rules: Option<String>,
    glass: Mutex<Option<GlassUse>>,
}

/// A change by a line of `admin.token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlassUse {
    pub at: Timestamp,
    pub action: String,
    pub source: String,
}

/// All of it: accounts, tokens and sessions are few.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) tokens: BTreeMap<Hash, TokenRow>,
    pub(crate) sessions: BTreeMap<Hash, SessionRow>,
}

impl Memory {
    /// Ids of the sessions that `which` says.
    pub(crate) fn session_ids(&self, which: impl Fn(&SessionRow) -> bool) -> Vec<String> {
        self.sessions.values().filter(|it| which(it)).map(|it| it.id.clone()).collect()
    }

    pub(crate) fn drop_sessions(&mut self, ids: &[String]) {
        self.sessions.retain(|_, it| !ids.contains(&it.id));
    }
}

impl Access {
    /// Opens or makes `access.db` and `audit.head` in `folder`. Blocking.
    pub fn open(
        folder: &Path,
        break_glass: Tokens,
        settings: Settings,
        metrics: AccessMetrics,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        let mut store = Store::open(&folder.join("access.db"))?;
        let chain = Chain::open(&mut store, &folder.join("audit.head"), now)?;
        let memory = Memory {
            accounts: store.accounts()?.into_iter().map(|it| (it.name.clone(), it)).collect(),
            tokens: store.tokens()?.into_iter().map(|it| (it.hash, it)).collect(),
            sessions: store.sessions()?.into_iter().map(|it| (it.hash, it)).collect(),
        };
        metrics.sessions.set(i64::try_from(memory.sessions.len()).unwrap_or(i64::MAX));
        metrics.answers.set(i64::try_from(store.answers()?).unwrap_or(i64::MAX));
        Ok(Self {
            settings,
            metrics,
            break_glass,
            throttle: Throttle::default(),
            refusals: Throttle::default(),
            memory: RwLock::new(memory),
            disk: Mutex::new((store, chain)),
            running: Mutex::default(),
            rules: None,
            glass: Mutex::default(),
        })
    }

    /// Sessions that an identity provider vouched for under these rules count, others are over.
    #[must_use]
    pub fn with_rules(mut self, rules: Option<String>) -> Self {
        self.rules = rules;
        self
    }

    /// Somebody is about to change something by a line of `admin.token`.
    pub fn note_glass(&self, action: &str, source: Option<IpAddr>, at: Timestamp) {
        let source = source.map_or_else(|| "?".to_owned(), |it| it.to_string());
        let used = GlassUse { at, action: action.to_owned(), source };
        *self.glass.lock().unwrap_or_else(PoisonError::into_inner) = Some(used);
    }

    /// The last such use, if there is an administrator with an account: before, there is no other way.
    pub fn glass(&self) -> Option<GlassUse> {
        let used = self.glass.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let is_open = |it: &Account| it.role == api::Role::Administrator && !it.disabled;
        self.memory().accounts.values().any(is_open).then_some(used)
    }

    /// What somebody may do whose name is in a history, as far as there is an account or a token of that
    /// name: not of those whom an identity provider knows, nor of what holders of `admin.token` call themselves.
    pub fn role_of(&self, name: &str, now: Timestamp) -> Option<api::Role> {
        let memory = self.memory();
        match name.strip_prefix("token:") {
            Some(token) => {
                let is_valid = |it: &&TokenRow| it.expires_at.is_none_or(|end| end > now);
                let of_name = memory.tokens.values().filter(|it| it.name == token);
                of_name.filter(is_valid).map(|it| it.role).max()
            }
            None => memory.accounts.get(name).filter(|it| !it.disabled).map(|it| it.role),
        }
    }

    pub fn metrics(&self) -> &AccessMetrics {
        &self.metrics
    }

    /// Somebody at `source` offered a token that is not valid. Whether to write it down: the first
    /// few, and then one a minute.
    pub fn note_refusal(&self, source: Option<IpAddr>, now: Timestamp) -> bool {
        source.is_none_or(|it| self.refusals.begin(None, it, now).is_ok())
    }

    /// One at a time. Whoever changes memory does so within, so that the order is the disk's.
    pub(crate) fn with_store<T>(
        &self,
        work: impl FnOnce(&mut Store, &mut Chain) -> Result<T, AccessError>,
    ) -> Result<T, AccessError> {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, chain) = &mut *disk;
        work(store, chain)
    }

    pub(crate) fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called now and then: what is over goes, and uses are written down. Blocking.
    pub fn upkeep(&self, now: Timestamp) -> Result<(), AccessError> {
        self.tidy_sessions(now)?;
        let oldest = now.as_micros().saturating_sub(KEPT_FOR.as_micros() as u64);
        let n = self.with_store(|store, _| {
            store.forget_answers(Timestamp::from_micros(oldest))?;
            store.answers()
        })?;
        self.metrics.answers.set(i64::try_from(n).unwrap_or(i64::MAX));
        let gone = self.forget_audit(self.settings.audit_kept, now)?;
        if gone > 0 {
            tracing::info!(records = gone, "Let old audit records go.");
        }
        Ok(())
    }
}

#[cfg(any(test, feature = "sim"))]
impl Access {
    /// In a temporary folder's stead, with cheap passwords. For tests.
    pub fn in_folder(folder: &Path, token: &str) -> Self {
        let settings = Settings {
            password: Cost { memory_kib: 8, passes: 1, lanes: 1 },
            ..Settings::default()
        };
        let metrics = AccessMetrics::register(&prometheus::Registry::new());
        let metrics = metrics.expect("the registry is new");
        let now = Timestamp::from_system(std::time::SystemTime::now());
        let opened = Self::open(folder, Tokens::parse(token), settings, metrics, now);
        opened.expect("the folder can be written")
    }
}
