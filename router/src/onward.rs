//! The envelope recipient at a site.

use mail::{Address, SiteName, Template};

use crate::{Domains, Entry, MoveState};

/// What `target` is told in RCPT for mail that came for `recipient`, whose row is `entry`.
///
/// The row's `cloud_address` goes first when `target` is the cloud side of the move; then the
/// site's template. A tag stays. An alias stays where the site takes addresses unchanged; where
/// the template changes the domain the mailbox's own name goes into it, because the alias may be
/// unknown under that domain.
pub fn onward(
    domains: &Domains,
    target: &SiteName,
    recipient: &Address,
    entry: Option<&Entry>,
) -> Address {
    let template = domains.template(target);
    let Some(entry) = entry else { return template.apply(recipient) };
    let cloud_address = entry.cloud_address.as_ref().filter(|_| is_cloud_side(target, entry));
    if let Some(cloud_address) = cloud_address {
        return with_tag(cloud_address, tag(domains, recipient, entry));
    }
    match template {
        Template::Unchanged => recipient.clone(),
        Template::AtDomain(_) if is_named(domains, recipient, entry) => template.apply(recipient),
        Template::AtDomain(_) => {
            with_tag(&template.apply(&entry.address), tag(domains, recipient, entry))
        }
    }
}

/// A mailbox that moved is at the cloud side when it is at home; one that syncs, when it is not.
pub(crate) fn is_cloud_side(target: &SiteName, entry: &Entry) -> bool {
    let at_home = *target == entry.home;
    match entry.state {
        MoveState::OnPrem | MoveState::Syncing => !at_home,
        MoveState::Cutover | MoveState::Cloud | MoveState::Settled => at_home,
    }
}

/// Whether `recipient` is the mailbox's own address, perhaps with a tag.
fn is_named(domains: &Domains, recipient: &Address, entry: &Entry) -> bool {
    let (key, own) = (recipient.key(), entry.address.key());
    let base = domains.subaddress_separator().and_then(|it| key.without_tag(it));
    key == own || base.is_some_and(|it| it == own)
}

/// The tag with its separator: `+news`; empty when the row has the address as it stands.
fn tag(domains: &Domains, recipient: &Address, entry: &Entry) -> String {
    let key = recipient.key();
    let is_whole = key == entry.address.key() || entry.alias_keys().any(|it| it == key);
    let local = recipient.local_unquoted();
    let start = domains.subaddress_separator().and_then(|it| local.find(it));
    start.filter(|_| !is_whole).map(|it| local[it..].to_owned()).unwrap_or_default()
}

/// A tag that would not fit the address is left out: better the right mailbox than the right tag.
fn with_tag(address: &Address, tag: String) -> Address {
    if tag.is_empty() {
        return address.clone();
    }
    format!("{}{tag}@{}", address.local(), address.domain())
        .parse()
        .unwrap_or_else(|_| address.clone())
}
