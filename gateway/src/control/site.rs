//! The sites, as operators see and override them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use admin::{Author, BackendError};
use api::{OverrideRequest, OverrideTo, Probe, ProbeStage, Site, SiteList, SiteState};
use deliver::SiteView;
use health::State;

use super::overrides::Stored;
use super::table::blocking;
use super::{Control, age};

/// An override never outlives this.
const OVERRIDE_MAX: Duration = Duration::from_secs(30 * 86_400);

impl Control {
    pub(crate) fn list_sites(&self) -> SiteList {
        SiteList { sites: self.delivery.sites().iter().map(|it| self.site(it)).collect() }
    }

    fn named(&self, name: &str) -> Result<SiteView, BackendError> {
        let found = self.delivery.sites().into_iter().find(|it| it.name == name);
        found.ok_or_else(|| {
            let names: Vec<String> = self.delivery.sites().into_iter().map(|it| it.name).collect();
            BackendError::not_found(format!("site {name}: there are {}", names.join(", ")))
        })
    }

    pub(super) async fn probe_site(&self, name: &str) -> Result<Probe, BackendError> {
        self.named(name)?;
        let began = Instant::now();
        let stages = self.delivery.probe_site(name).await;
        tracing::info!(site = name, took = ?began.elapsed(), "Probed by an operator.");
        Ok(Probe {
            site: name.to_owned(),
            ok: stages.iter().any(|it| it.ok && it.stage == "mail"),
            stages: stages
                .into_iter()
                .map(|it| ProbeStage {
                    host: it.host,
                    stage: it.stage.to_owned(),
                    ok: it.ok,
                    detail: it.detail,
                    milliseconds: it.took.as_millis().try_into().unwrap_or(u64::MAX),
                })
                .collect(),
        })
    }

    /// Written down before it is in force, so that a restart does not forget it.
    pub(super) async fn override_site(
        &self,
        name: String,
        request: OverrideRequest,
        author: Author,
    ) -> Result<Site, BackendError> {
        self.named(&name)?;
        let lasts = request.for_seconds.map(Duration::from_secs);
        if lasts.is_some_and(|it| it > OVERRIDE_MAX) {
            return Err(BackendError::invalid("for_seconds", "want at most 30 days"));
        }
        let up = match request.to {
            OverrideTo::Auto => None,
            OverrideTo::Up => Some(true),
            OverrideTo::Down => Some(false),
        };
        let now = self.now();
        let order = up.map(|up| Stored {
            up,
            by: author.0.clone(),
            reason: request.reason.clone(),
            until: lasts.map(|it| now.plus(it).as_micros()),
        });
        let (overrides, site) = (Arc::clone(&self.overrides), name.clone());
        let keep = move || {
            let kept = overrides.set(&site, order, now);
            kept.map_err(|it| BackendError::Failed { detail: format!("overrides.json: {it}") })
        };
        blocking(keep).await?;
        self.delivery.override_site(&name, up, &request.reason, &author.0, lasts);
        tracing::warn!(
            site = name,
            to = request.to.as_str(),
            by = author.0,
            reason = request.reason,
            "Overridden."
        );
        Ok(self.site(&self.named(&name)?))
    }

    pub(super) fn site(&self, view: &SiteView) -> Site {
        let now = self.now();
        let state = match (&view.ordered, view.state) {
            (Some(ordered), _) if ordered.up => SiteState::Up,
            (Some(_), _) | (None, State::Faulted) => SiteState::Held,
            (None, State::Up) => SiteState::Up,
            (None, State::Down) => SiteState::Down,
            (None, State::Recovering) => SiteState::Probing,
        };
        let forced = view.ordered.as_ref().map(|it| api::Override {
            to: if it.up { OverrideTo::Up } else { OverrideTo::Down },
            by: it.by.clone(),
            reason: it.reason.clone(),
            until: view.ordered_until.map(|it| it.to_string()),
        });
        Site {
            name: view.name.clone(),
            state,
            since: view.since.map(|it| it.to_string()),
            reason: Some(view.why.clone()).filter(|it| !it.is_empty()),
            forced,
            hosts: view
                .hosts
                .iter()
                .map(|(name, error)| api::Host {
                    name: name.clone(),
                    state: if error.is_some() { SiteState::Down } else { state },
                    last_error: error.clone(),
                })
                .collect(),
            tls: view.tls.clone(),
            connections: view.connections as u64,
            connections_max: view.connections_max as u64,
            queued_recipients: view.queued,
            held_recipients: view.held,
            oldest_seconds: view.oldest.map(|it| age(it, now)),
        }
    }
}
