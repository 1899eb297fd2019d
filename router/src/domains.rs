//! The static part of routing: relay domains, sites, and the rules that hold for all rows.

use std::collections::HashMap;

use mail::{Address, Domain, SiteName, Template, Unlisted};

/// What the configuration says about routing, already checked.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The first one is where `<postmaster>` without a domain belongs.
    pub relay_domains: Vec<(Domain, Unlisted)>,
    /// Directories that must know a recipient who is not listed, for domains that have any.
    pub directories: HashMap<Domain, Box<[Box<str>]>>,
    /// The first one is the last resort for postmaster mail.
    pub sites: Vec<(SiteName, Template)>,
    pub subaddress_separator: Option<char>,
    pub copy_while_syncing: Option<SiteName>,
    pub postmaster: Option<SiteName>,
}

/// The same, ready to be asked per recipient.
#[derive(Clone, Debug)]
pub struct Domains {
    rules: Rules,
    unlisted: HashMap<Domain, Unlisted>,
}

impl From<Rules> for Domains {
    fn from(rules: Rules) -> Self {
        let unlisted = rules.relay_domains.iter().cloned().collect();
        Self { rules, unlisted }
    }
}

impl Domains {
    pub fn is_relay_domain(&self, domain: &Domain) -> bool {
        self.unlisted.contains_key(domain)
    }

    /// `None` for a domain that is not ours.
    pub fn unlisted(&self, domain: &Domain) -> Option<&Unlisted> {
        self.unlisted.get(domain)
    }

    /// Who must know those of `domain` that the table does not list; empty: nobody.
    pub fn directories(&self, domain: &Domain) -> &[Box<str>] {
        self.rules.directories.get(domain).map_or(&[], |it| it)
    }

    /// Where the unlisted of a domain live, if anywhere.
    pub fn unlisted_site(&self, domain: &Domain) -> Option<&SiteName> {
        match self.unlisted(domain)? {
            Unlisted::Site(site) => Some(site),
            Unlisted::Reject => None,
        }
    }

    /// The site that mailboxes of `domain` move away from: that of its unlisted, else the first.
    pub fn origin(&self, domain: &Domain) -> Option<&SiteName> {
        self.unlisted_site(domain).or_else(|| self.sites().next())
    }

    pub fn has_site(&self, site: &SiteName) -> bool {
        self.rules.sites.iter().any(|(it, _)| it == site)
    }

    /// How a site wants its recipients; unchanged for a site that is not known.
    pub fn template(&self, site: &SiteName) -> &Template {
        let found = self.rules.sites.iter().find(|(it, _)| it == site);
        found.map_or(&Template::Unchanged, |(_, template)| template)
    }

    pub const fn subaddress_separator(&self) -> Option<char> {
        self.rules.subaddress_separator
    }

    /// Who gets a second copy of mail for a syncing mailbox that lives at `home`.
    pub fn copy_site(&self, home: &SiteName) -> Option<&SiteName> {
        self.rules.copy_while_syncing.as_ref().filter(|it| *it != home)
    }

    /// Where an unlisted postmaster of `domain` lives: somewhere, always.
    ///
    /// Source: RFC 5321 §4.5.1: mail for postmaster is never refused.
    pub fn postmaster_site(&self, domain: &Domain) -> Option<&SiteName> {
        self.unlisted_site(domain)
            .or(self.rules.postmaster.as_ref())
            .or_else(|| self.rules.sites.first().map(|(it, _)| it))
    }

    /// What `RCPT TO:<postmaster>` without a domain means: that of our first relay domain.
    pub fn postmaster(&self) -> Option<Address> {
        let (domain, _) = self.rules.relay_domains.first()?;
        format!("postmaster@{domain}").parse().ok()
    }

    pub fn sites(&self) -> impl Iterator<Item = &SiteName> {
        self.rules.sites.iter().map(|(it, _)| it)
    }

    /// `on_prem or cloud`, for messages.
    pub(crate) fn site_list(&self) -> String {
        self.sites().map(SiteName::as_str).collect::<Vec<_>>().join(" or ")
    }
}
