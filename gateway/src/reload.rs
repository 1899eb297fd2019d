//! SIGHUP and `causeway reload`: read the file, check it whole, then swap.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use config::{Config, Reload};
use deliver::{Delivery, Routes};
use parking_lot::Mutex;

use crate::assemble;
use crate::server::Serving;

/// Holds what can change while mail flows. Cheap to clone.
#[derive(Clone)]
pub struct Reloader {
    /// In force, which is not always what the file says: see [`Config::reload`].
    pub config: Arc<ArcSwap<Config>>,
    pub routes: Arc<Routes>,
    pub serving: Serving,
    pub delivery: Delivery,
    /// One reload after the other.
    pub turn: Arc<Mutex<()>>,
}

/// Keys of the configuration that differ.
#[derive(Clone, Debug, Default)]
pub struct Reloaded {
    pub applied: Vec<String>,
    pub needs_restart: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// Every mistake, as `causeway check` prints them. The old configuration stays in force.
    #[error("{0}")]
    Mistakes(config::Mistakes),
    /// The old configuration stays in force, certificates included.
    #[error("a certificate cannot be used: {0}")]
    Certificate(String),
}

impl Reloader {
    /// Blocks while it reads files. Either everything that can change has changed, or nothing.
    pub fn reload(&self, path: &Path) -> Result<Reloaded, ReloadError> {
        let _turn = self.turn.lock();
        let file = load_config(path).map_err(ReloadError::Mistakes)?;
        log_warnings(&file);
        let Reload { config, applied, needs_restart } = self.config.load().reload(&file);
        let prepared = self
            .serving
            .prepare(&config)
            .map_err(|error| ReloadError::Certificate(crate::receive::chain(&error)))?;
        self.serving.apply(prepared);
        if applied.iter().any(|it| is_routing(&it.key)) {
            self.routes.set_domains(assemble::domains(&config));
            self.delivery.domains_changed();
        }
        self.config.store(Arc::new(config));
        let keys = |list: Vec<config::Change>| list.into_iter().map(|it| it.key).collect();
        let reloaded = Reloaded { applied: keys(applied), needs_restart: keys(needs_restart) };
        tracing::info!(?reloaded, "Configuration reloaded.");
        Ok(reloaded)
    }
}

/// Reads a configuration with everything that can be checked before it is used.
///
/// # Errors
/// All mistakes, each with its place.
pub fn load_config(path: &Path) -> Result<Config, config::Mistakes> {
    Config::load(path, crate::tls::check_pair)
}

/// Whether a key may change where mail goes.
fn is_routing(key: &str) -> bool {
    ["relay_domain[", "routing.", "site."].iter().any(|it| key.starts_with(it))
}

/// What is unwise but works: docs/adr/0201.
pub(crate) fn log_warnings(config: &Config) {
    for line in config.warnings().to_string().lines() {
        tracing::warn!(warning = line, "The configuration is unwise.");
    }
}
