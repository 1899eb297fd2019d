//! Steps of a mailbox's move: which there are, and what each means for its home.
//!
//! ```text
//!            ┌──────────────┐              ┌──────────────┐
//!            ▼              │              ▼              │
//!   on_prem ──> syncing ──> cutover ──> cloud ──> settled │
//!      ▲  ▲        │        │  └─ back to where it came from
//!      │  └────────┘        │         │        │
//!      └────────────────────┴─────────┴────────┘
//! ```
//!
//! The home follows: it becomes the target at `cutover → cloud` and the origin on the way back. Pure.

use mail::SiteName;

use crate::{Domains, Entry, MoveState, Rail};

/// What a step does to the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeAfter {
    Stays,
    /// The site that it moves to: the one that was named, or the only other one.
    Target,
    /// The site that it came from.
    Origin,
    /// That of before the cutover, which must have begun in the state that it goes back to.
    Before,
}

/// One step that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub from: MoveState,
    pub to: MoveState,
    pub home: HomeAfter,
}

const fn edge(from: MoveState, to: MoveState, home: HomeAfter) -> Edge {
    Edge { from, to, home }
}

/// Every step of a move. An edit of an operator is not bound to them.
pub const EDGES: &[Edge] = &[
    edge(MoveState::OnPrem, MoveState::Syncing, HomeAfter::Stays),
    edge(MoveState::Syncing, MoveState::Cutover, HomeAfter::Stays),
    edge(MoveState::Cutover, MoveState::Cloud, HomeAfter::Target),
    edge(MoveState::Cloud, MoveState::Settled, HomeAfter::Stays),
    // The ways back; `cloud → cutover` begins one on which no mail is left behind.
    edge(MoveState::Syncing, MoveState::OnPrem, HomeAfter::Stays),
    edge(MoveState::Cutover, MoveState::Syncing, HomeAfter::Before),
    edge(MoveState::Cutover, MoveState::OnPrem, HomeAfter::Origin),
    edge(MoveState::Cloud, MoveState::Cutover, HomeAfter::Stays),
    edge(MoveState::Cloud, MoveState::OnPrem, HomeAfter::Origin),
    edge(MoveState::Settled, MoveState::OnPrem, HomeAfter::Origin),
];

/// Where a mailbox is in its move, and where it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: MoveState,
    pub home: SiteName,
}

impl From<&Entry> for Standing {
    fn from(entry: &Entry) -> Self {
        Self { state: entry.state, home: entry.home.clone() }
    }
}

/// What the history of a row says about the way that it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WayHere {
    /// Before its cutover, for a row that is in one. `None`: it came into the table like that.
    pub before_cutover: Option<Standing>,
    /// Where it lived when it was last `on_prem` or `syncing`.
    pub origin: Option<SiteName>,
}

/// Why a step cannot be made, whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    #[error("there is no step from {from} to {to}: want {}", ways(*.from))]
    NoEdge { from: MoveState, to: MoveState },
    #[error("its cutover did not begin in {to}: want {}", ways(MoveState::Cutover))]
    NotFromThere { to: MoveState },
    #[error("there is no site {home}: want {known}")]
    NoSite { home: SiteName, known: String },
    #[error("say where it goes with home: want {known}")]
    WhereTo { known: String },
    #[error("its home stays {stays} in this step: leave home out")]
    Stays { stays: SiteName },
    #[error("it lives at {home} already: want another site")]
    LivesThere { home: SiteName },
}

fn ways(from: MoveState) -> String {
    let ways = EDGES.iter().filter(|it| it.from == from).map(|it| it.to.as_str());
    ways.collect::<Vec<_>>().join(" or ")
}

