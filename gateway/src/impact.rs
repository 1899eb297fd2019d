//! What a change of the table does to mail, counted, and whom it is to be asked about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{Effect, Impact};
use mail::{Address, AddressKey, SiteName};
use router::{Changes, Domains, RowChange};

type Counts = BTreeMap<(String, Effect, Option<String>, Option<String>), u64>;

/// Mailboxes whose mail goes elsewhere, by domain, what becomes of it, old and new home.
pub(crate) fn impact(domains: &Domains, changes: &Changes) -> Vec<Impact> {
    let mut counts = Counts::new();
    for it in router::moved(domains, changes) {
        let row = it.row.after.as_ref().or(it.row.before.as_ref());
        let domain = row.map(|it| it.address.domain().to_string()).unwrap_or_default();
        let site = |it: Option<&SiteName>| it.map(ToString::to_string);
        *counts.entry((domain, Effect::Moves, site(it.from), site(it.to))).or_default() += 1;
    }
    for row in &changes.rows {
        let Some(after) = &row.after else { continue };
        let domain = || after.address.domain().to_string();
        let home = || Some(after.home.to_string());
        let before = row.before.as_ref().map_or_else(home, |it| Some(it.home.to_string()));
        for (is_so, effect) in
            [(row.begins_cutover(), Effect::Held), (row.is_readdressed(), Effect::Readdressed)]
        {
            if is_so {
                *counts.entry((domain(), effect, before.clone(), home())).or_default() += 1;
            }
        }
    }
    aliases(domains, changes, &mut counts);
    let impact = |((domain, effect, from, to), n)| Impact { domain, from, to, n, effect };
    counts.into_iter().map(impact).collect()
}

/// A mailbox counts once, however many of its aliases in a domain go the same way.
fn aliases(domains: &Domains, changes: &Changes, counts: &mut Counts) {
    let lost = |it: &&RowChange| !it.lost_aliases().is_empty();
    let losers: Vec<&RowChange> = changes.rows.iter().filter(lost).collect();
    if losers.is_empty() {
        return;
    }
    let after = changes.rows.iter().filter_map(|it| it.after.as_ref());
    let owned = after.flat_map(|it| {
        let aliases = it.aliases.iter().map(Address::key);
        aliases.chain([it.key().clone()]).map(move |key| (key, &it.home))
    });
    let owners: HashMap<AddressKey, &SiteName> = owned.collect();
    for row in losers {
        let from = row.before.as_ref().map(|it| it.home.to_string());
        let ways: BTreeSet<(String, Option<String>)> = row
            .lost_aliases()
            .into_iter()
            .map(|it| {
                let to = owners.get(&it.key()).copied();
                let to = to.or_else(|| domains.unlisted_site(it.domain()));
                (it.domain().to_string(), to.map(ToString::to_string))
            })
            .collect();
        for (domain, to) in ways {
            *counts.entry((domain, Effect::AliasLost, from.clone(), to)).or_default() += 1;
        }
    }
}

/// Mailboxes that get a new home, or another name there, by that home: each as the table knows it, and
/// as the home will.
pub(crate) fn to_ask(
    domains: &Domains,
    changes: &Changes,
) -> Vec<(SiteName, Vec<(Address, Address)>)> {
    let mut sites: BTreeMap<SiteName, Vec<(Address, Address)>> = BTreeMap::new();
    let moved = router::moved(domains, changes).into_iter().map(|it| it.row);
    let renamed = changes.rows.iter().filter(|it| {
        let (Some(before), Some(after)) = (&it.before, &it.after) else { return false };
        let name = |row| router::onward(domains, &after.home, &after.address, Some(row));
        before.home == after.home && it.is_readdressed() && name(before) != name(after)
    });
    for after in moved.chain(renamed).filter_map(|it| it.after.as_ref()) {
        let onward = router::onward(domains, &after.home, &after.address, Some(after));
        sites.entry(after.home.clone()).or_default().push((after.address.clone(), onward));
    }
    sites.into_iter().collect()
}
