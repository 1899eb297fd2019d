//! Operators' words about sites, kept over a restart: `DATA_DIR/overrides.json`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use deliver::Delivery;
use mail::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

const FILE: &str = "overrides.json";

/// One site's override. Layout: docs/formats/overrides.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    pub(crate) up: bool,
    pub(crate) by: String,
    pub(crate) reason: String,
    /// Microseconds since 1970; `null` for no end.
    pub(crate) until: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    sites: BTreeMap<String, Stored>,
}

const VERSION: u32 = 1;

/// What is in the file. It is written before an override is in force, so none that was confirmed
/// is forgotten.
pub struct Overrides {
    path: PathBuf,
    known: Mutex<BTreeMap<String, Stored>>,
}

impl Overrides {
    /// # Errors
    /// When the file is there and cannot be understood: to forget an override is for an operator.
    pub(crate) fn open(data_dir: &Path, now: Timestamp) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let content = match fs::read(&path) {
            Ok(bytes) => parse(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(error),
        };
        let mut known = content.sites;
        known.retain(|_, it| it.left(now).is_some());
        Ok(Self { path, known: Mutex::new(known) })
    }

    /// Puts what was kept in force; to be called before anything is delivered.
    pub(crate) fn apply(&self, delivery: &Delivery, now: Timestamp) {
        for (site, it) in self.known.lock().iter() {
            let Some(lasts) = it.left(now) else { continue };
            if delivery.override_site(site, Some(it.up), &it.reason, &it.by, lasts) {
                tracing::warn!(
                    site,
                    up = it.up,
                    by = it.by,
                    reason = it.reason,
                    "Still overridden."
                );
            }
        }
    }

    /// Durable when it returns; blocks. `None` lifts the override.
    pub(crate) fn set(&self, site: &str, order: Option<Stored>, now: Timestamp) -> io::Result<()> {
        let mut known = self.known.lock();
        let mut sites = known.clone();
        sites.retain(|_, it| it.left(now).is_some());
        match order {
            Some(order) => drop(sites.insert(site.to_owned(), order)),
            None => drop(sites.remove(site)),
        }
        let content = Content { version: VERSION, sites };
        write(&self.path, &content)?;
        *known = content.sites;
        Ok(())
    }
}

impl Stored {
    /// How long it still lasts, if it has an end; `None` when that has passed.
    fn left(&self, now: Timestamp) -> Option<Option<Duration>> {
        let Some(until) = self.until.map(Timestamp::from_micros) else { return Some(None) };
        (until > now).then(|| Some(until.since(now)))
    }
}

fn parse(bytes: &[u8]) -> io::Result<Content> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let content: Content = serde_json::from_slice(bytes).map_err(|it| invalid(it.to_string()))?;
    match content.version {
        VERSION => Ok(content),
        other => Err(invalid(format!("written by a later version: format {other}"))),
    }
}

/// Whole or not at all.
fn write(path: &Path, content: &Content) -> io::Result<()> {
    let temporary = path.with_extension("json.new");
    let mut text = serde_json::to_vec_pretty(content)?;
    text.push(b'\n');
    let mut file = File::create(&temporary)?;
    file.write_all(&text)?;
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn order(until: Option<u64>) -> Stored {
        Stored { up: false, by: "ann".into(), reason: "change 77".into(), until }
    }

    #[test]
    fn an_override_is_there_after_a_restart_until_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let overrides = Overrides::open(dir.path(), NOW).unwrap();
        overrides.set("cloud", Some(order(None)), NOW).unwrap();
        overrides.set("on_prem", Some(order(Some(3_000_000))), NOW).unwrap();
        let known = |at| Overrides::open(dir.path(), at).unwrap().known.into_inner();
        assert_eq!(known(NOW).len(), 2);
        assert_eq!(known(NOW)["on_prem"].left(NOW), Some(Some(Duration::from_secs(2))));
        let later = Timestamp::from_micros(3_000_000);
        assert_eq!(known(later).into_iter().collect::<Vec<_>>(), [("cloud".into(), order(None))]);
        overrides.set("cloud", None, later).unwrap();
        assert!(known(later).is_empty());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["{", r#"{"version":2,"sites":{}}"#, r#"{"version":1,"sites":{},"x":1}"#] {
            fs::write(dir.path().join(FILE), text).unwrap();
            assert!(Overrides::open(dir.path(), NOW).is_err(), "{text}");
        }
    }
}
