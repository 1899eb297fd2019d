//! Metrics of the admin API itself.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// Owned by the server, registered by whoever builds it.
#[derive(Clone)]
pub struct AdminMetrics {
    /// `admin_request_seconds`: time to the head of the answer, by `route` (the pattern, never the
    /// address in it), `method` and `status`.
    pub(crate) request_seconds: HistogramVec,
    /// `admin_connections`: open now.
    pub(crate) connections: IntGauge,
    /// `admin_turned_away_total`: connections closed at once, for their source has its fill.
    pub(crate) turned_away: IntCounter,
    /// `admin_unauthorized_total`: requests without a valid token.
    pub(crate) unauthorized: IntCounter,
    /// `stream_listeners`: connections that follow live events.
    pub(crate) stream_listeners: IntGauge,
    /// `stream_dropped_total`: events that a listener did not get, by `why`.
    pub(crate) stream_dropped: IntCounterVec,
}

impl AdminMetrics {
    /// Fails only if the registry has these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options =
            HistogramOpts::new("causeway_admin_request_seconds", "Time to answer a request.")
                .buckets(vec![0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0]);
        let metrics = Self {
            request_seconds: HistogramVec::new(options, &["route", "method", "status"])?,
            connections: IntGauge::new("causeway_admin_connections", "Connections open now.")?,
            turned_away: IntCounter::new(
                "causeway_admin_turned_away_total",
                "Connections closed at once, for their source has as many as it may.",
            )?,
            unauthorized: IntCounter::new(
                "causeway_admin_unauthorized_total",
                "Requests without a valid token.",
            )?,
            stream_listeners: IntGauge::new(
                "causeway_stream_listeners",
                "Connections that follow live events.",
            )?,
            stream_dropped: IntCounterVec::new(
                Opts::new(
                    "causeway_stream_dropped_total",
                    "Live events that a listener did not get.",
                ),
                &["why"],
            )?,
        };
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// Every metric, for a registry or for the reference page.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.request_seconds.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.turned_away.clone()),
            Box::new(self.unauthorized.clone()),
            Box::new(self.stream_listeners.clone()),
            Box::new(self.stream_dropped.clone()),
        ]
    }

    pub(crate) fn observe(&self, route: &str, method: &str, status: u16, took: Duration) {
        let status = status.to_string();
        self.request_seconds
            .with_label_values(&[route, method, &status])
            .observe(took.as_secs_f64());
    }
}
