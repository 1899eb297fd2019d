//! `[directory.NAME]`

use mail::SiteName;

use crate::key::Default::{Absent, Required, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader, Section};
use crate::types::{DirectoryKind, DirectorySource, LdapSource, LdapTls};
use crate::value::Choice;

/// Everybody whom Exchange has given an address.
const FILTER: &str = "(proxyAddresses=*)";

const fn span(min_s: u64, max_s: u64) -> Kind {
    Kind::Duration { min_s, max_s }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("kind", Kind::OneOf(Word::NAMES), Required, "ldap: Active Directory or another directory service; csv: a file; callout: the site is asked by RCPT, see [recipient_check].").at_start(),
    Key::new("url", Kind::Line, Absent("kind ldap needs one"), "ldap: \"ldap://HOST:PORT\" or \"ldaps://HOST:PORT\".").at_start(),
    Key::new("tls", Kind::OneOf(LdapTls::NAMES), Value("\"starttls\""), "ldap: what ldap:// does before it says the password; none: in clear. ldaps:// always encrypts. The server's certificate is verified.").at_start(),
    Key::new("ca_file", Kind::Path, Absent("the system's roots"), "ldap: roots for the server's certificate, PEM.").at_start(),
    Key::new("bind_dn", Kind::Line, Absent("anonymous"), "ldap: the account, as DN or user@domain; read access is enough.").at_start(),
    Key::new("password_file", Kind::Path, Absent("anonymous"), "ldap: file with its password, not readable by everyone; read at each sync.").at_start(),
    Key::new("base", Kind::Line, Absent("kind ldap needs one"), "ldap: DN below which recipients are searched.").at_start(),
    Key::new("filter", Kind::Line, Value("\"(proxyAddresses=*)\""), "ldap: who is a recipient.").at_start(),
    Key::new("page_size", count(1, 10_000), Value("500"), "ldap: entries in one page; the server's limit is often 1000.").at_start(),
    Key::new("full_refresh", span(60, 30 * 86_400), Value("\"6h\""), "ldap: how often everything is read; between, only what changed. Removals are seen by this only.").at_start(),
    Key::new("timeout", span(1, 600), Value("\"30s\""), "ldap: to connect, and for each answer.").at_start(),
    Key::new("sync_timeout", span(1, 86_400), Value("\"15m\""), "ldap: for one sync as a whole.").at_start(),
    Key::new("file", Kind::Path, Absent("causeway directory import"), "csv: the file, read when it changes.").at_start(),
    Key::new("site", Kind::Site, Absent("kind callout needs one"), "callout: the site that is asked.").at_start(),
    Key::new("refresh", span(1, 86_400), Value("\"1m\""), "How often it is read.").at_start(),
    Key::new("stale_after", span(1, 30 * 86_400), Value("\"1h\""), "Age at which the copy counts as stale: then unknown recipients are deferred instead of refused. They are as soon as a sync fails, too. \"off\": never by age. A file that comes by import has no age.").at_start(),
    Key::new("removals_max", count(0, 1_000_000), Value("20"), "A sync that takes away more addresses than this and than `removals_percent_max` stops and asks.").at_start(),
    Key::new("removals_percent_max", count(0, 100), Value("10"), "See `removals_max`.").at_start(),
    Key::new("removals_always_ask", count(1, 10_000_000), Value("500"), "A sync that takes away more addresses than this stops and asks, whatever their share.").at_start(),
    Key::new("recipients_max", count(1, 10_000_000), Value("1000000"), "A source with more fails.").at_start(),
    Key::new("addresses_max", count(1, 100_000), Value("1000"), "Addresses of one recipient that are read; more are left out and told.").at_start(),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Ldap,
    Csv,
    CallOut,
}

impl Choice for Word {
    const ALL: &'static [Self] = &[Self::Ldap, Self::Csv, Self::CallOut];
    const NAMES: &'static [&'static str] = &["ldap", "csv", "callout"];
}

