//! Reading the sources, again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use config::DirectoryKind;

use crate::file::read_file;
use crate::ldap::{Fetched, Query, SyncError, fetch};
use crate::recipients::{Answer, RequestError, SyncRequest, now};
use crate::source::{Pending, Source, Synced};
use crate::{Recipients, Status};

/// After a failure it is tried again so soon, or at the next refresh if that is sooner.
const RETRY_AFTER: Duration = Duration::from_secs(15);
/// Between two looks at the ages.
const TICK: Duration = Duration::from_secs(5);
/// Octets of a file that are read.
const FILE_MAX: u64 = 256 << 20;

impl Recipients {
    /// Keeps all sources up to date until the process stops.
    pub async fn run(self) {
        for source in &self.0.sources {
            let is_read = match &source.settings.kind {
                DirectoryKind::Ldap(_) | DirectoryKind::Csv { file: Some(_) } => true,
                DirectoryKind::Csv { file: None } | DirectoryKind::CallOut { .. } => false,
            };
            if is_read {
                self.0.tracker.spawn(self.clone().follow(Arc::clone(source)));
            }
        }
        while !self.0.stop.is_cancelled() {
            self.tick();
            tokio::select! {
                () = tokio::time::sleep(TICK) => (),
                () = self.0.stop.cancelled() => (),
            }
        }
    }

    async fn follow(self, source: Arc<Source>) {
        loop {
            tokio::select! {
                _ = self.sync_source(&source, SyncRequest::default(), false) => (),
                () = self.0.stop.cancelled() => return,
            }
            let is_down = source.state.lock().status == Status::Failed;
            let refresh = source.settings.refresh;
            let wait = if is_down { refresh.min(RETRY_AFTER) } else { refresh };
            tokio::select! {
                () = tokio::time::sleep(wait) => (),
                () = source.wake.notified() => (),
                () = self.0.stop.cancelled() => return,
            }
        }
    }

    /// Reads a source in full, now.
    pub async fn sync(&self, name: &str, request: SyncRequest) -> Answer {
        let source = self.source(name)?;
        match &source.settings.kind {
            DirectoryKind::Csv { file: None } => Err(RequestError::Kind(format!(
                "{name} has no file to read: it comes by causeway directory import"
            ))),
            DirectoryKind::CallOut { site } => {
                let why = format!("{name} has no copy: {site} is asked of each recipient");
                Err(RequestError::Kind(why))
            }
            DirectoryKind::Ldap(_) | DirectoryKind::Csv { .. } => {
                self.sync_source(&source, request, true).await
            }
        }
    }

    /// The file becomes the source's copy, or nothing does.
    pub async fn import(&self, name: &str, text: String, request: SyncRequest) -> Answer {
        let source = self.source(name)?;
        if !source.is_by_import() {
            let why = format!("{name} is read from {}: nothing is imported", source.place());
            return Err(RequestError::Kind(why));
        }
        let _turn = source.turn.lock().await;
        let (split, max) = (self.0.split, source.settings.recipients_max);
        let read = tokio::task::spawn_blocking(move || read_file(&text, split, max)).await;
        let people = read.map_err(|it| RequestError::Failed(it.to_string()))?;
        let people = people.map_err(RequestError::File)?;
        let entries = people.len();
        let fetched = Fetched { is_full: true, people, entries, ..Fetched::default() };
        self.settle(&source, fetched, request, Instant::now()).await
    }

    fn source(&self, name: &str) -> Result<Arc<Source>, RequestError> {
        let found = self.0.source(name).cloned();
        found.ok_or_else(|| RequestError::Unknown(name.to_owned()))
    }

    async fn sync_source(
        &self,
        source: &Arc<Source>,
        request: SyncRequest,
        wants_full: bool,
    ) -> Answer {
        let _turn = source.turn.lock().await;
        let began = Instant::now();
        let fetched = match self.fetch(source, wants_full).await {
            Ok(fetched) => fetched,
            Err(SyncError(why)) => {
                source.failed(now(), &why);
                self.count(source, "failed", began);
                return Err(RequestError::Failed(why));
            }
        };
        self.settle(source, fetched, request, began).await
    }

    /// On a task of its own: what a broken server says must not end more than this sync.
    async fn fetch(&self, source: &Arc<Source>, wants_full: bool) -> Result<Fetched, SyncError> {
        let task = match &source.settings.kind {
            DirectoryKind::Ldap(ldap) => {
                let query = Query {
                    source: ldap.clone(),
                    tls: source.tls.clone(),
                    recipients_max: source.settings.recipients_max,
                    addresses_max: source.settings.addresses_max,
                };
                let state = source.state.lock();
                let position = state.position.clone();
                let full_at = position.full_at;
                let is_due = full_at.is_none_or(|it| now().since(it) >= ldap.full_refresh);
                // The answer to the question must be seen again in full.
                let is_full = wants_full || is_due || state.pending.is_some();
                drop(state);
                self.0.tracker.spawn(async move { fetch(&query, &position, is_full).await })
            }
            DirectoryKind::Csv { file: Some(path) } => {
                let (path, split) = (path.clone(), self.0.split);
                let max = source.settings.recipients_max;
                self.0.tracker.spawn_blocking(move || from_file(&path, split, max))
            }
            DirectoryKind::Csv { file: None } | DirectoryKind::CallOut { .. } => {
                return Err(SyncError("there is nothing to read".to_owned()));
            }
        };
        let abort = AbortOnDrop(task);
        abort.await.unwrap_or_else(|why| Err(SyncError(format!("its answer is broken: {why}"))))
    }

