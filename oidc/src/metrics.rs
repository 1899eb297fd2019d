//! Metrics of signing in by a provider.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// Registered by whoever builds the provider.
#[derive(Clone, Debug)]
pub struct OidcMetrics {
    /// `causeway_oidc_signins_total` by `result`.
    signins: IntCounterVec,
    /// `causeway_oidc_requests_total` by `what` and `result`.
    requests: IntCounterVec,
    pub(crate) pending: IntGauge,
    pub(crate) up: IntGauge,
}

impl OidcMetrics {
    /// Fails only if the registry has these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let signins = Opts::new(
            "causeway_oidc_signins_total",
            "Sign-ins by the identity provider: begun, accepted, displaced by newer ones, or refused and why.",
        );
        let requests =
            Opts::new("causeway_oidc_requests_total", "Requests to the identity provider.");
        let metrics = Self {
            signins: IntCounterVec::new(signins, &["result"])?,
            requests: IntCounterVec::new(requests, &["what", "result"])?,
            pending: IntGauge::new(
                "causeway_oidc_signins_pending",
                "Sign-ins that have begun and are not finished.",
            )?,
            up: IntGauge::new(
                "causeway_oidc_up",
                "Whether the identity provider's metadata and keys could be read at the last try.",
            )?,
        };
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// Every metric, for a registry or for the reference page.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.signins.clone()),
            Box::new(self.requests.clone()),
            Box::new(self.pending.clone()),
            Box::new(self.up.clone()),
        ]
    }

    pub(crate) fn signin(&self, result: &str) {
        self.signins.with_label_values(&[result]).inc();
    }

    pub(crate) fn request(&self, what: &str, is_ok: bool) {
        let result = if is_ok { "ok" } else { "failed" };
        self.requests.with_label_values(&[what, result]).inc();
    }
}
