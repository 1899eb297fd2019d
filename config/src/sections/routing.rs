//! `[[relay_domain]]` and `[routing]`

use mail::{SiteName, Unlisted};

use crate::key::Default::{Absent, Required, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
use crate::types::{RelayDomain, Routing};

#[rustfmt::skip]
pub(crate) const RELAY_DOMAIN: &[Key] = &[
    Key::new("name", Kind::Domain, Required, "The domain, as U-labels or A-labels. Its subdomains are not meant."),
    Key::new("unlisted", Kind::Site, Required, "Where a recipient without an entry in the table lives: a site's name, or \"reject\"."),
    Key::new("directory", Kind::Sections, Value("[]"), "Names of [directory.NAME]: then a recipient must be in the table or be known to one of these, and their aliases resolve to the mailbox's entry. Empty: whoever is not listed is accepted as `unlisted` says."),
];

#[rustfmt::skip]
pub(crate) const ROUTING: &[Key] = &[
    Key::new("subaddress_separator", Kind::Separator, Value("\"+\""), "What follows it in a local part is a tag: anna+news@ is looked up as it is, then as anna@. \"off\": there are no tags."),
    Key::new("copy_while_syncing", Kind::Site, Absent("no copies"), "Site that gets a second copy of mail for mailboxes in state syncing."),
    Key::new("postmaster", Kind::Site, Absent("the first site"), "Where mail for postmaster@ a domain goes that has no entry and whose unlisted are rejected."),
    Key::new("cutover_max", Kind::Duration { min_s: 1, max_s: 86_400 }, Value("\"30m\""), "How long a mailbox may be in state cutover, in which its mail is held. After that it goes back, by itself, to the state and the home that it had before."),
];

pub(crate) fn read_relay_domain(
    reader: &mut Reader,
    place: usize,
    found: Found<'_, '_>,
) -> RelayDomain {
    let written = found.table.and_then(|it| it.get("name")).and_then(|it| it.get_ref().as_str());
    let label = written.map_or_else(|| place.to_string(), |it| it.escape_debug().to_string());
    let mut section = reader.section(&format!("relay_domain[{label}]"), RELAY_DOMAIN, found);
    let name = section.get("name");
    let site: SiteName = section.get("unlisted");
    let directories = section.get("directory");
    section.finish();
    let unlisted = if site.as_str() == "reject" { Unlisted::Reject } else { Unlisted::Site(site) };
    RelayDomain { name, unlisted, directories }
}

pub(crate) fn read_routing(found: Found<'_, '_>, reader: &mut Reader) -> Routing {
    let mut section = reader.section("routing", ROUTING, found);
    let routing = Routing {
        subaddress_separator: section.get_or_off("subaddress_separator"),
        copy_while_syncing: section.get_opt("copy_while_syncing"),
        postmaster: section.get_opt("postmaster"),
        cutover_max: section.get("cutover_max"),
    };
    section.finish();
    routing
}
