//! What the spool counts. Owned by the spool, registered by whoever builds it: no globals.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    exponential_buckets,
};

use crate::event::Settled;

/// Spool metrics; all names begin with `causeway_spool_`.
#[derive(Clone)]
pub struct SpoolMetrics {
    /// Messages with an unsettled recipient now.
    pub queued: IntGauge,
    /// Messages made durable since the start.
    pub accepted: IntCounter,
    /// Bytes of bodies made durable since the start.
    pub accepted_bytes: IntCounter,
    /// Recipients settled, by `fate`: delivered, bounced, expired, discarded.
    pub settled: IntCounterVec,
    /// Seconds from end of DATA to durable. The p99 bounds how fast we can say 250.
    pub commit_seconds: Histogram,
    /// Seconds that one sync took.
    pub sync_seconds: Histogram,
    /// Batches written and synced.
    pub batches: IntCounter,
    /// Records in a batch.
    pub batch_records: Histogram,
    /// Bytes written to segments, padding included.
    pub written_bytes: IntCounter,
    /// Writes and syncs that failed; each poisoned a segment.
    pub write_errors: IntCounter,
    /// Segment files that hold something.
    pub segments: IntGauge,
    /// Segment files that cannot be read, or of which something could not be copied to `corrupt/`:
    /// they are left alone, for an operator.
    pub segments_stuck: IntGauge,
    /// Bytes of segment files and large bodies.
    pub bytes: IntGauge,
    /// Bytes that the disk has left for us.
    pub free_bytes: IntGauge,
    /// Bytes that compaction copied.
    pub compacted_bytes: IntCounter,
    /// Messages and ranges of segments that did not match their checksum.
    pub corrupt: IntCounter,
    /// Torn tails found and ignored at start.
    pub torn_tails: IntCounter,
    /// 1 while no new mail is taken.
    pub full: IntGauge,
    /// Errors of background work: free segments, ledger, compaction.
    pub upkeep_errors: IntCounter,
}

fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(format!("causeway_spool_{name}"), help).expect("names here are valid")
}

fn gauge(name: &str, help: &str) -> IntGauge {
    IntGauge::new(format!("causeway_spool_{name}"), help).expect("names here are valid")
}

fn histogram(name: &str, help: &str, start: f64, factor: f64, n: usize) -> Histogram {
    let buckets = exponential_buckets(start, factor, n).expect("growing buckets");
    let opts = HistogramOpts::new(format!("causeway_spool_{name}"), help).buckets(buckets);
    Histogram::with_opts(opts).expect("names here are valid")
}

impl SpoolMetrics {
    pub fn new() -> Self {
        let settled = IntCounterVec::new(
            Opts::new("causeway_spool_settled_total", "Recipients settled, by fate."),
            &["fate"],
        )
        .expect("names here are valid");
        for fate in Settled::ALL {
            settled.with_label_values(&[fate.as_str()]);
        }
        Self {
            queued: gauge("queued", "Messages with an unsettled recipient."),
            accepted: counter("accepted_total", "Messages made durable."),
            accepted_bytes: counter("accepted_bytes_total", "Bytes of bodies made durable."),
            settled,
            commit_seconds: histogram(
                "commit_seconds",
                "Seconds from end of DATA to durable.",
                0.000_1,
                2.0,
                18,
            ),
            sync_seconds: histogram("sync_seconds", "Seconds of one sync.", 0.000_05, 2.0, 18),
            batches: counter("batches_total", "Batches written and synced."),
            batch_records: histogram("batch_records", "Records in a batch.", 1.0, 2.0, 12),
            written_bytes: counter("written_bytes_total", "Bytes written to segments."),
            write_errors: counter("write_errors_total", "Failed writes and syncs of segments."),
            segments: gauge("segments", "Segment files that hold something."),
            segments_stuck: gauge(
                "segments_stuck",
                "Segment files that cannot be read or copied, and are left alone.",
            ),
            bytes: gauge("bytes", "Bytes of segment files and large bodies."),
            free_bytes: gauge("free_bytes", "Bytes that the spool's disk has left."),
            compacted_bytes: counter("compacted_bytes_total", "Bytes copied by compaction."),
            corrupt: counter("corrupt_total", "Messages and ranges that fail their checksum."),
            torn_tails: counter("torn_tails_total", "Torn tails ignored at start."),
            full: gauge("full", "1 while no new mail is taken."),
            upkeep_errors: counter("upkeep_errors_total", "Errors of background work."),
        }
    }

    /// Registers everything; fails when a name is taken.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.collectors().into_iter().try_for_each(|it| registry.register(it))
    }

    /// Every metric, for a registry or for the reference page.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.queued.clone()),
            Box::new(self.accepted.clone()),
            Box::new(self.accepted_bytes.clone()),
            Box::new(self.settled.clone()),
            Box::new(self.commit_seconds.clone()),
            Box::new(self.sync_seconds.clone()),
            Box::new(self.batches.clone()),
            Box::new(self.batch_records.clone()),
            Box::new(self.written_bytes.clone()),
            Box::new(self.write_errors.clone()),
            Box::new(self.segments.clone()),
            Box::new(self.segments_stuck.clone()),
            Box::new(self.bytes.clone()),
            Box::new(self.free_bytes.clone()),
            Box::new(self.compacted_bytes.clone()),
            Box::new(self.corrupt.clone()),
            Box::new(self.torn_tails.clone()),
            Box::new(self.full.clone()),
            Box::new(self.upkeep_errors.clone()),
        ]
    }
}

impl Default for SpoolMetrics {
    fn default() -> Self {
        Self::new()
    }
}
