//! Live events and alerts.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::SiteState;

/// Every type here that is a body or an answer.
pub(crate) fn schemas(to: &mut SchemaGenerator) {
    to.subschema_for::<StreamEvent>();
    to.subschema_for::<FlowEvent>();
    to.subschema_for::<TableEvent>();
    to.subschema_for::<SiteEvent>();
    to.subschema_for::<PlanEvent>();
    to.subschema_for::<Dropped>();
    to.subschema_for::<StreamQuery>();
    to.subschema_for::<AlertList>();
    to.subschema_for::<AlertTest>();
    to.subschema_for::<Figures>();
}

/// `GET /api/v1/stream?…`: what is sent, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// Of `flow`, `table`, `sites`, `alerts` and `plans`, with commas between; all if not given.
    #[serde(default)]
    pub topics: Option<String>,
    /// Flow of recipients that contain this, in any case.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Flow and states of this site only.
    #[serde(default)]
    pub site: Option<String>,
}

/// One of what a listener may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Flow,
    Table,
    Sites,
    Alerts,
    Plans,
}

impl Topic {
    pub const ALL: [Self; 5] = [Self::Flow, Self::Table, Self::Sites, Self::Alerts, Self::Plans];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Table => "table",
            Self::Sites => "sites",
            Self::Alerts => "alerts",
            Self::Plans => "plans",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// What one server-sent event carries. Its name (`event:`) is [`StreamEvent::name`], its data the
/// fields alone, as JSON on one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StreamEvent {
    Flow(FlowEvent),
    Table(TableEvent),
    Site(SiteEvent),
    Alert(Alert),
    Plan(PlanEvent),
    Dropped(Dropped),
}

impl StreamEvent {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Flow(_) => "flow",
            Self::Table(_) => "table",
            Self::Site(_) => "site",
            Self::Alert(_) => "alert",
            Self::Plan(_) => "plan",
            Self::Dropped(_) => "dropped",
        }
    }

    /// `None` for `dropped`, which every listener hears.
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Self::Flow(_) => Some(Topic::Flow),
            Self::Table(_) => Some(Topic::Table),
            Self::Site(_) => Some(Topic::Sites),
            Self::Alert(_) => Some(Topic::Alerts),
            Self::Plan(_) => Some(Topic::Plans),
            Self::Dropped(_) => None,
        }
    }

    /// The fields, without the name.
    pub fn data(&self) -> String {
        let text = match self {
            Self::Flow(it) => serde_json::to_string(it),
            Self::Table(it) => serde_json::to_string(it),
            Self::Site(it) => serde_json::to_string(it),
            Self::Alert(it) => serde_json::to_string(it),
            Self::Plan(it) => serde_json::to_string(it),
            Self::Dropped(it) => serde_json::to_string(it),
        };
        text.unwrap_or_default()
    }

    /// The event of that name with those fields; `None` for a name that this version does not know.
    ///
    /// # Errors
    /// When `data` is not what the name says.
    pub fn parse(name: &str, data: &str) -> Result<Option<Self>, serde_json::Error> {
        Ok(Some(match name {
            "flow" => Self::Flow(serde_json::from_str(data)?),
            "table" => Self::Table(serde_json::from_str(data)?),
            "site" => Self::Site(serde_json::from_str(data)?),
            "alert" => Self::Alert(serde_json::from_str(data)?),
            "plan" => Self::Plan(serde_json::from_str(data)?),
            "dropped" => Self::Dropped(serde_json::from_str(data)?),
            _ => return Ok(None),
        }))
    }
}

/// What became of one recipient of one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlowEvent {
    pub at: String,
    pub kind: FlowKind,
    /// The message's id, as `trace` takes it.
    pub id: String,
    /// Empty for a notification.
    pub reverse_path: String,
    pub recipient: String,
    /// A site's name, or the domain of a stranger; not known yet of what is only accepted.
    pub site: Option<String>,
    pub size_bytes: Option<u64>,
    /// What the next hop said, or why it is on hold.
    pub reply: Option<String>,
    /// From acceptance to now; `null` for `accepted`.
    pub seconds: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowKind {
    Accepted,
    Deferred,
    Delivered,
    /// Returned to its sender: refused, expired, or by an operator.
    Bounced,
    Held,
    /// By an operator.
    Discarded,
}

impl FlowKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Held => "held",
            Self::Discarded => "discarded",
        }
    }
}

/// The table has a new generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableEvent {
    pub at: String,
    pub generation: u64,
    pub author: String,
    pub reason: Option<String>,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// A site has another state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteEvent {
    pub name: String,
    pub state: SiteState,
    pub since: String,
    pub reason: Option<String>,
}

/// A plan has another state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanEvent {
    pub at: String,
    pub id: String,
    /// As in `GET /api/v1/plans/{id}`.
    pub state: String,
}

/// Events that a listener did not get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    /// At least so many.
    pub n: u64,
    pub why: DroppedWhy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DroppedWhy {
    /// More flow than is sent to one listener: what is sent is a sample.
    Sampled,
    /// The listener did not read fast enough.
    Slow,
    /// What came after `Last-Event-ID` is no longer kept, or is of an earlier run.
    Gone,
}

/// Something that wants a person, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// As in the page about it: `SiteDown`.
    pub name: String,
    pub severity: Severity,
    pub state: AlertState,
    /// When it took this state.
    pub since: String,
    pub summary: String,
    /// Path of a page on this server: `/help/alert-site-down`.
    pub runbook: String,
    /// Which site, which certificate.
    pub labels: BTreeMap<String, String>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    /// Somebody is to be woken.
    Page,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// True, but not for long enough.
    Pending,
    Firing,
    Resolved,
}

impl DroppedWhy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sampled => "sampled",
            Self::Slow => "slow",
            Self::Gone => "gone",
        }
    }
}

/// `GET /api/v1/alerts`: what is firing first, then what is about to, then what ended lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertList {
    pub alerts: Vec<Alert>,
}

/// `POST /api/v1/alerts/test`: whom a test was sent to. Empty if the configuration names nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertTest {
    pub sent: Vec<AlertSent>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertSent {
    pub to: String,
    pub ok: bool,
    pub detail: String,
}

/// `GET /api/v1/metrics/summary`: the last hour at a glance, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    pub every_seconds: u64,
    pub points: Vec<Point>,
}

/// Rates since the point before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    pub at: String,
    /// Messages.
    pub accepted_per_second: f64,
    /// Recipients, here and in the next two.
    pub delivered_per_second: f64,
    pub deferred_per_second: f64,
    /// Returned or expired.
    pub bounced_per_second: f64,
    /// Messages that wait.
    pub spool_messages: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_as_it_was_written() {
        let event = StreamEvent::Dropped(Dropped { n: 3, why: DroppedWhy::Slow });
        assert_eq!(event.data(), r#"{"n":3,"why":"slow"}"#);
        let read = StreamEvent::parse(event.name(), &event.data()).unwrap();
        assert_eq!(read, Some(event));
        assert_eq!(StreamEvent::parse("news", "{}").unwrap(), None);
    }
}
