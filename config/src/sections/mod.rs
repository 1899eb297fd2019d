//! The sections of the file, one module each: its keys, and how they become a value.

mod alerts;
mod delivery;
mod directory;
mod limits;
mod listener;
mod log;
mod oidc;
mod rails;
mod recipient_check;
mod routing;
mod server;
mod site;
mod spool;

use toml::de::DeTable;

use crate::check;
use crate::key::Key;
use crate::reader::{Found, Reader};
use crate::suggest;
use crate::types::{Config, Oidc};
use crate::value::is_name;

/// How often a section may stand in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `[name]`
    One,
    /// `[[name]]`
    Many,
    /// `[name.NAME]`
    Named,
}

pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) about: &'static str,
    pub(crate) keys: &'static [Key],
}

use Shape::{Many, Named, One};

/// In the order in which the reference page shows them.
#[rustfmt::skip]
pub(crate) const SECTIONS: &[Declared] = &[
    Declared { name: "server", shape: One, about: "The gateway itself.", keys: server::SERVER },
    Declared { name: "listener", shape: Many, about: "Where SMTP clients come in. At least one.", keys: listener::KEYS },
    Declared { name: "site", shape: Named, about: "A mail environment behind the gateway. At least one; the first is the last resort for postmaster mail.", keys: site::KEYS },
    Declared { name: "relay_domain", shape: Many, about: "A domain that mail is accepted for. At least one.", keys: routing::RELAY_DOMAIN },
    Declared { name: "routing", shape: One, about: "How recipients are looked up.", keys: routing::ROUTING },
    Declared { name: "rails", shape: One, about: "What a change of the table is held against before it is made.", keys: rails::KEYS },
    Declared { name: "admin", shape: One, about: "API, console, metrics and health.", keys: server::ADMIN },
    Declared { name: "oidc", shape: One, about: "Signing in to the console by an OpenID Connect provider, beside local accounts. Not written: local accounts only.", keys: oidc::KEYS },
    Declared { name: "oidc_group", shape: Many, about: "What the members of a group of the provider may do. Whoever is in none of them cannot sign in.", keys: oidc::GROUP },
    Declared { name: "alerts", shape: One, about: "What the gateway finds worth telling somebody.", keys: alerts::KEYS },
    Declared { name: "portal", shape: One, about: "Webmail and JMAP, which this version does not have: the section is accepted, so that one file serves the next version as well.", keys: server::PORTAL },
    Declared { name: "spool", shape: One, about: "Where accepted mail is kept.", keys: spool::KEYS },
    Declared { name: "limits", shape: One, about: "What clients may use up; each is answered with a reply of its own and counted.", keys: limits::KEYS },
    Declared { name: "delivery", shape: One, about: "How mail goes out.", keys: delivery::KEYS },
    Declared { name: "directory", shape: Named, about: "Where recipients and their addresses are known from: a directory service, a file, or the site itself. None is needed.", keys: directory::KEYS },
    Declared { name: "recipient_check", shape: One, about: "How a site is asked whether it knows a recipient, without mail: before a move, and for directories by call-out.", keys: recipient_check::KEYS },
    Declared { name: "log", shape: One, about: "What is written to standard error.", keys: log::KEYS },
];

/// Reads all sections, notes every mistake in `reader`. The result is worth something only when
/// there was none.
pub(crate) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Config {
    reject_unknown(root, reader);
    let mut config = Config {
        server: server::read_server(one(root, reader, "server"), reader),
        listeners: many(root, reader, "listener")
            .into_iter()
            .enumerate()
            .map(|(place, found)| listener::read(reader, place, found))
            .collect(),
        sites: named(root, reader, "site")
            .into_iter()
            .map(|(name, found)| site::read(reader, name, found))
            .collect(),
        relay_domains: many(root, reader, "relay_domain")
            .into_iter()
            .enumerate()
            .map(|(place, found)| routing::read_relay_domain(reader, place, found))
            .collect(),
        routing: routing::read_routing(one(root, reader, "routing"), reader),
        rails: rails::read(one(root, reader, "rails"), reader),
        admin: server::read_admin(one(root, reader, "admin"), reader),
        oidc: read_oidc(root, reader),
        alerts: alerts::read(one(root, reader, "alerts"), reader),
        portal: root
            .contains_key("portal")
            .then(|| server::read_portal(one(root, reader, "portal"), reader)),
        spool: spool::read(one(root, reader, "spool"), reader),
        limits: limits::read(one(root, reader, "limits"), reader),
        delivery: delivery::read(one(root, reader, "delivery"), reader),
        directories: match root.contains_key("directory") {
            false => Vec::new(),
            true => named(root, reader, "directory")
                .into_iter()
                .map(|(name, found)| directory::read(reader, name, found))
                .collect(),
        },
        recipient_check: recipient_check::read(one(root, reader, "recipient_check"), reader),
        log: log::read(one(root, reader, "log"), reader),
        settings: Vec::new(),
        warnings: crate::Mistakes::default(),
    };
    check::check(&config, reader);
    config.settings = std::mem::take(&mut reader.settings);
    config
}

