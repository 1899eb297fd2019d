//! Where the gateway listens.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `DATA_DIR/addresses.json`: where the gateway listens, written once it is ready. With port 0 in
/// the configuration this is the only place that says which port the system chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Addresses {
    /// `ADDRESS:PORT` of the admin API.
    pub admin: String,
    /// By the listener's name.
    pub listeners: BTreeMap<String, String>,
}

impl Addresses {
    /// Name of the file in the data folder.
    pub const FILE: &str = "addresses.json";

    /// The file's content, with a line end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("texts are always JSON");
        text.push('\n');
        text
    }

    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
