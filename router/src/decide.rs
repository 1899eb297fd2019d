//! The routing decision.

use mail::{Address, AddressKey, Domain, Reply, SiteName, Unlisted};

use crate::explain::{Home, Why};
use crate::known::{Doubt, Found, Known, NO_MAILBOX};
use crate::{Domains, Entry, Listed, MoveState, SiteState, SiteStates, Table};

/// One consistent view of everything that routing depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub table: &'a Table,
    pub domains: &'a Domains,
    pub sites: &'a SiteStates,
    pub admission: Admission,
    /// What directories know; for domains that have any.
    pub known: Option<&'a dyn Known>,
}

/// What the client may send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A stranger at an mx.
    RelayDomainsOnly,
    /// A site, or we ourselves.
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To `site`, now or, when it is not `up`, once it is back. `copy_to` gets one as well.
    Site {
        site: SiteName,
        copy_to: Option<SiteName>,
        up: bool,
    },
    /// Accepted, not attempted, decided again when the reason is gone.
    Hold {
        site: SiteName,
        reason: HoldReason,
    },
    /// By the MX of a domain that is not ours, or a smart host.
    Remote {
        domain: Domain,
    },
    Reject(Reply),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// The mailbox is between its homes.
    Cutover,
    /// The table names a site that the configuration does not: an operator's error holds mail.
    UnknownSite,
}

/// A route with its reasons, which are borrowed: keeping them costs nothing.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    pub route: Route,
    /// Of the table that decided.
    pub generation: u64,
    pub why: Why<'a>,
}

impl<'a> Decision<'a> {
    /// The row that decided, if the recipient is listed.
    pub const fn entry(&self) -> Option<&'a Entry> {
        match self.why.listed {
            Some(listed) => Some(listed.entry()),
            None => None,
        }
    }

    /// Why a client that wants to write to the recipient must not simply be let: directories are
    /// asked for its domain, and do not know it. Mail that was accepted goes its way all the same.
    pub fn doubt(&self) -> Option<Doubt> {
        let is_accepted = !matches!(self.route, Route::Reject(_));
        let is_open = is_accepted && !self.why.postmaster && self.why.listed.is_none();
        self.why.found.as_ref().filter(|_| is_open)?.doubt()
    }

    /// What the site is to be told of the recipient: the address as it came, or, for one that only
    /// we can read, that of the mailbox. See [`crate::onward()`].
    pub fn named(&self) -> &'a Address {
        match &self.why.found {
            Some(Found::Known { who, encapsulated: true }) => who.address,
            _ => self.why.recipient,
        }
    }

    /// The address of the mailbox, as far as it is known.
    pub fn mailbox(&self) -> &Address {
        match (self.entry(), &self.why.found) {
            (Some(entry), _) => &entry.address,
            (None, Some(Found::Known { who, .. })) => who.address,
            (None, _) => self.why.recipient,
        }
    }
}

const RELAYING_DENIED: Reply = Reply::new(550, (5, 7, 1), "Relaying denied");
const NO_LITERALS: Reply = Reply::new(550, (5, 1, 2), "Mail to address literals is not relayed");

/// Where mail for `recipient` goes. Costs a few hundred nanoseconds and one allocation.
pub fn decide<'a>(facts: &Facts<'a>, recipient: &'a Address) -> Decision<'a> {
    let domain = recipient.domain();
    let unlisted = facts.domains.unlisted(domain);
    let mut why = Why::new(facts, recipient, unlisted.is_some());
    let route = match unlisted {
        _ if domain.is_literal() => Route::Reject(NO_LITERALS),
        Some(unlisted) => ours(facts, recipient, unlisted, &mut why),
        None => match facts.admission {
            Admission::RelayDomainsOnly => Route::Reject(RELAYING_DENIED),
            Admission::Any => Route::Remote { domain: domain.clone() },
        },
    };
    Decision { route, generation: facts.table.generation(), why }
}

