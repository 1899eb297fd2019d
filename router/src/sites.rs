//! What routing knows of the health of the sites.

use mail::SiteName;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SiteState {
    #[default]
    Up,
    /// Its mail is accepted and waits.
    Down,
    /// An operator stopped deliveries to it; its mail is accepted and waits.
    Held,
}

/// The state of each site; one that is not in here is up. A handful of sites: a list is fastest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteStates(Vec<(SiteName, SiteState)>);

impl SiteStates {
    pub fn get(&self, site: &SiteName) -> SiteState {
        self.0.iter().find(|(it, _)| it == site).map_or(SiteState::Up, |(_, state)| *state)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&SiteName, SiteState)> {
        self.0.iter().map(|(site, state)| (site, *state))
    }

    pub fn set(&mut self, site: SiteName, state: SiteState) {
        match self.0.iter_mut().find(|(it, _)| *it == site) {
            Some(slot) => slot.1 = state,
            None => self.0.push((site, state)),
        }
    }
}

impl FromIterator<(SiteName, SiteState)> for SiteStates {
    fn from_iter<I: IntoIterator<Item = (SiteName, SiteState)>>(states: I) -> Self {
        let mut all = Self::default();
        for (site, state) in states {
            all.set(site, state);
        }
        all
    }
}
