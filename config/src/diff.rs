//! Which keys a reload changes, and which of them wait for a restart.

use std::collections::BTreeMap;

use crate::Config;
use crate::key::{Default, Key};
use crate::sections;

/// One key with the value in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `listener[mx].bind`, `site.cloud.tls`, `limits.hops_max`
    pub key: String,
    /// As TOML; empty when the key is left out and has no default.
    pub value: String,
    pub is_default: bool,
    /// Where its value was written, from 1; `None` for a default.
    pub line: Option<usize>,
    pub(crate) needs_restart: bool,
    pub(crate) offset: usize,
    pub(crate) declared: &'static Key,
}

/// What is known of a key whatever its value.
impl Setting {
    /// `listener[mx]`, `site.cloud`, `limits`
    pub fn section(&self) -> &str {
        self.key.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// What its section is for, in a sentence.
    pub fn section_about(&self) -> &'static str {
        sections::about(self.section())
    }

    /// Without its section.
    pub const fn name(&self) -> &'static str {
        self.declared.name
    }

    /// What it means, in a sentence.
    pub const fn about(&self) -> &'static str {
        self.declared.meaning
    }

    /// The type with its unit and range.
    pub fn wants(&self) -> String {
        self.declared.kind.describe()
    }

    /// As TOML.
    pub const fn default(&self) -> Option<&'static str> {
        match self.declared.default {
            Default::Value(text) => Some(text),
            Default::Required | Default::Absent(_) => None,
        }
    }

    /// What it means that nothing is set.
    pub const fn unset_means(&self) -> Option<&'static str> {
        match self.declared.default {
            Default::Absent(meaning) => Some(meaning),
            Default::Required | Default::Value(_) => None,
        }
    }

    /// A reload is not enough for a new value.
    pub const fn needs_restart(&self) -> bool {
        self.needs_restart
    }
}

/// One key whose value is another now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    /// As TOML; `None` when the section was not there.
    pub before: Option<String>,
    /// `None` when the section is gone.
    pub after: Option<String>,
    pub needs_restart: bool,
}

impl Config {
    /// Every key with the value in force, in the order of the reference page.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// What differs, by key. A key that comes or goes with its section counts once per section:
    /// through the keys that were written, or have a default.
    pub fn diff(old: &Self, new: &Self) -> Vec<Change> {
        let index = |it: &'_ Self| -> BTreeMap<String, Setting> {
            it.settings.iter().map(|it| (it.key.clone(), it.clone())).collect()
        };
        let (before, after) = (index(old), index(new));
        let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let change = |key: &String| {
            let (was, is) = (before.get(key), after.get(key));
            let text = |it: Option<&Setting>| it.map(|it| it.value.clone());
            let needs_restart = was.or(is).is_some_and(|it| it.needs_restart);
            let change =
                Change { key: key.clone(), before: text(was), after: text(is), needs_restart };
            let same =
                change.before.as_deref().unwrap_or("") == change.after.as_deref().unwrap_or("");
            (!same).then_some(change)
        };
        keys.into_iter().filter_map(change).collect()
    }
}
