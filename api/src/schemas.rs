//! JSON Schema of every type that a request or an answer is, by name: the `components` of the
//! OpenAPI document. Types that these contain come along.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// By name, as `#/components/schemas/NAME`.
pub fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|it| {
        it.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let parts: [fn(&mut SchemaGenerator); 7] = [
        gateway,
        crate::plan::schemas,
        crate::moves::schemas,
        crate::recipients::schemas,
        crate::access::schemas,
        crate::watch::schemas,
        crate::configuration::schemas,
    ];
    queries(&mut generator);
    for part in parts {
        part(&mut generator);
    }
    generator.take_definitions(true)
}

/// Query strings, for the types of their parameters. The document finds them by the names.
fn queries(to: &mut SchemaGenerator) {
    to.subschema_for::<crate::Explain>();
    to.subschema_for::<crate::AuditQuery>();
    to.subschema_for::<crate::OidcCallbackQuery>();
    to.subschema_for::<crate::DiffQuery>();
    to.subschema_for::<crate::DriftQuery>();
    to.subschema_for::<crate::HistoryQuery>();
    to.subschema_for::<crate::ImportOptions>();
    to.subschema_for::<crate::ListQuery>();
    to.subschema_for::<crate::MovesQuery>();
    to.subschema_for::<crate::PlanQuery>();
    to.subschema_for::<crate::QueueQuery>();
    to.subschema_for::<crate::RecipientQuery>();
    to.subschema_for::<crate::RowQuery>();
    to.subschema_for::<crate::StreamQuery>();
    to.subschema_for::<crate::TraceQuery>();
}

/// The types of the modules without a list of their own.
fn gateway(to: &mut SchemaGenerator) {
    to.subschema_for::<crate::Readiness>();
    to.subschema_for::<crate::Version>();
    to.subschema_for::<crate::Stats>();
    to.subschema_for::<crate::Reloaded>();
    to.subschema_for::<crate::TableInfo>();
    to.subschema_for::<crate::EntryList>();
    to.subschema_for::<crate::Entry>();
    to.subschema_for::<crate::EntryPatch>();
    to.subschema_for::<crate::TableEdits>();
    to.subschema_for::<crate::Changed>();
    to.subschema_for::<crate::Imported>();
    to.subschema_for::<crate::History>();
    to.subschema_for::<crate::Explanation>();
    to.subschema_for::<crate::QueueList>();
    to.subschema_for::<crate::QueueSummary>();
    to.subschema_for::<crate::ActionRequest>();
    to.subschema_for::<crate::Acted>();
    to.subschema_for::<crate::QueuedMessage>();
    to.subschema_for::<crate::SiteList>();
    to.subschema_for::<crate::Probe>();
    to.subschema_for::<crate::OverrideRequest>();
    to.subschema_for::<crate::Site>();
    to.subschema_for::<crate::Traced>();
    to.subschema_for::<crate::Verification>();
    to.subschema_for::<crate::Problem>();
}
