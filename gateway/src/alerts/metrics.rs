//! Metrics of telling somebody.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Registered by whoever builds the gateway.
#[derive(Clone, Debug)]
pub(crate) struct AlertMetrics {
    /// `causeway_alert_webhook_total` by `result`: delivered, retried, failed, dropped.
    webhook: IntCounterVec,
    pub(super) queued: IntGauge,
    /// `causeway_alert_firing` by `alert`.
    firing: IntGaugeVec,
}

impl AlertMetrics {
    /// Fails only if the registry has these names already.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let webhook = Opts::new(
            "causeway_alert_webhook_total",
            "Alerts for the webhook: delivered, tried again, failed for good, or dropped because too many waited.",
        );
        let firing =
            Opts::new("causeway_alert_firing", "Alerts of the gateway's own that fire now.");
        let metrics = Self {
            webhook: IntCounterVec::new(webhook, &["result"])?,
            queued: IntGauge::new(
                "causeway_alert_webhook_queue",
                "Alerts that wait for the webhook.",
            )?,
            firing: IntGaugeVec::new(firing, &["alert"])?,
        };
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// Every metric, for a registry or for the reference page.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.webhook.clone()),
            Box::new(self.queued.clone()),
            Box::new(self.firing.clone()),
        ]
    }

    pub(super) fn webhook(&self, result: &str) {
        self.webhook.with_label_values(&[result]).inc();
    }

    /// The names are ours, and few.
    pub(super) fn count(&self, firing: &[&'static str], all: &[&'static str]) {
        for name in all {
            let n = firing.iter().filter(|it| *it == name).count();
            let gauge = self.firing.with_label_values(&[*name]);
            gauge.set(i64::try_from(n).unwrap_or(i64::MAX));
        }
    }

    #[cfg(test)]
    pub(super) fn webhook_of(&self, result: &str) -> u64 {
        self.webhook.with_label_values(&[result]).get()
    }
}
