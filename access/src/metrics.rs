//! Metrics of access.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Owned by [`crate::Access`], registered by whoever builds it.
#[derive(Clone, Debug)]
pub struct AccessMetrics {
    /// `causeway_auth_attempts_total` by `method` and `result`.
    attempts: IntCounterVec,
    pub(crate) sessions: IntGauge,
    pub(crate) audit_records: IntCounter,
    pub(crate) audit_failures: IntCounter,
    pub(crate) answers: IntGauge,
}

/// With what somebody tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    BreakGlass,
    Token,
    Session,
    Password,
    Oidc,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Accepted,
    Refused,
    /// The password was right, the code is missing.
    SecondFactor,
    Throttled,
}

impl AccessMetrics {
    /// Fails only if the registry has these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let attempts = Opts::new(
            "causeway_auth_attempts_total",
            "Attempts to sign in and bearer tokens that were not valid; by break_glass every use.",
        );
        let metrics = Self {
            attempts: IntCounterVec::new(attempts, &["method", "result"])?,
            sessions: IntGauge::new("causeway_access_sessions", "Sessions of signed-in people.")?,
            audit_records: IntCounter::new(
                "causeway_audit_records_total",
                "Records written to the audit log.",
            )?,
            audit_failures: IntCounter::new(
                "causeway_audit_failures_total",
                "Records that could not be written: calls that change something are refused.",
            )?,
            answers: IntGauge::new(
                "causeway_idempotency_keys",
                "Answers that are kept for an Idempotency-Key.",
            )?,
        };
        metrics.collectors().into_iter().try_for_each(|it| registry.register(it))?;
        Ok(metrics)
    }

    /// Every metric, for a registry or for the reference page.
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.attempts.clone()),
            Box::new(self.sessions.clone()),
            Box::new(self.audit_records.clone()),
            Box::new(self.audit_failures.clone()),
            Box::new(self.answers.clone()),
        ]
    }

    pub fn attempt(&self, method: Method, result: Attempt) {
        let method = match method {
            Method::BreakGlass => "break_glass",
            Method::Token => "token",
            Method::Session => "session",
            Method::Password => "password",
            Method::Oidc => "oidc",
        };
        let result = match result {
            Attempt::Accepted => "accepted",
            Attempt::Refused => "refused",
            Attempt::SecondFactor => "second_factor",
            Attempt::Throttled => "throttled",
        };
        self.attempts.with_label_values(&[method, result]).inc();
    }
}
