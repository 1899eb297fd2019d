//! The routing decision.

use mail::{Address, AddressKey, Domain, Reply, SiteName, Unlisted};

use crate::explain::{Home, Why};
use crate::{Domains, Entry, Listed, MoveState, SiteState, SiteStates, Table};

/// One consistent view of everything that routing depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub table: &'a Table,
    pub domains: &'a Domains,
    pub sites: &'a SiteStates,
    pub admission: Admission,
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
}

const RELAYING_DENIED: Reply = Reply::new(550, (5, 7, 1), "Relaying denied");
const NO_LITERALS: Reply = Reply::new(550, (5, 1, 2), "Mail to address literals is not relayed");
const NO_MAILBOX: Reply = Reply::new(550, (5, 1, 1), "No such mailbox");

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