fn ours<'a>(
    facts: &Facts<'a>,
    recipient: &Address,
    unlisted: &'a Unlisted,
    why: &mut Why<'a>,
) -> Route {
    let key = recipient.key();
    (why.listed, why.tagged) = look_up(facts, &key);
    // An operator may list `eve!x@ours`; what a stranger writes behind a tag nobody has listed.
    let is_vouched_for = why.listed.is_some() && !why.tagged;
    if !is_vouched_for && hides_a_route(&key) {
        why.hides_a_route = true;
        return Route::Reject(RELAYING_DENIED);
    }
    if why.listed.is_none() {
        ask_directories(facts, recipient, &key, why);
    }
    if let Some(listed) = why.listed {
        return listed_route(facts, listed.entry(), why);
    }
    if recipient.is_postmaster() {
        why.postmaster = true;
        if let Some(site) = facts.domains.postmaster_site(recipient.domain()) {
            return to_site(facts, site, None, why);
        }
    }
    match unlisted {
        Unlisted::Site(site) => to_site(facts, site, None, why),
        Unlisted::Reject => Route::Reject(NO_MAILBOX),
    }
}

/// A recipient that a directory knows is listed if any of its addresses is.
fn ask_directories<'a>(
    facts: &Facts<'a>,
    recipient: &Address,
    key: &AddressKey,
    why: &mut Why<'a>,
) {
    let names = facts.domains.directories(recipient.domain());
    let Some(known) = facts.known.filter(|_| !names.is_empty()) else { return };
    let base = facts.domains.subaddress_separator().and_then(|it| key.without_tag(it));
    let found = Found::ask(known, names, recipient.local(), key, base.as_ref());
    if let Found::Known { who, .. } = &found {
        let mut addresses = std::iter::once(who.address).chain(who.others);
        why.listed = addresses.find_map(|it| facts.table.find(&it.key()));
    }
    why.found = Some(found);
}

/// As it is first, so that a mailbox may have a `+` in its name; then without its tag. The flag
/// says that the tag had to come off.
fn look_up<'a>(facts: &Facts<'a>, key: &AddressKey) -> (Option<Listed<'a>>, bool) {
    if let Some(listed) = facts.table.find(key) {
        return (Some(listed), false);
    }
    let base = facts.domains.subaddress_separator().and_then(|it| key.without_tag(it));
    let listed = base.and_then(|it| facts.table.find(&it));
    (listed, listed.is_some())
}

/// `x%evil.example@ours`, `evil.example!x@ours` and `"x@evil.example"@ours` ask the site behind us
/// to send the mail on. The site trusts us, so it might.
fn hides_a_route(key: &AddressKey) -> bool {
    let local = key.as_str().rsplit_once('@').map_or("", |(local, _)| local);
    local.contains(['%', '!', '@'])
}

fn listed_route<'a>(facts: &Facts<'a>, entry: &'a Entry, why: &mut Why<'a>) -> Route {
    let home = &entry.home;
    if !facts.domains.has_site(home) {
        why.home = Some(Home { site: home, state: None });
        return Route::Hold { site: home.clone(), reason: HoldReason::UnknownSite };
    }
    match entry.state {
        MoveState::OnPrem | MoveState::Cloud | MoveState::Settled => {
            to_site(facts, home, None, why)
        }
        MoveState::Syncing => to_site(facts, home, facts.domains.copy_site(home), why),
        MoveState::Cutover => {
            why.home = Some(Home { site: home, state: None });
            Route::Hold { site: home.clone(), reason: HoldReason::Cutover }
        }
    }
}

fn to_site<'a>(
    facts: &Facts<'a>,
    site: &'a SiteName,
    copy_to: Option<&SiteName>,
    why: &mut Why<'a>,
) -> Route {
    let state = facts.sites.get(site);
    why.home = Some(Home { site, state: Some(state) });
    Route::Site { site: site.clone(), copy_to: copy_to.cloned(), up: state == SiteState::Up }
}
