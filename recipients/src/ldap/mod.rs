//! A directory service: Active Directory, or another that speaks LDAPv3.
//!
//! ```text
//!  connect ─ TLS ─ bind ─ rootDSE ─ everything, or uSNChanged >= n ─ page by page ─> Draft ─> Recipient
//! ```
//!
//! Every wait has a deadline, referrals are not followed, and an entry that makes no sense is
//! counted and left out. Source: RFC 4511, RFC 2696, RFC 4513 §3.

mod entry;
mod session;

use std::sync::Arc;
use std::time::Duration;

use config::LdapSource;
use rustls::ClientConfig;

use crate::store::Position;
use crate::{People, Recipient};
use session::Session;

/// What is asked for. Ours ends where nothing of it is left.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) source: LdapSource,
    /// `None`: in clear.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) recipients_max: usize,
    pub(crate) addresses_max: usize,
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Everybody, or only those who changed.
    pub(crate) is_full: bool,
    pub(crate) people: People,
    pub(crate) server: String,
    pub(crate) usn: u64,
    pub(crate) entries: usize,
    pub(crate) mistakes: Mistakes,
    /// Of these not all could be read.
    pub(crate) doubtful: Vec<Box<str>>,
}

/// Entries that are wrong in some way.
#[derive(Clone, Debug, Default)]
pub struct Mistakes {
    pub count: usize,
    /// The first ones: the entry and what is wrong with it.
    pub list: Vec<(String, String)>,
}

/// Mistakes that are listed.
const MISTAKES_MAX: usize = 100;

impl Mistakes {
    pub(crate) fn add(&mut self, entry: &str, why: impl Into<String>) {
        self.count += 1;
        if self.list.len() < MISTAKES_MAX {
            self.list.push((entry.chars().take(200).collect(), why.into()));
        }
    }
}

/// Why a source could not be read, in words for an operator.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SyncError(pub(crate) String);

/// Reads everything, or what changed since `position` when that is enough.
pub(crate) async fn fetch(
    query: &Query,
    position: &Position,
    wants_full: bool,
) -> Result<Fetched, SyncError> {
    let limit = query.source.sync_timeout;
    let run = run(query, position, wants_full);
    let late = || SyncError(format!("not done within {} s", limit.as_secs()));
    tokio::time::timeout(limit, run).await.map_err(|_| late())?
}

async fn run(query: &Query, position: &Position, wants_full: bool) -> Result<Fetched, SyncError> {
    let mut session = Session::open(query).await?;
    let root = session.root().await?;
    // The numbers of one server mean nothing at another, or after it was restored.
    let is_full = wants_full || position.usn == 0 || position.server != root.server;
    let filter = match is_full {
        true => query.source.filter.clone(),
        // What has the same number as the last may have come after it was read.
        false => format!("(&{}(uSNChanged>={}))", query.source.filter, position.usn),
    };
    let mut fetched = Fetched { is_full, server: root.server, usn: 0, ..Fetched::default() };
    if !is_full {
        fetched.usn = position.usn;
    }
    session.search(&filter, &mut |it| take(it, query, &mut fetched)).await?;
    // Read before the search, so that nothing which changed meanwhile is skipped.
    fetched.usn = root.highest_usn.unwrap_or(fetched.usn);
    session.close().await;
    Ok(fetched)
}

fn take(found: ldap3::SearchEntry, query: &Query, fetched: &mut Fetched) -> Result<(), SyncError> {
    fetched.entries += 1;
    let dn = found.dn.clone();
    let before = fetched.mistakes.count;
    let draft = entry::draft(found, &mut fetched.mistakes);
    let id: Box<str> = draft.id.as_str().into();
    let made = draft.make(query.addresses_max);
    for mistake in made.mistakes {
        fetched.mistakes.add(&dn, mistake);
    }
    if fetched.mistakes.count > before {
        fetched.doubtful.push(id);
    }
    let Some(recipient) = made.recipient else { return Ok(()) };
    fetched.usn = fetched.usn.max(recipient.usn);
    keep(recipient, &mut fetched.people);
    if fetched.people.len() > query.recipients_max {
        let max = query.recipients_max;
        return Err(SyncError(format!("it has more than {max} recipients (recipients_max)")));
    }
    Ok(())
}

fn keep(recipient: Recipient, people: &mut People) {
    people.insert(recipient.id.clone(), Arc::new(recipient));
}

/// The bound of one wait.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    wait: impl Future<Output = Result<T, ldap3::LdapError>>,
) -> Result<T, SyncError> {
    match tokio::time::timeout(limit, wait).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(why)) => Err(SyncError(format!("{what}: {why}"))),
        Err(_) => Err(SyncError(format!("{what}: no answer within {} s", limit.as_secs()))),
    }
}
