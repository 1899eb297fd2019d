//! The configuration as it is in force, key by key, and what the file says by now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::FieldError;

/// `GET /api/v1/configuration`. Secrets are in files that the configuration names, and not in here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Configuration {
    /// Its path on the gateway's host.
    pub file: String,
    /// What is wrong with the file as it is on disk now: a reload would change nothing. Empty when
    /// it is fine.
    pub mistakes: Vec<FieldError>,
    /// What is unwise in it.
    pub warnings: Vec<FieldError>,
    /// Keys for which the file says something else by now than what runs, in the order of their
    /// names. Empty when it cannot be read as well.
    pub differences: Vec<ConfigurationDifference>,
    /// In the order of the reference page, those of one kind in the order of the file.
    pub sections: Vec<ConfigurationSection>,
    /// Every key of these, in the same order.
    pub keys: Vec<ConfigurationKey>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationSection {
    /// `limits`, `site.cloud`, `listener[mx]`
    pub name: String,
    pub about: String,
}

/// One key with the value that the gateway goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationKey {
    /// `SECTION.NAME`: as mistakes of the file and reloads name it.
    pub key: String,
    pub section: String,
    pub name: String,
    /// As it would be written in the file; null when nothing is set, see `unset_means`.
    pub value: Option<String>,
    pub source: ConfigurationSource,
    /// Of the file, where the value is written.
    pub line: Option<u64>,
    /// As it would be written.
    pub default: Option<String>,
    /// What it means that nothing is set.
    pub unset_means: Option<String>,
    /// Type, unit and range.
    pub wants: String,
    pub about: String,
    /// What puts a new value into force.
    pub takes: ConfigurationTakes,
}

/// Where a value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationSource {
    Default,
    File,
}

/// What puts a new value into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationTakes {
    Reload,
    Restart,
}

impl ConfigurationTakes {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Restart => "restart",
        }
    }
}

/// One key whose value in the file is not what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationDifference {
    pub key: String,
    /// What runs; null when nothing is set, or the section is not there.
    pub running: Option<String>,
    /// What the file says; null likewise.
    pub file: Option<String>,
    /// A key that a reload changes may wait for a restart together with others: a domain for the
    /// site that it names.
    pub takes: ConfigurationTakes,
}

pub(crate) fn schemas(to: &mut schemars::SchemaGenerator) {
    to.subschema_for::<Configuration>();
}
