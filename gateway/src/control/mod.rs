//! The gateway as the admin API asks it: parses what operators wrote, calls one piece of the
//! gateway, and puts its answer into the API's types.

mod configuration;
mod explain;
#[cfg(test)]
mod explain_tests;
mod listings;
mod moves;
#[cfg(test)]
mod moves_tests;
mod overrides;
mod plans;
mod queue;
mod recipients;
mod site;
mod steps;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod trace;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use access::Access;
use admin::{Answer, Author, Backend, BackendError, ByteStream};
use api::{
    Acted, ActionRequest, Changed, Check, EntryList, Explain, Explanation, FieldError, History,
    HistoryQuery, ImportOptions, Imported, ListQuery, OverrideRequest, Probe, QueueList,
    QueueQuery, QueueSummary, QueuedMessage, Readiness, Reloaded, Site, SiteHealth, SiteList,
    SiteState, Stats, TableEdits, TableInfo, TraceQuery, Traced, Verification, Version,
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use config::{Config, Mistake};
use deliver::{Delivery, Routes};
use events::Events;
use mail::{SiteName, Timestamp};
use spool::{Settled, Spool, SpoolMetrics};

use crate::alerts::Watched;
use crate::rails::RailMetrics;
use crate::reload::{ReloadError, Reloader};
pub use listings::Listings;
pub use overrides::Overrides;
pub use plans::Planner;
pub(crate) use plans::keep_plans;

/// What the admin API is served from.
pub struct Control {
    pub config: Arc<ArcSwap<Config>>,
    pub config_path: PathBuf,
    pub routes: Arc<Routes>,
    pub delivery: Delivery,
    /// Told of every edit of the table and every step of a plan.
    pub events: Events,
    pub overrides: Arc<Overrides>,
    pub spool: Spool,
    pub spool_metrics: SpoolMetrics,
    pub reloader: Reloader,
    pub started: (Instant, Timestamp),
    /// The spool of the last run has been read through.
    pub recovered: Arc<AtomicBool>,
    pub sessions: prometheus::IntGauge,
    pub planner: Planner,
    pub(crate) rails: RailMetrics,
    pub watched: Watched,
    /// Who has a way in, beside the plans that they have made.
    pub access: Arc<Access>,
    /// Of the table, by position.
    pub listings: Arc<Listings>,
}

impl Control {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }

    fn recovered(&self) -> bool {
        self.recovered.load(Ordering::Acquire)
    }

    async fn until_recovered(&self) {
        while !self.recovered() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What keeps mail from being taken, and remarks: a check that is ok and has a reason.
    fn checks(&self) -> Vec<Check> {
        let check = |name: &str, ok: bool, reason: Option<String>| Check {
            name: name.to_owned(),
            ok,
            reason,
        };
        let full = self.spool.admit(0).err().map(|it| it.to_string());
        let stuck = self.spool.stats().segments_stuck;
        let stuck =
            (stuck > 0).then(|| format!("{stuck} of its segments cannot be read; see the log"));
        let waiting =
            (!self.recovered()).then(|| "mail of the last run is still being read".to_owned());
        vec![check("spool", full.is_none(), full.or(stuck)), check("recovery", true, waiting)]
    }

    /// As routing knows it: cheap, whatever waits.
    fn site_health(&self) -> Vec<SiteHealth> {
        let state = |it| match it {
            router::SiteState::Up => SiteState::Up,
            router::SiteState::Down => SiteState::Down,
            router::SiteState::Held => SiteState::Held,
        };
        let health = |(name, it): (&SiteName, router::SiteState)| SiteHealth {
            name: name.to_string(),
            state: state(it),
        };
        self.routes.sites().iter().map(health).collect()
    }

    fn all_stats(&self) -> Stats {
        let spool = self.spool.stats();
        let hops = self.delivery.summary(&[]);
        let now = self.now();
        let settled =
            |fate: Settled| self.spool_metrics.settled.with_label_values(&[fate.as_str()]).get();
        Stats {
            started_at: self.started.1.to_string(),
            uptime_seconds: self.started.0.elapsed().as_secs(),
            generation: self.routes.generation(),
            table_entries: self.routes.directory().current().len() as u64,
            sessions: self.sessions.get().try_into().unwrap_or(0),
            accepted_messages: spool.accepted,
            delivered_recipients: settled(Settled::Delivered),
            bounced_recipients: settled(Settled::Bounced),
            expired_recipients: settled(Settled::Expired),
            discarded_recipients: settled(Settled::Discarded),
            spool_messages: self.delivery.messages() as u64,
            spool_bytes: spool.bytes,
            free_bytes: free_bytes(&self.config.load().server.data_dir),
            active_recipients: hops.iter().map(|it| it.active).sum(),
            deferred_recipients: hops.iter().map(|it| it.deferred).sum(),
            held_recipients: hops.iter().map(|it| it.held).sum(),
            oldest_seconds: hops.iter().filter_map(|it| it.oldest).min().map(|it| age(it, now)),
            recovering: !self.recovered(),
        }
    }

    pub(crate) async fn reload_on_signal(&self) {
        // Its outcome is in the log.
        let _ = reload_config(&self.reloader, &self.config_path).await;
    }

    async fn body_of(&self, id: &str) -> Result<ByteStream, BackendError> {
        let parsed = queue::parse_id(id, "id")?;
        let (spool, id) = (self.spool.clone(), id.to_owned());
        let message = table::blocking(move || {
            spool.load(parsed).map_err(|it| BackendError::not_found(format!("message {id}: {it}")))
        })
        .await?;
        Ok(trace::body(&message))
    }
}

impl Backend for Control {
    fn version(&self) -> Version {
        Version {
            name: "causeway".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            hostname: self.config.load().server.hostname.to_string(),
            started_at: self.started.1.to_string(),
        }
    }

    fn readiness(&self) -> Answer<'_, Readiness> {
        Box::pin(async { Ok(Readiness::new(self.checks(), self.site_health())) })
    }

    fn stats(&self) -> Answer<'_, Stats> {
        Box::pin(async { Ok(self.all_stats()) })
    }

    fn configuration(&self) -> Answer<'_, api::Configuration> {
        Box::pin(self.describe_configuration())
    }

    fn reload(&self, author: Author) -> Answer<'_, Reloaded> {
        Box::pin(async move {
            tracing::info!(by = author.0, "Reload asked for.");
            reload_config(&self.reloader, &self.config_path).await
        })
    }

    fn table(&self) -> Answer<'_, TableInfo> {
        Box::pin(self.table_info())
    }

    fn history(&self, query: HistoryQuery) -> Answer<'_, History> {
        Box::pin(self.table_history(query))
    }

    fn entries(&self, query: ListQuery) -> Answer<'_, EntryList> {
        Box::pin(self.list_entries(query))
    }

    fn entry(&self, address: String) -> Answer<'_, (u64, api::Entry)> {
        Box::pin(async move { self.find_entry(&address) })
    }

    fn edit(&self, edits: TableEdits, author: Author) -> Answer<'_, Changed> {
        Box::pin(self.edit_table(edits, author))
    }

    fn import(&self, csv: Bytes, options: ImportOptions, author: Author) -> Answer<'_, Imported> {
        Box::pin(self.import_table(csv, options, author))
    }

    fn export(&self, generation: Option<u64>) -> Answer<'_, (u64, ByteStream)> {
        Box::pin(self.export_table(generation))
    }

    fn explain(&self, question: Explain) -> Answer<'_, Explanation> {
        Box::pin(self.explain_address(question))
    }

    fn queue_summary(&self) -> Answer<'_, QueueSummary> {
        Box::pin(async { Ok(self.summarise_queue()) })
    }

    fn queue(&self, query: QueueQuery) -> Answer<'_, QueueList> {
        Box::pin(self.list_queue(query))
    }

    fn queued(&self, id: String) -> Answer<'_, QueuedMessage> {
        Box::pin(async move { self.one_queued(&id).await })
    }

    fn message(&self, id: String) -> Answer<'_, ByteStream> {
        Box::pin(async move { self.body_of(&id).await })
    }

    fn act(&self, request: ActionRequest, author: Author) -> Answer<'_, Acted> {
        Box::pin(self.act_on_queue(request, author))
    }

    fn sites(&self) -> Answer<'_, SiteList> {
        Box::pin(async { Ok(self.list_sites()) })
    }

    fn probe(&self, site: String) -> Answer<'_, Probe> {
        Box::pin(async move { self.probe_site(&site).await })
    }

    fn force(&self, site: String, request: OverrideRequest, author: Author) -> Answer<'_, Site> {
        Box::pin(self.override_site(site, request, author))
    }

    fn trace(&self, query: TraceQuery) -> Answer<'_, Traced> {
        Box::pin(self.trace_message(query))
    }

    fn verify_ledger(&self) -> Answer<'_, Verification> {
        Box::pin(self.verify())
    }
}