fn read_oidc(root: &DeTable<'_>, reader: &mut Reader) -> Option<Oidc> {
    let groups = match root.contains_key("oidc_group") {
        false => Vec::new(),
        true => many(root, reader, "oidc_group")
            .into_iter()
            .enumerate()
            .map(|(place, found)| oidc::read_group(reader, place, found))
            .collect(),
    };
    if root.contains_key("oidc") {
        return Some(oidc::read(one(root, reader, "oidc"), groups, reader));
    }
    if !groups.is_empty() {
        let offset = root.get_key_value("oidc_group").map_or(0, |it| it.0.span().start);
        reader.notes.add(offset, "oidc_group", "write [oidc] as well: whose groups these are");
    }
    None
}

fn reject_unknown(root: &DeTable<'_>, reader: &mut Reader) {
    for key in root.keys() {
        let name = key.get_ref().as_ref();
        if SECTIONS.iter().any(|it| it.name == name) {
            continue;
        }
        let hint = suggest::hint(name, SECTIONS.iter().map(|it| it.name));
        let hint = if hint.is_empty() { home_of(name) } else { hint };
        let shown = name.escape_debug().to_string();
        reader.notes.add(key.span().start, &shown, format!("unknown section{hint}"));
    }
}

/// `: it belongs in [limits]`, when a key of that name exists in another section.
pub(crate) fn home_of(name: &str) -> String {
    let home = SECTIONS.iter().find(|it| it.keys.iter().any(|key| key.name == name));
    home.map(|it| format!(": it belongs in {}", header(it))).unwrap_or_default()
}

/// What a section is for, by its name in keys: `site.cloud`, `listener[mx]`.
pub(crate) fn about(section: &str) -> &'static str {
    let name = section.split(['.', '[']).next().unwrap_or(section);
    SECTIONS.iter().find(|it| it.name == name).map_or("", |it| it.about)
}

/// The line that opens a section.
pub(crate) fn header(section: &Declared) -> String {
    match section.shape {
        One => format!("[{}]", section.name),
        Many => format!("[[{}]]", section.name),
        Named => format!("[{}.NAME]", section.name),
    }
}

const ABSENT: Found<'static, 'static> = Found { table: None, offset: 0 };

fn one<'a, 'i>(root: &'a DeTable<'i>, reader: &mut Reader, name: &str) -> Found<'a, 'i> {
    let Some((key, value)) = root.get_key_value(name) else { return ABSENT };
    let offset = key.span().start;
    let table = value.get_ref().as_table();
    if table.is_none() {
        reader.notes.add(offset, name, format!("want one section: [{name}]"));
    }
    Found { table, offset }
}

fn many<'a, 'i>(root: &'a DeTable<'i>, reader: &mut Reader, name: &str) -> Vec<Found<'a, 'i>> {
    let Some((key, value)) = root.get_key_value(name) else {
        reader.notes.add(0, name, format!("missing: write at least one section [[{name}]]"));
        return Vec::new();
    };
    let tables: Option<Vec<Found<'a, 'i>>> = value.get_ref().as_array().and_then(|list| {
        let found = |it: &'a toml::Spanned<toml::de::DeValue<'i>>| {
            Some(Found { table: Some(it.get_ref().as_table()?), offset: it.span().start })
        };
        list.iter().map(found).collect()
    });
    tables.filter(|it| !it.is_empty()).unwrap_or_else(|| {
        let message = format!("want sections with two brackets: [[{name}]]");
        reader.notes.add(key.span().start, name, message);
        Vec::new()
    })
}

/// In the order of the file.
fn named<'a, 'i>(
    root: &'a DeTable<'i>,
    reader: &mut Reader,
    name: &str,
) -> Vec<(&'a str, Found<'a, 'i>)> {
    let Some((key, value)) = root.get_key_value(name) else {
        reader.notes.add(0, name, format!("missing: write at least one section [{name}.NAME]"));
        return Vec::new();
    };
    let Some(table) = value.get_ref().as_table() else {
        let message = format!("want sections with a name: [{name}.NAME]");
        reader.notes.add(key.span().start, name, message);
        return Vec::new();
    };
    let mut list = Vec::new();
    for (key, value) in table {
        let (offset, table) = (key.span().start, value.get_ref().as_table());
        let label = format!("{name}.{}", key.get_ref().escape_debug());
        if table.is_none() {
            reader.notes.add(offset, &label, format!("want a section: [{name}.NAME]"));
        } else if !is_name(key.get_ref()) || key.get_ref() == "reject" {
            let message = "want a short name of letters, digits, - and _; not \"reject\"";
            reader.notes.add(offset, &label, message);
        } else {
            list.push((key.get_ref().as_ref(), Found { table, offset }));
        }
    }
    list.sort_by_key(|(_, found)| found.offset);
    list
}
