//! Sites: health, probes, overrides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/sites`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteList {
    pub sites: Vec<Site>,
}

/// What routing and delivery know of one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    pub name: String,
    pub state: SiteState,
    pub since: Option<String>,
    /// Why it is in this state: the last failure, or the operator's reason.
    pub reason: Option<String>,
    #[serde(rename = "override")]
    pub forced: Option<Override>,
    pub hosts: Vec<Host>,
    pub tls: String,
    pub connections: u64,
    pub connections_max: u64,
    /// Recipients that wait for this site, in all queues.
    pub queued_recipients: u64,
    pub held_recipients: u64,
    pub oldest_seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteState {
    Up,
    /// It answers again and gets its backlog at a growing rate.
    Probing,
    Down,
    /// An operator's `down`, or a refusal that only an operator can mend, stopped delivery to it.
    Held,
}

/// One server of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    pub name: String,
    pub state: SiteState,
    pub last_error: Option<String>,
}

/// An operator's word against what the probes say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Override {
    pub to: OverrideTo,
    pub by: String,
    pub reason: String,
    /// `null`: until somebody says `auto`.
    pub until: Option<String>,
}

/// `PUT /api/v1/sites/{name}/override`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    pub to: OverrideTo,
    #[serde(default)]
    pub reason: String,
    /// Seconds from now after which it lapses; `null` for no end. At most 30 days.
    #[serde(default)]
    pub for_seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverrideTo {
    /// Deliver, whatever the probes say.
    Up,
    /// Accept mail for it and keep it: nothing is attempted and nothing probed.
    Down,
    /// Believe the probes again.
    Auto,
}

impl OverrideTo {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Auto => "auto",
        }
    }
}

/// `POST /api/v1/sites/{name}/probe`: an SMTP conversation up to `MAIL`, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    pub site: String,
    pub ok: bool,
    pub stages: Vec<ProbeStage>,
}

/// One step of a probe with one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeStage {
    pub host: String,
    /// `connect`, `greeting`, `ehlo`, `starttls`, …
    pub stage: String,
    pub ok: bool,
    /// The reply, or what went wrong.
    pub detail: String,
    pub milliseconds: u64,
}