/// Also for SIGHUP, where the log is the only one to hear of it.
pub(crate) async fn reload_config(
    reloader: &Reloader,
    path: &Path,
) -> Result<Reloaded, BackendError> {
    let (reloader, path) = (reloader.clone(), path.to_owned());
    let reloaded = table::blocking(move || {
        reloader.reload(&path).map_err(|it| {
            tracing::error!(mistakes = %it, "Not reloaded.");
            BackendError::Invalid {
                detail: "the configuration in force stays as it is".to_owned(),
                errors: mistakes(&it),
            }
        })
    });
    let reloaded = reloaded.await?;
    Ok(Reloaded { applied: reloaded.applied, needs_restart: reloaded.needs_restart })
}

/// One by one, so that whoever asked learns that the file is wrong, and where.
fn mistakes(error: &ReloadError) -> Vec<FieldError> {
    match error {
        ReloadError::Mistakes(all) => all.list.iter().map(|it| mistake(&all.origin, it)).collect(),
        ReloadError::Certificate(text) => vec![FieldError::new("certificates", text.clone())],
    }
}

fn mistake(origin: &str, it: &Mistake) -> FieldError {
    let key = if it.key.is_empty() { String::new() } else { format!("{}: ", it.key) };
    FieldError::new(format!("{origin}:{}:{}", it.line, it.column), format!("{key}{}", it.message))
}

/// What the file system of the data folder has left; 0 when it does not say.
pub(crate) fn free_bytes(data_dir: &Path) -> u64 {
    rustix::fs::statvfs(data_dir).map_or(0, |it| it.f_bavail.saturating_mul(it.f_frsize))
}

/// Seconds since `at`.
fn age(at: Timestamp, now: Timestamp) -> u64 {
    now.since(at).as_secs()
}

/// The admin API has set it; a sane page all the same.
fn page_limit(limit: Option<u32>) -> usize {
    limit.unwrap_or(200).clamp(1, 1_000) as usize
}

fn one_piece(bytes: Bytes) -> ByteStream {
    Box::pin(futures_util::stream::once(async move { Ok(bytes) }))
}
