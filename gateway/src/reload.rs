//! SIGHUP and `causeway reload`: read the file, check it whole, then swap.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use config::Config;
use deliver::Routes;

use crate::assemble;
use crate::server::Serving;

/// Holds what can change while mail flows. Cheap to clone.
#[derive(Clone)]
pub struct Reloader {
    pub config: Arc<ArcSwap<Config>>,
    pub routes: Arc<Routes>,
    pub serving: Serving,
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
    #[error("a certificate cannot be used, the old one stays: {0}")]
    Certificate(String),
}

impl Reloader {
    /// Blocks while it reads files. Either everything that can change has changed, or nothing;
    /// only a certificate that cannot be used keeps its old pair beside what else was applied.
    pub fn reload(&self, path: &Path) -> Result<Reloaded, ReloadError> {
        let new = Config::load(path).map_err(ReloadError::Mistakes)?;
        let old = self.config.load_full();
        let changes = Config::diff(&old, &new);
        // A domain must not be routed to a site that delivery does not know yet.
        let names = |it: &Config| it.sites.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        let same_sites = names(&old) == names(&new);
        let waits = |it: &config::Change| {
            it.needs_restart || (!same_sites && !it.key.starts_with("listener"))
        };
        let (restart, applied): (Vec<_>, Vec<_>) = changes.into_iter().partition(waits);
        if same_sites {
            self.routes.set_domains(assemble::domains(&new));
        }
        let problems = self.serving.reload(&new);
        self.config.store(Arc::new(new));
        let keys = |list: Vec<config::Change>| list.into_iter().map(|it| it.key).collect();
        let reloaded = Reloaded { applied: keys(applied), needs_restart: keys(restart) };
        tracing::info!(?reloaded, "Configuration reloaded.");
        match problems.first() {
            None => Ok(reloaded),
            Some(problem) => Err(ReloadError::Certificate(problem.to_string())),
        }
    }
}
