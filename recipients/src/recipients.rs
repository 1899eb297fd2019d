//! All sources with their last good copies, and the snapshot that is made of them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::{ArcSwap, Guard};
use config::{DirectoryKind, DirectorySource};
use mail::{AddressKey, Timestamp};
use parking_lot::Mutex;
use router::{Known, KnownAs, Trust};
use rustls::ClientConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Recipient;
use crate::change::Change;
use crate::file::Split;
use crate::source::{Source, SourceView, Synced};
use crate::store::{Position, Store, StoreError};
use crate::{Found, People, RecipientsMetrics, Snapshot};

/// Everybody who is known. Cheap to clone.
#[derive(Clone)]
pub struct Recipients(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) sources: Vec<Arc<Source>>,
    /// Changes go one after the other, from the file to the snapshot.
    inner: Mutex<Inner>,
    pub(crate) metrics: RecipientsMetrics,
    pub(crate) split: Split,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

struct Inner {
    store: Store,
    people: HashMap<Arc<str>, People>,
}

/// Everything that the recipients are built from.
pub struct Parts {
    /// The file with the last good copies.
    pub path: PathBuf,
    /// Each with its TLS, if it has any.
    pub sources: Vec<(DirectorySource, Option<Arc<ClientConfig>>)>,
    pub metrics: RecipientsMetrics,
    pub split: Split,
    pub tracker: TaskTracker,
    pub stop: CancellationToken,
}

/// The wall clock; the one place of this crate that asks for it.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

impl Recipients {
    /// Reads the last good copies. Blocks.
    pub fn open(parts: Parts) -> Result<Self, StoreError> {
        let store = Store::open(&parts.path)?;
        let (mut sources, mut people) = (Vec::new(), HashMap::new());
        for (settings, tls) in parts.sources {
            let position = store.position(&settings.name)?;
            let source = Arc::new(Source::new(settings, tls, position));
            people.insert(Arc::clone(&source.name), store.people(&source.name)?);
            sources.push(source);
        }
        let recipients = Self(Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            sources,
            inner: Mutex::new(Inner { store, people }),
            metrics: parts.metrics,
            split: parts.split,
            tracker: parts.tracker,
            stop: parts.stop,
        }));
        recipients.0.publish(&recipients.0.inner.lock().people);
        recipients.tick();
        Ok(recipients)
    }

    /// Who is known now, for one look-up. Waits for nobody.
    pub fn current(&self) -> Guard<Arc<Snapshot>> {
        self.0.snapshot.load()
    }

    /// The same, to keep.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    pub fn metrics(&self) -> &RecipientsMetrics {
        &self.0.metrics
    }

    /// Who is known now, as routing asks for it.
    pub fn view(&self) -> View<'_> {
        View { snapshot: self.0.snapshot.load(), shared: &self.0 }
    }

    pub fn views(&self) -> Vec<SourceView> {
        let n_people: Vec<(usize, usize)> = {
            let inner = self.0.inner.lock();
            let count = |it: &Arc<Source>| {
                let people = inner.people.get(&it.name);
                let addresses = |it: &People| it.values().map(|it| it.addresses().count()).sum();
                (people.map_or(0, People::len), people.map_or(0, addresses))
            };
            self.0.sources.iter().map(count).collect()
        };
        let sources = self.0.sources.iter().zip(n_people);
        sources
            .map(|(source, (recipients, addresses))| view(source, recipients, addresses))
            .collect()
    }

    /// Brings the metrics of age up to date.
    pub(crate) fn tick(&self) {
        let now = now();
        for source in &self.0.sources {
            if matches!(source.settings.kind, DirectoryKind::CallOut { .. }) {
                continue;
            }
            let good_at = source.state.lock().position.good_at;
            let age = good_at.map_or(-1, |it| i64::try_from(now.since(it).as_secs()).unwrap_or(-1));
            self.0.metrics.age.with_label_values(&[&*source.name]).set(age);
            let is_fresh = i64::from(source.is_fresh(now));
            self.0.metrics.fresh.with_label_values(&[&*source.name]).set(is_fresh);
        }
    }
}

impl Shared {
    pub(crate) fn source(&self, name: &str) -> Option<&Arc<Source>> {
        self.sources.iter().find(|it| &*it.name == name)
    }

    fn publish(&self, people: &HashMap<Arc<str>, People>) {
        let sources = self.sources.iter().filter_map(|it| people.get_key_value(&it.name));
        let snapshot = Snapshot::new(sources);
        for source in &self.sources {
            let Some(people) = people.get(&source.name) else { continue };
            let label = [&*source.name];
            let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            self.metrics.recipients.with_label_values(&label).set(count(people.len()));
            let addresses = people.values().map(|it| it.addresses().count()).sum();
            self.metrics.addresses.with_label_values(&label).set(count(addresses));
        }
        self.snapshot.store(Arc::new(snapshot));
    }

