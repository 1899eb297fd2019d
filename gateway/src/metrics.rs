//! What the gateway counts. Owned here, registered by whoever builds the process.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use smtp::server::Rejection;

/// Metrics of the receiving side, whose names begin with `causeway_smtp_`, and the version.
#[derive(Clone)]
pub struct GatewayMetrics {
    /// Sessions that ended, by `listener` and `result`: closed, gone, timeout, refused,
    /// shutdown, error.
    pub sessions: IntCounterVec,
    /// Sessions open now, on all listeners.
    pub sessions_open: IntGauge,
    /// Connections open now, by `listener`.
    pub connections: IntGaugeVec,
    /// Connections that were turned away, by `listener` and `limit`: all, listener, ip, net,
    /// descriptors.
    pub turned_away: IntCounterVec,
    /// Messages at their end, by `listener` and `verdict`: accepted, loop, full, failed; and late
    /// for one that failed and was on disk all the same, so that it was discarded.
    pub messages: IntCounterVec,
    /// Octets of accepted bodies, by `listener`.
    pub message_bytes: IntCounterVec,
    /// Recipients asked for, by `listener` and `verdict`: accepted, refused.
    pub recipients: IntCounterVec,
    /// MAIL and DATA that were refused for want of room or of admission, by `listener` and
    /// `reason`: full, memory, not_admitted.
    pub transactions_refused: IntCounterVec,
    /// What clients sent that was refused, by `listener` and `reason`: the labels of
    /// [`Rejection`].
    pub rejected: IntCounterVec,
    /// TLS handshakes, by `listener` and `result`: ok, failed.
    pub handshakes: IntCounterVec,
    /// 1 while time-outs are short because limits are near.
    pub stress: IntGauge,
    /// Octets of bodies in memory that are on their way in.
    pub body_bytes: IntGauge,
    /// Always 1, with the `version` that runs.
    pub build_info: IntGaugeVec,
    /// Certificates that were read again, by `listener` and `result`: ok, failed.
    pub certificate_reloads: IntCounterVec,
}

impl GatewayMetrics {
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
            Box::new(self.sessions.clone()),
            Box::new(self.sessions_open.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.turned_away.clone()),
            Box::new(self.messages.clone()),
            Box::new(self.message_bytes.clone()),
            Box::new(self.recipients.clone()),
            Box::new(self.transactions_refused.clone()),
            Box::new(self.rejected.clone()),
            Box::new(self.handshakes.clone()),
            Box::new(self.stress.clone()),
            Box::new(self.body_bytes.clone()),
            Box::new(self.build_info.clone()),
            Box::new(self.certificate_reloads.clone()),
        ]
    }

    fn build() -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(format!("causeway_smtp_{name}"), help), labels)
        };
        let gauge = |name: &str, help: &str| IntGauge::new(format!("causeway_smtp_{name}"), help);
        let connections = IntGaugeVec::new(
            Opts::new("causeway_smtp_connections", "Connections open now"),
            &["listener"],
        )?;
        let build_info = IntGaugeVec::new(
            Opts::new("causeway_build_info", "Always 1: the version that runs"),
            &["version"],
        )?;
        build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let by = |name: &'static str| ["listener", name];
        Ok(Self {
            sessions: counter("sessions_total", "Sessions that ended", &by("result"))?,
            sessions_open: gauge("sessions_open", "Sessions open now")?,
            connections,
            turned_away: counter("turned_away_total", "Connections turned away", &by("limit"))?,
            messages: counter("messages_total", "Messages at their end", &by("verdict"))?,
            message_bytes: counter("message_bytes_total", "Octets accepted", &["listener"])?,
            recipients: counter("recipients_total", "Recipients asked for", &by("verdict"))?,
            transactions_refused: counter(
                "transactions_refused_total",
                "MAIL and DATA refused for want of room or of admission",
                &by("reason"),
            )?,
            rejected: counter("rejected_total", "Bad input of clients", &by("reason"))?,
            handshakes: counter("tls_handshakes_total", "TLS handshakes", &by("result"))?,
            stress: gauge("stress", "1 while time-outs are short because limits are near")?,
            body_bytes: gauge("body_bytes", "Octets of bodies in memory on their way in")?,
            build_info,
            certificate_reloads: counter(
                "certificate_reloads_total",
                "Certificates read again",
                &by("result"),
            )?,
        })
    }

    /// The counters of the hot path for one listener, found once.
    pub(crate) fn of(&self, listener: &str) -> ListenerMetrics {
        let label =
            |metric: &IntCounterVec, value: &str| metric.with_label_values(&[listener, value]);
        ListenerMetrics {
            connections: self.connections.with_label_values(&[listener]),
            accepted: label(&self.messages, "accepted"),
            looped: label(&self.messages, "loop"),
            full: label(&self.messages, "full"),
            failed: label(&self.messages, "failed"),
            late: label(&self.messages, "late"),
            no_room: label(&self.transactions_refused, "full"),
            no_memory: label(&self.transactions_refused, "memory"),
            not_admitted: label(&self.transactions_refused, "not_admitted"),
            rejected: Rejection::ALL.map(|it| label(&self.rejected, it.label())),
            bytes: self.message_bytes.with_label_values(&[listener]),
            recipients_accepted: label(&self.recipients, "accepted"),
            recipients_refused: label(&self.recipients, "refused"),
        }
    }
}

#[derive(Clone)]
pub(crate) struct ListenerMetrics {
    pub(crate) connections: IntGauge,
    pub(crate) accepted: IntCounter,
    pub(crate) looped: IntCounter,
    pub(crate) full: IntCounter,
    pub(crate) failed: IntCounter,
    pub(crate) late: IntCounter,
    pub(crate) no_room: IntCounter,
    pub(crate) no_memory: IntCounter,
    pub(crate) not_admitted: IntCounter,
    rejected: [IntCounter; Rejection::ALL.len()],
    pub(crate) bytes: IntCounter,
    pub(crate) recipients_accepted: IntCounter,
    pub(crate) recipients_refused: IntCounter,
}

impl ListenerMetrics {
    pub(crate) fn reject(&self, rejection: Rejection, n: u32) {
        if let Some(counter) = self.rejected.get(rejection as usize) {
            counter.inc_by(n.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_runs_is_a_series() {
        let registry = Registry::new();
        let _metrics = GatewayMetrics::new(&registry).unwrap();
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let wanted =
            format!("causeway_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&wanted), "{text}");
    }
}