impl Choice for LdapTls {
    const ALL: &'static [Self] = &[Self::StartTls, Self::None];
    const NAMES: &'static [&'static str] = &["starttls", "none"];
}

/// Keys that are for one kind only.
const OF_KIND: [(&str, Word); 13] = [
    ("url", Word::Ldap),
    ("tls", Word::Ldap),
    ("ca_file", Word::Ldap),
    ("bind_dn", Word::Ldap),
    ("password_file", Word::Ldap),
    ("base", Word::Ldap),
    ("filter", Word::Ldap),
    ("page_size", Word::Ldap),
    ("full_refresh", Word::Ldap),
    ("timeout", Word::Ldap),
    ("sync_timeout", Word::Ldap),
    ("file", Word::Csv),
    ("site", Word::CallOut),
];

pub(crate) fn read(reader: &mut Reader, name: &str, found: Found<'_, '_>) -> DirectorySource {
    let mut section = reader.section(&format!("directory.{name}"), KEYS, found);
    let word: Word = section.get("kind");
    for (key, kind) in OF_KIND {
        if kind != word && section.is_written(key) {
            section.note(key, "is not for this kind: leave it out");
        }
    }
    let kind = match word {
        Word::Ldap => DirectoryKind::Ldap(ldap(&mut section)),
        Word::Csv => DirectoryKind::Csv { file: section.path_opt("file") },
        Word::CallOut => {
            DirectoryKind::CallOut { site: needed(&mut section, "site", SiteName::new("")) }
        }
    };
    let source = DirectorySource {
        name: name.to_owned(),
        kind,
        refresh: section.get("refresh"),
        stale_after: section.get_or_off("stale_after"),
        removals_max: section.get("removals_max"),
        removals_percent_max: section.get("removals_percent_max"),
        removals_always_ask: section.get("removals_always_ask"),
        recipients_max: section.get("recipients_max"),
        addresses_max: section.get("addresses_max"),
    };
    section.finish();
    source
}

fn needed<T: crate::value::Value>(
    section: &mut Section<'_, '_, '_>,
    key: &'static str,
    other: T,
) -> T {
    if !section.is_written(key) {
        section.note(key, format!("missing: this kind needs {key} = …"));
    }
    section.get_opt(key).unwrap_or(other)
}

fn ldap(section: &mut Section<'_, '_, '_>) -> LdapSource {
    let url: String = needed(section, "url", String::new());
    let host = url.strip_prefix("ldap://").or_else(|| url.strip_prefix("ldaps://"));
    if section.is_written("url") && host.is_none_or(|it| it.is_empty() || it.contains('/')) {
        section.note("url", "want \"ldap://HOST:PORT\" or \"ldaps://HOST:PORT\", and no more");
    }
    if url.starts_with("ldaps://") && section.is_written("tls") {
        section.note("tls", "ldaps:// encrypts from the first octet: leave this out");
    }
    let bind_dn: Option<String> = section.get_opt("bind_dn");
    let password_file = section.path_opt("password_file");
    if bind_dn.is_some() != password_file.is_some() {
        let missing = if bind_dn.is_some() { "password_file" } else { "bind_dn" };
        section.note(missing, "bind_dn and password_file go together");
    }
    let filter: String = section.get("filter");
    if !filter.starts_with('(') || !filter.ends_with(')') {
        section.note("filter", format!("want a filter in parentheses, as in \"{FILTER}\""));
    }
    LdapSource {
        url,
        tls: section.get("tls"),
        ca_file: section.path_opt("ca_file"),
        bind: bind_dn.zip(password_file),
        base: needed(section, "base", String::new()),
        filter,
        page_size: section.get("page_size"),
        full_refresh: section.get("full_refresh"),
        timeout: section.get("timeout"),
        sync_timeout: section.get("sync_timeout"),
    }
}
