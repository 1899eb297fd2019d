//! Metrics of the directories. Owned here, registered by whoever builds the process.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

#[derive(Clone, Debug)]
pub struct RecipientsMetrics {
    /// Seconds since the last good read, by `source`; -1 before the first.
    pub age: IntGaugeVec,
    /// 1 while unknown recipients may be refused on its word, by `source`.
    pub fresh: IntGaugeVec,
    /// Recipients and addresses of the copy, by `source`.
    pub recipients: IntGaugeVec,
    pub addresses: IntGaugeVec,
    /// Entries of the last full read that are wrong in some way, by `source`.
    pub mistakes: IntGaugeVec,
    /// Addresses that a sync waits to remove until somebody agrees, by `source`.
    pub pending: IntGaugeVec,
    /// Syncs, by `source` and `result`: full, changes, failed, needs_confirmation.
    pub syncs: IntCounterVec,
    /// Milliseconds of the last sync, by `source`.
    pub sync_ms: IntGaugeVec,
    /// Recipients that were looked up at RCPT, by `answer`: known, unknown, deferred, asked.
    pub lookups: IntCounterVec,
}

impl RecipientsMetrics {
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self::build()?;
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// Every metric, for a registry or for the reference page.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.age.clone()),
            Box::new(self.fresh.clone()),
            Box::new(self.recipients.clone()),
            Box::new(self.addresses.clone()),
            Box::new(self.mistakes.clone()),
            Box::new(self.pending.clone()),
            Box::new(self.syncs.clone()),
            Box::new(self.sync_ms.clone()),
            Box::new(self.lookups.clone()),
        ]
    }

    fn build() -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["source"]);
        Ok(Self {
            age: gauge(
                "causeway_directory_age_seconds",
                "Seconds since a directory was last read without a mistake; -1 before the first time.",
            )?,
            fresh: gauge(
                "causeway_directory_fresh",
                "1 while recipients that a directory does not know are refused on its word.",
            )?,
            recipients: gauge(
                "causeway_directory_recipients",
                "Recipients of a directory's copy.",
            )?,
            addresses: gauge("causeway_directory_addresses", "Addresses of a directory's copy.")?,
            mistakes: gauge(
                "causeway_directory_mistakes",
                "Entries of a directory that were wrong in some way when last read in full.",
            )?,
            pending: gauge(
                "causeway_directory_pending_removals",
                "Addresses that a sync waits to remove until somebody agrees.",
            )?,
            syncs: IntCounterVec::new(
                Opts::new("causeway_directory_syncs_total", "Reads of a directory, by result."),
                &["source", "result"],
            )?,
            sync_ms: gauge("causeway_directory_sync_milliseconds", "Duration of the last read.")?,
            lookups: IntCounterVec::new(
                Opts::new(
                    "causeway_directory_lookups_total",
                    "Recipients that are not in the table and were looked up in directories, by answer.",
                ),
                &["answer"],
            )?,
        })
    }
}
