//! What a change does to the mail of a mailbox: it goes to another site, under another address, is
//! held, or an address of it is nobody's any more. Pure.

use std::sync::Arc;

use mail::{Address, AddressKey, SiteName};

use crate::onward::is_cloud_side;
use crate::{Changes, Domains, MoveState, Row, RowChange};

/// A row whose mail goes elsewhere afterwards. `None`: it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    pub row: &'a RowChange,
    pub from: Option<&'a SiteName>,
    pub to: Option<&'a SiteName>,
}

/// The rows whose mail goes elsewhere afterwards: a row that says of an unlisted mailbox what its
/// domain says anyway moves nothing.
pub fn moved<'a>(domains: &'a Domains, changes: &'a Changes) -> Vec<Moved<'a>> {
    changes.rows.iter().filter_map(|it| move_of(domains, it)).collect()
}

fn move_of<'a>(domains: &'a Domains, row: &'a RowChange) -> Option<Moved<'a>> {
    let domain = row.after.as_ref().or(row.before.as_ref())?.address.domain();
    let site = |row: &'a Option<Arc<Row>>| match row {
        Some(row) => Some(&row.home),
        None => domains.unlisted_site(domain),
    };
    let (from, to) = (site(&row.before), site(&row.after));
    (from != to).then_some(Moved { row, from, to })
}

impl RowChange {
    /// Addresses that the mailbox had, and has no more, though it stays.
    pub fn lost_aliases(&self) -> Vec<&Address> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return Vec::new() };
        if before.aliases == after.aliases {
            return Vec::new();
        }
        let kept: Vec<AddressKey> = after.alias_keys().chain([after.key().clone()]).collect();
        before.aliases.iter().filter(|it| !kept.contains(&it.key())).collect()
    }

    /// Whether a name that the cloud side knew the mailbox by goes, or another is used at once.
    /// A name that is written down for later changes nothing.
    pub fn is_readdressed(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return false };
        let key = |it: &Row| it.cloud_address.as_ref().map(Address::key);
        key(before) != key(after)
            && (before.cloud_address.is_some() || is_cloud_side(&after.home, after))
    }

    /// Whether its mail is held from now on.
    pub fn begins_cutover(&self) -> bool {
        is_cut_over(self.after.as_ref()) && !is_cut_over(self.before.as_ref())
    }

    /// Whether it hurts if it was not meant. A file that was cut short removes what it does not have.
    /// Of a mailbox in cutover it was asked at the beginning whether it is to move.
    pub(crate) fn weighs(&self, domains: &Domains) -> bool {
        let goes = move_of(domains, self).is_some() && !is_cut_over(self.before.as_ref());
        self.after.is_none() || goes || self.is_touched()
    }

    /// It stays in the table and perhaps where it is, and yet not all of its mail goes its way.
    pub(crate) fn is_touched(&self) -> bool {
        self.begins_cutover() || self.is_readdressed() || !self.lost_aliases().is_empty()
    }
}

fn is_cut_over(row: Option<&Arc<Row>>) -> bool {
    row.is_some_and(|it| it.state == MoveState::Cutover)
}
