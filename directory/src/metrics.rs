//! Metrics of the table. Owned by the directory, registered by whoever builds it.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use router::{Changes, Table};

#[derive(Clone, Debug)]
pub struct DirectoryMetrics {
    /// Generation that routes now.
    pub generation: IntGauge,
    /// Mailboxes listed now, by `home`.
    pub rows: IntGaugeVec,
    /// Seconds from request to published, for edits that were made.
    pub edit_seconds: Histogram,
    /// Edits, by [`EditOutcome`].
    pub edits: IntCounterVec,
    /// Rows of edits that were made, by `change`: added, changed, removed.
    pub changed_rows: IntCounterVec,
    /// Mailboxes whose cutover took too long, so that it ended by itself.
    pub cutovers_expired: IntCounter,
}

/// What became of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditOutcome {
    Committed,
    /// It was all so already.
    Unchanged,
    /// The table was not the one that was expected.
    Conflict,
    /// A row could not be as asked.
    Refused,
    /// The disk failed.
    Failed,
}

impl EditOutcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A single edit takes milliseconds, an import of 50,000 rows about a second.
const EDIT_BUCKETS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

impl DirectoryMetrics {
    /// Fails when `registry` has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let edit_seconds = HistogramOpts::new(
            "causeway_table_edit_seconds",
            "Seconds from request to published, for edits that were made.",
        );
        let metrics = Self {
            generation: IntGauge::new("causeway_table_generation", "Generation that routes now.")?,
            rows: IntGaugeVec::new(
                Opts::new("causeway_table_rows", "Mailboxes listed now."),
                &["home"],
            )?,
            edit_seconds: Histogram::with_opts(edit_seconds.buckets(EDIT_BUCKETS.to_vec()))?,
            edits: IntCounterVec::new(
                Opts::new("causeway_table_edits_total", "Edits of the table."),
                &["outcome"],
            )?,
            changed_rows: IntCounterVec::new(
                Opts::new("causeway_table_changed_rows_total", "Rows of edits that were made."),
                &["change"],
            )?,
            cutovers_expired: IntCounter::new(
                "causeway_cutovers_expired_total",
                "Mailboxes whose cutover took too long and ended by itself.",
            )?,
        };
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// Every metric, for a registry or for the reference page.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.generation.clone()),
            Box::new(self.rows.clone()),
            Box::new(self.edit_seconds.clone()),
            Box::new(self.edits.clone()),
            Box::new(self.changed_rows.clone()),
            Box::new(self.cutovers_expired.clone()),
        ]
    }

    pub(crate) fn count(&self, outcome: EditOutcome) {
        self.edits.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Sets the gauges from a whole table; once, at the start.
    pub(crate) fn loaded(&self, table: &Table) {
        self.generation.set(gauge(table.generation()));
        for (home, count) in table.len_by_home() {
            self.rows.with_label_values(&[home.as_str()]).set(gauge(count as u64));
        }
    }

    pub(crate) fn committed(&self, changes: &Changes) {
        self.count(EditOutcome::Committed);
        self.generation.set(gauge(changes.generation));
        for row in &changes.rows {
            if let Some(before) = &row.before {
                self.rows.with_label_values(&[before.home.as_str()]).dec();
            }
            if let Some(after) = &row.after {
                self.rows.with_label_values(&[after.home.as_str()]).inc();
            }
        }
        for (change, count) in [
            ("added", changes.added()),
            ("changed", changes.changed()),
            ("removed", changes.removed()),
        ] {
            self.changed_rows.with_label_values(&[change]).inc_by(count as u64);
        }
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