/// What a step to `to` makes of a row. `home` is what the caller said about it.
pub fn step(
    domains: &Domains,
    entry: &Entry,
    way: &WayHere,
    to: MoveState,
    home: Option<&SiteName>,
) -> Result<Standing, StepError> {
    let edge = EDGES.iter().find(|it| it.from == entry.state && it.to == to);
    let Some(edge) = edge else { return Err(StepError::NoEdge { from: entry.state, to }) };
    if let Some(home) = home.filter(|it| !domains.has_site(it)) {
        return Err(StepError::NoSite { home: home.clone(), known: domains.site_list() });
    }
    let fixed = match edge.home {
        HomeAfter::Stays => Some(entry.home.clone()),
        HomeAfter::Before => {
            let before = way.before_cutover.as_ref().filter(|it| it.state == to);
            Some(before.ok_or(StepError::NotFromThere { to })?.home.clone())
        }
        // A cutover that began in the cloud goes back there.
        HomeAfter::Target => way.before_cutover.as_ref().and_then(in_the_cloud),
        HomeAfter::Origin => None,
    };
    let home = match (fixed, home) {
        (Some(fixed), Some(home)) if *home != fixed => {
            return Err(StepError::Stays { stays: fixed });
        }
        (Some(fixed), _) => fixed,
        (None, Some(home)) => home.clone(),
        (None, None) if edge.home == HomeAfter::Origin => origin(domains, entry, way),
        (None, None) => the_other_site(domains, entry)?,
    };
    if edge.home == HomeAfter::Target
        && way.before_cutover.as_ref().and_then(in_the_cloud).is_none()
        && home == entry.home
    {
        return Err(StepError::LivesThere { home });
    }
    Ok(Standing { state: to, home })
}

/// Which way a step leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Towards the new home.
    On,
    /// Towards the old one, or out of a cutover that is given up.
    Back,
}

impl Course {
    /// Of a step that there is.
    pub fn of(entry: &Entry, way: &WayHere, to: MoveState) -> Self {
        match (entry.state, to) {
            (MoveState::OnPrem, MoveState::Syncing)
            | (MoveState::Syncing, MoveState::Cutover)
            | (MoveState::Cloud, MoveState::Settled) => Self::On,
            // A cutover that began in the cloud is given up by going back there.
            (MoveState::Cutover, MoveState::Cloud)
                if way.before_cutover.as_ref().and_then(in_the_cloud).is_none() =>
            {
                Self::On
            }
            _ => Self::Back,
        }
    }

    /// Whether a step that leads this way has to pass the rail. Rails keep somebody from leaving a
    /// place that works, so a way back passes them all but one: an old home that sends its mail on
    /// to us would get it in circles. Why: docs/adr/0325.
    pub fn meets(self, rail: Rail) -> bool {
        match self {
            Self::On => true,
            Self::Back => rail == Rail::Loop,
        }
    }
}

/// Where a mailbox that is to be cut over will live, if that can be told before its flip: with two
/// sites it can.
pub fn future_home<'a>(domains: &'a Domains, entry: &Entry) -> Option<&'a SiteName> {
    let mut others = domains.sites().filter(|it| **it != entry.home);
    match (others.next(), others.next()) {
        (Some(site), None) => Some(site),
        _ => None,
    }
}

/// Where a cutover that took too long ends: in the state and the home of before it.
pub fn step_back(entry: &Entry, way: &WayHere, domains: &Domains) -> Standing {
    if let Some(before) = &way.before_cutover {
        return before.clone();
    }
    let moved = domains.origin(entry.address.domain()).is_some_and(|it| *it != entry.home);
    let state = if moved { MoveState::Cloud } else { MoveState::OnPrem };
    Standing { state, home: entry.home.clone() }
}

fn in_the_cloud(before: &Standing) -> Option<SiteName> {
    matches!(before.state, MoveState::Cloud | MoveState::Settled).then(|| before.home.clone())
}

fn origin(domains: &Domains, entry: &Entry, way: &WayHere) -> SiteName {
    let of_domain = || domains.origin(entry.address.domain());
    way.origin.as_ref().or_else(of_domain).unwrap_or(&entry.home).clone()
}

fn the_other_site(domains: &Domains, entry: &Entry) -> Result<SiteName, StepError> {
    let other = future_home(domains, entry).cloned();
    other.ok_or_else(|| StepError::WhereTo { known: domains.site_list() })
}
