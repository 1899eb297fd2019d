//! The page `docs/reference/metrics.md`, made from the metrics themselves.

use std::fmt::Write as _;

use prometheus::Registry;
use prometheus::core::Collector;
use prometheus::proto::{MetricFamily, MetricType};

use access::AccessMetrics;
use admin::AdminMetrics;
use deliver::DeliverMetrics;
use directory::DirectoryMetrics;
use oidc::OidcMetrics;
use recipients::RecipientsMetrics;
use spool::SpoolMetrics;

use crate::GatewayMetrics;
use crate::alerts::AlertMetrics;
use crate::rails::RailMetrics;

/// Every metric of `/metrics` in Markdown.
///
/// # Errors
/// When two metrics have the same name.
pub fn metrics_reference() -> prometheus::Result<String> {
    let mut page = String::from(
        "# Metrics\n\nWritten by `cargo xtask docs` from the code; do not edit.\n\n\
         `GET /metrics` on the admin address, in Prometheus' text format, without a token.\n\
         A metric with labels appears when its first series does.\n\n\
         | metric | type | labels | what |\n| --- | --- | --- | --- |\n",
    );
    let mut rows: Vec<String> = all()?.iter().flat_map(|it| rows(it.as_ref())).collect();
    rows.sort_unstable();
    rows.iter().for_each(|row| page.push_str(row));
    Ok(page)
}

fn all() -> prometheus::Result<Vec<Box<dyn Collector>>> {
    let registry = Registry::new();
    let mut all = GatewayMetrics::new(&registry)?.collectors();
    all.extend(AlertMetrics::register(&registry)?.collectors());
    all.extend(RailMetrics::register(&registry)?.collectors());
    all.extend(SpoolMetrics::new().collectors());
    all.extend(DeliverMetrics::new(&registry)?.collectors());
    all.extend(DirectoryMetrics::register(&registry)?.collectors());
    all.extend(RecipientsMetrics::register(&registry)?.collectors());
    all.extend(AdminMetrics::register(&registry)?.collectors());
    all.extend(OidcMetrics::register(&registry)?.collectors());
    all.extend(AccessMetrics::register(&registry)?.collectors());
    Ok(all)
}

fn rows(collector: &dyn Collector) -> Vec<String> {
    let labels = collector.desc().first().map(|it| it.variable_labels.clone()).unwrap_or_default();
    let row = |family: &MetricFamily| {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            MetricType::UNTYPED => "untyped",
        };
        let mut row = String::new();
        let help = family.help().trim_end_matches('.');
        let labels = labels.join(", ");
        let written = writeln!(row, "| `{}` | {kind} | {labels} | {help} |", family.name());
        written.expect("a String takes any text");
        row
    };
    collector.collect().iter().map(row).collect()
}