    /// An entry that could not be read whole keeps the addresses that it had: what cannot be read
    /// does not say that somebody is gone.
    pub(crate) fn keep_doubtful(&self, source: &Source, found: &mut People, doubtful: &[Box<str>]) {
        let inner = self.inner.lock();
        let Some(before) = inner.people.get(&source.name) else { return };
        for old in doubtful.iter().filter_map(|it| before.get(it)) {
            let kept = match found.get(&old.id) {
                None => Arc::clone(old),
                Some(new) => Arc::new(with_addresses_of(new, old)),
            };
            found.insert(old.id.clone(), kept);
        }
    }

    /// What `found` would change.
    pub(crate) fn change(&self, source: &Source, found: People, is_full: bool) -> Change {
        let inner = self.inner.lock();
        let none = People::new();
        let before = inner.people.get(&source.name).unwrap_or(&none);
        if is_full { Change::to_all(before, found) } else { Change::to_some(before, found) }
    }

    /// Makes a change durable, then visible. Blocks.
    pub(crate) fn apply(
        &self,
        source: &Source,
        change: &Change,
        position: &Position,
    ) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        inner.store.apply(&source.name, change, position)?;
        if !change.is_empty() {
            change.apply(inner.people.entry(Arc::clone(&source.name)).or_default());
            self.publish(&inner.people);
        }
        Ok(())
    }
}

fn with_addresses_of(new: &Recipient, old: &Recipient) -> Recipient {
    let missing = old.addresses().filter(|it| !new.has(&it.key())).cloned();
    Recipient { others: new.others.iter().cloned().chain(missing).collect(), ..new.clone() }
}

fn view(source: &Source, recipients: usize, addresses: usize) -> SourceView {
    let now = now();
    let state = source.state.lock().clone();
    SourceView {
        name: source.name.to_string(),
        kind: source.kind(),
        place: source.place(),
        status: state.status,
        is_fresh: source.is_fresh(now),
        age: state.position.good_at.map(|it| now.since(it)),
        recipients,
        addresses,
        position: state.position,
        tried_at: state.tried_at,
        error: state.error,
        pending: state.pending,
        last: state.last,
        mistakes: state.mistakes,
    }
}

/// One snapshot, with the standing of the sources at the moment that is asked.
pub struct View<'a> {
    snapshot: Guard<Arc<Snapshot>>,
    shared: &'a Shared,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({} recipients)", self.snapshot.recipients())
    }
}

impl Known for View<'_> {
    fn find(&self, directories: &[Box<str>], key: &AddressKey) -> Option<KnownAs<'_>> {
        self.snapshot.find_in(directories, key).map(known_as)
    }

    fn find_encapsulated(&self, directories: &[Box<str>], local: &str) -> Option<KnownAs<'_>> {
        self.snapshot.find_encapsulated_in(directories, local).map(known_as)
    }

    /// One that is not configured knows nobody, and its word is never good.
    fn trust(&self, directory: &str) -> Trust {
        let Some(source) = self.shared.source(directory) else { return Trust::Stale };
        match &source.settings.kind {
            DirectoryKind::CallOut { site } => Trust::CallOut(site.clone()),
            DirectoryKind::Ldap(_) | DirectoryKind::Csv { .. } if source.is_fresh(now()) => {
                Trust::Fresh
            }
            DirectoryKind::Ldap(_) | DirectoryKind::Csv { .. } => Trust::Stale,
        }
    }
}

fn known_as(found: &Found) -> KnownAs<'_> {
    KnownAs {
        source: &found.source,
        address: &found.recipient.address,
        others: &found.recipient.others,
    }
}

/// Where the copies are kept, below the data folder.
pub fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("recipients.db")
}

/// What a sync that was asked for is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyncRequest {
    /// Only say what it would do.
    pub dry_run: bool,
    /// Beyond the bound, too.
    pub accept_removals: bool,
}

/// Why a sync that was asked for was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    #[error("there is no directory {0}")]
    Unknown(String),
    #[error("{0}")]
    Kind(String),
    #[error("{0}")]
    Failed(String),
    #[error("{} mistakes in the file", .0.len())]
    File(Vec<crate::FileMistake>),
}

/// The outcome of one that was.
pub type Answer = Result<Synced, RequestError>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn person(id: &str, addresses: &[&str]) -> Recipient {
        let mut all = addresses.iter().map(|it| it.parse().unwrap());
        Recipient {
            id: id.into(),
            address: all.next().unwrap(),
            others: all.collect(),
            x500: Box::default(),
            target: None,
            kind: Kind::User,
            usn: 1,
        }
    }

    #[test]
    fn what_could_not_be_read_whole_keeps_its_addresses() {
        let old = person("1", &["a@x.example", "b@x.example", "c@x.example"]);
        let new = person("1", &["b@x.example", "d@x.example"]);
        let kept = with_addresses_of(&new, &old);
        let shown: Vec<_> = kept.addresses().map(ToString::to_string).collect();
        assert_eq!(shown, ["b@x.example", "d@x.example", "a@x.example", "c@x.example"]);
    }
}
