//! Delivery's metrics. Owned here, registered by whoever builds the process.

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

#[derive(Clone)]
pub struct DeliverMetrics {
    /// Recipients of attempts, by `hop` and `outcome`: delivered, deferred, bounced, expired, held, rerouted.
    pub recipients: IntCounterVec,
    /// Seconds from acceptance to a hop's 250, by `hop`.
    pub delivery_seconds: HistogramVec,
    /// Connections open now, by `hop`.
    pub connections: IntGaugeVec,
    /// Connections that could not be opened, by `hop`.
    pub connection_failures: IntCounterVec,
    /// 1 while a hop is open to mail, by `hop`.
    pub hop_up: IntGaugeVec,
    /// Recipients' legs in queue, by `hop` and `state`: queued, in_flight, deferred, held.
    pub queued: IntGaugeVec,
    /// Age of the oldest message that waits for a hop, by `hop`.
    pub oldest_seconds: IntGaugeVec,
    /// Deliveries whose reply was lost, so that the hop may hold the message twice.
    pub maybe_duplicates: IntCounter,
    /// Attempts that somebody cut, by `end`: aborted, in_doubt, settled, under_way.
    pub cuts: IntCounterVec,
    /// Replies of the catalogue that were met, by `hop` and `row` of docs/reference/replies.md.
    pub replies: IntCounterVec,
    /// DSNs made, by `kind`: failed, delayed, relayed.
    pub dsns: IntCounterVec,
    /// Recipients that a site was asked about, by `hop`, `verdict` and where it came `from`: cache, site.
    pub checks: IntCounterVec,
    /// Octets of bodies kept in memory between acceptance and delivery.
    pub cached_bytes: IntGauge,
}

impl DeliverMetrics {
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self::build()?;
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// Every metric, for a registry or for the reference page.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.recipients.clone()),
            Box::new(self.delivery_seconds.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.connection_failures.clone()),
            Box::new(self.hop_up.clone()),
            Box::new(self.queued.clone()),
            Box::new(self.oldest_seconds.clone()),
            Box::new(self.maybe_duplicates.clone()),
            Box::new(self.cuts.clone()),
            Box::new(self.replies.clone()),
            Box::new(self.dsns.clone()),
            Box::new(self.checks.clone()),
            Box::new(self.cached_bytes.clone()),
        ]
    }

    fn build() -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels)
        };
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "causeway_delivery_seconds",
                "Seconds from acceptance to the 250 of a next hop.",
            )
            .buckets(vec![0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0, 3600.0, 86_400.0]),
            &["hop"],
        )?;
        let duplicates = IntCounter::new(
            "causeway_delivery_maybe_duplicates_total",
            "Deliveries after an attempt whose reply was lost.",
        )?;
        let cached = IntGauge::new(
            "causeway_delivery_cached_bytes",
            "Octets of message bodies in memory between acceptance and delivery.",
        )?;
        Ok(Self {
            recipients: counter(
                "causeway_delivery_recipients_total",
                "Recipients of delivery attempts, by outcome.",
                &["hop", "outcome"],
            )?,
            delivery_seconds: seconds,
            connections: gauge(
                "causeway_delivery_connections",
                "Connections open to a next hop.",
                &["hop"],
            )?,
            connection_failures: counter(
                "causeway_delivery_connection_failures_total",
                "Connections to a next hop that could not be opened.",
                &["hop"],
            )?,
            hop_up: gauge("causeway_hop_up", "1 while mail for the hop is attempted.", &["hop"])?,
            queued: gauge(
                "causeway_queue_legs",
                "Messages waiting for a next hop, by state.",
                &["hop", "state"],
            )?,
            oldest_seconds: gauge(
                "causeway_queue_oldest_seconds",
                "Age of the oldest message that waits for a next hop, every 30 s.",
                &["hop"],
            )?,
            maybe_duplicates: duplicates,
            cuts: counter(
                "causeway_delivery_cuts_total",
                "Attempts that were cut for a mailbox that moves, by what became of them.",
                &["end"],
            )?,
            replies: counter(
                "causeway_delivery_replies_total",
                "Known replies of next hops, by their row in the catalogue.",
                &["hop", "row"],
            )?,
            dsns: counter("causeway_dsn_total", "Delivery status notifications made.", &["kind"])?,
            checks: counter(
                "causeway_recipient_checks_total",
                "Recipients that a site was asked about without mail, by verdict; from the cache or the site.",
                &["hop", "verdict", "from"],
            )?,
            cached_bytes: cached,
        })
    }
}
