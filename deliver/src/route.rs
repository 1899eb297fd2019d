//! Where a recipient goes, by the table of this moment.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use directory::Directory;
use mail::{Address, AddressKey, Recipient, RecipientKind, Reply, SiteName, Timestamp};
use recipients::Recipients;
use router::{Admission, Decision, Domains, Facts, HoldReason, Known, Route, SiteStates, Table};

use crate::hop::HopKey;
use crate::queue::leg::Hold;

/// The facts of routing, each swapped whole: the table by its directory, the rest by the gateway.
pub struct Routes {
    directory: Arc<Directory>,
    domains: ArcSwap<Domains>,
    sites: ArcSwap<SiteStates>,
    /// Keyed anew in each process, so that nobody can choose addresses that collide.
    hasher: RandomState,
    smart_host: bool,
    recipients: Option<Recipients>,
}

/// What the table says of one recipient.
#[derive(Clone, Debug)]
pub struct Destination {
    pub hop: HopKey,
    /// Names the mailbox, whichever of its addresses was used.
    pub mailbox: u64,
    /// The recipient as that hop knows it.
    pub onward: Address,
    pub hold: Option<Hold>,
    pub generation: u64,
    /// When the mailbox last moved: its new home may not know it yet.
    pub moved_at: Option<Timestamp>,
}

/// Whether a recipient goes where it was about to go.
#[derive(Clone, Debug)]
pub enum Attempt {
    Goes(Destination),
    /// As [`View::destination`] says.
    Elsewhere(Result<Destination, Reply>),
}

impl Routes {
    pub fn new(directory: Arc<Directory>, domains: Domains, smart_host: bool) -> Self {
        Self {
            directory,
            domains: ArcSwap::from_pointee(domains),
            sites: ArcSwap::from_pointee(SiteStates::default()),
            hasher: RandomState::new(),
            smart_host,
            recipients: None,
        }
    }

    /// Lets the directories have a say.
    #[must_use]
    pub fn with_recipients(mut self, recipients: Recipients) -> Self {
        self.recipients = Some(recipients);
        self
    }

    pub fn recipients(&self) -> Option<&Recipients> {
        self.recipients.as_ref()
    }

    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    pub fn set_domains(&self, domains: Domains) {
        self.domains.store(Arc::new(domains));
    }

    pub fn set_sites(&self, sites: SiteStates) {
        self.sites.store(Arc::new(sites));
    }

    pub fn sites(&self) -> Guard<Arc<SiteStates>> {
        self.sites.load()
    }

    pub fn domains(&self) -> Guard<Arc<Domains>> {
        self.domains.load()
    }

    pub fn generation(&self) -> u64 {
        self.directory.current().generation()
    }

    /// Calls `then` with the decision; all of it is made under one snapshot of the table.
    pub fn decide<R>(
        &self,
        address: &Address,
        admission: Admission,
        then: impl FnOnce(&Decision<'_>) -> R,
    ) -> R {
        let table = self.directory.current();
        let (domains, sites) = (self.domains.load(), self.sites.load());
        let known = self.recipients.as_ref().map(Recipients::view);
        let facts = Facts {
            table: &table,
            domains: &domains,
            sites: &sites,
            admission,
            known: known.as_ref().map(|it| it as &dyn Known),
        };
        then(&router::decide(&facts, address))
    }

    /// The facts of this moment, for several recipients.
    pub fn look(&self) -> View<'_> {
        View {
            table: self.directory.current(),
            domains: self.domains.load(),
            sites: self.sites.load(),
            known: self.recipients.as_ref().map(Recipients::view),
            routes: self,
        }
    }

    pub fn mailbox(&self, key: &AddressKey) -> u64 {
        self.hasher.hash_one(key)
    }
}

/// One generation of the table with the domains and sites beside it.
pub struct View<'a> {
    table: Guard<Arc<Table>>,
    domains: Guard<Arc<Domains>>,
    sites: Guard<Arc<SiteStates>>,
    known: Option<recipients::View<'a>>,
    routes: &'a Routes,
}

impl View<'_> {
    /// Whether a recipient may be attempted at `hop` by the table of this moment: its place there,
    /// or where it belongs instead. Asked in flight, after the attempt is on the list of leases: so
    /// whoever changes the table and then finds no lease knows that nobody goes by the old one.
    pub fn attempt(&self, recipient: &Recipient, hop: &HopKey) -> Attempt {
        match self.destination(recipient) {
            Ok(it) if it.hold.is_none() && it.hop == *hop => Attempt::Goes(it),
            elsewhere => Attempt::Elsewhere(elsewhere),
        }
    }

    /// How `site` would be told of a recipient.
    pub fn onward(&self, site: &SiteName, address: &Address) -> Address {
        let facts = self.facts();
        let decision = router::decide(&facts, address);
        router::onward(&self.domains, site, decision.named(), decision.entry())
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            table: &self.table,
            domains: &self.domains,
            sites: &self.sites,
            admission: Admission::Any,
            known: self.known.as_ref().map(|it| it as &dyn Known),
        }
    }

    /// Where an accepted recipient goes now. `Err`: the table of this moment has no place for it.
    pub fn destination(&self, recipient: &Recipient) -> Result<Destination, Reply> {
        let facts = self.facts();
        let decision = router::decide(&facts, &recipient.address);
        let entry = decision.entry();
        let key = decision.mailbox().key();
        let (hop, hold) = match (&recipient.kind, decision.route.clone()) {
            // The copy of a mailbox that is being cut over waits as the mail itself does.
            (RecipientKind::Copy { site }, Route::Hold { reason: HoldReason::Cutover, .. }) => {
                (HopKey::Site(site.clone()), Some(Hold::Cutover))
            }
            (RecipientKind::Copy { site }, _) => (HopKey::Site(site.clone()), None),
            (_, Route::Site { site, .. }) => (HopKey::Site(site), None),
            (_, Route::Hold { site, reason: HoldReason::Cutover }) => {
                (HopKey::Site(site), Some(Hold::Cutover))
            }
            (_, Route::Hold { site, reason: HoldReason::UnknownSite }) => {
                let text = format!("The table names site {site}, which is not configured");
                return Err(Reply::with_text(451, (4, 3, 5), text));
            }
            (_, Route::Remote { .. }) if self.routes.smart_host => (HopKey::SmartHost, None),
            (_, Route::Remote { domain }) => (HopKey::Domain(domain), None),
            (_, Route::Reject(reply)) => return Err(reply),
        };
        let onward = match &hop {
            HopKey::Site(site) => router::onward(&self.domains, site, decision.named(), entry),
            HopKey::Domain(_) | HopKey::SmartHost => recipient.address.clone(),
        };
        Ok(Destination {
            mailbox: self.routes.mailbox(&key),
            hop,
            onward,
            hold,
            generation: decision.generation,
            moved_at: entry.map(|it| it.changed_at),
        })
    }
}