    async fn settle(
        &self,
        source: &Arc<Source>,
        fetched: Fetched,
        request: SyncRequest,
        began: Instant,
    ) -> Answer {
        let (shared, at) = (Arc::clone(&self.0), Arc::clone(source));
        let settled =
            tokio::task::spawn_blocking(move || settle(&shared, &at, fetched, request, began));
        let settled = settled.await.map_err(|it| it.to_string()).and_then(|it| it);
        let result = match &settled {
            Ok(synced) if synced.pending.is_some() => "needs_confirmation",
            Ok(synced) if synced.is_full => "full",
            Ok(_) => "changes",
            Err(_) => "failed",
        };
        self.count(source, result, began);
        self.tick();
        settled.map_err(|why| {
            source.failed(now(), &why);
            RequestError::Failed(why)
        })
    }

    fn count(&self, source: &Source, result: &str, began: Instant) {
        let metrics = &self.0.metrics;
        metrics.syncs.with_label_values(&[&*source.name, result]).inc();
        let took = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        metrics.sync_ms.with_label_values(&[&*source.name]).set(took);
        let state = source.state.lock();
        let pending = state.pending.as_ref().map_or(0, |it| it.addresses);
        let set = |gauge: &prometheus::IntGaugeVec, n: usize| {
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            gauge.with_label_values(&[&*source.name]).set(n);
        };
        set(&metrics.pending, pending);
        set(&metrics.mistakes, state.mistakes.count);
    }
}

/// Compares, asks or applies. Blocks.
fn settle(
    shared: &crate::recipients::Shared,
    source: &Source,
    fetched: Fetched,
    request: SyncRequest,
    began: Instant,
) -> Result<Synced, String> {
    let Fetched { is_full, mut people, server, usn, entries, mistakes, doubtful } = fetched;
    shared.keep_doubtful(source, &mut people, &doubtful);
    let change = shared.change(source, people, is_full);
    let mut synced = Synced {
        is_full,
        entries,
        added: change.added,
        changed: change.changed,
        removed: change.removed.len(),
        ..Synced::default()
    };
    if is_full {
        source.state.lock().mistakes = mistakes;
    }
    let asks = change.asks(source.bounds());
    if asks && !request.accept_removals {
        synced.pending = Some(Pending::of(&change));
    }
    if let Some(pending) = synced.pending.clone().filter(|_| !request.dry_run) {
        source.asks(now(), pending);
        synced.took = began.elapsed();
        return Ok(synced);
    }
    if request.dry_run {
        synced.took = began.elapsed();
        return Ok(synced);
    }
    let mut position = source.state.lock().position.clone();
    (position.server, position.usn) = (server, usn);
    position.good_at = Some(now());
    if is_full {
        position.full_at = position.good_at;
    }
    shared
        .apply(source, &change, &position)
        .map_err(|why| format!("the copy cannot be written: {why}"))?;
    synced.took = began.elapsed();
    source.good(now(), position, synced.clone());
    let (added, changed, removed) = (synced.added, synced.changed, synced.removed);
    let (name, gone) = (&*source.name, change.gone.len());
    if gone > 0 {
        tracing::warn!(
            source = name,
            gone,
            "Addresses have left a directory: their mail is refused."
        );
    }
    if added + changed + removed > 0 {
        tracing::info!(source = name, is_full, added, changed, removed, "A directory was read.");
    }
    Ok(synced)
}

fn from_file(
    path: &std::path::Path,
    split: crate::file::Split,
    max: usize,
) -> Result<Fetched, SyncError> {
    use std::io::Read as _;
    let cannot = |why: std::io::Error| SyncError(format!("{}: {why}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(FILE_MAX).read_to_string(&mut text).map_err(cannot)?;
    let people = read_file(&text, split, max).map_err(|mistakes| {
        let first = mistakes.first();
        let first = first.map(|it| format!("line {}, {}: {}", it.line, it.column, it.message));
        let (n, first) = (mistakes.len(), first.unwrap_or_default());
        SyncError(format!("{}: {n} mistakes; {first}", path.display()))
    })?;
    let entries = people.len();
    Ok(Fetched { is_full: true, people, entries, ..Fetched::default() })
}

/// A sync that nobody waits for any more is over.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
