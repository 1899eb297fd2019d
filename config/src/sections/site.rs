//! `[site.NAME]`

use mail::SiteName;

use crate::key::Default::{Absent, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader, Section};
use crate::sections::listener::tls_files;
use crate::types::{Chunking, Hosts, IpPreference, Site, TlsPolicy};
use crate::value::Choice;

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("hosts", Kind::Hosts, Absent("`mx` says"), "Servers of the site, tried in order; port 25 unless written. Either this or `mx`.").at_start(),
    Key::new("mx", Kind::Domain, Absent("`hosts` says"), "Domain whose MX records name the servers.").at_start(),
    Key::new("tls", Kind::OneOf(TlsPolicy::NAMES), Value("\"opportunistic\""), "none; opportunistic: if offered; require: encrypted, whoever it is; verify: encrypted, and the certificate is that of the host.").at_start(),
    Key::new("client_certificate", Kind::Path, Absent("none is shown"), "Certificate chain that we show, PEM: for connectors that go by certificate.").at_start(),
    Key::new("client_key", Kind::Path, Absent("none is shown"), "Private key of `client_certificate`, PEM, not readable by everyone.").at_start(),
    Key::new("ca_file", Kind::Path, Absent("the system's roots"), "Roots for tls = \"verify\", PEM.").at_start(),
    Key::new("connections_max", Kind::Count { min: 1, max: 10_000 }, Value("15"), "Connections at a time; the gateway uses fewer while the site is slow.").at_start(),
    Key::new("recipients_per_message_max", Kind::Count { min: 1, max: 10_000 }, Value("100"), "Recipients in one transaction; more are split.").at_start(),
    Key::new("messages_per_connection_max", Kind::Count { min: 1, max: 1_000_000 }, Value("200"), "Messages after which a connection is replaced.").at_start(),
    Key::new("recipient", Kind::Template, Value("\"{address}\""), "Envelope recipient at this site: \"{address}\", or \"{local}@DOMAIN\". An entry's `cloud_address` goes before it."),
    Key::new("ip", Kind::OneOf(IpPreference::NAMES), Value("\"v4_first\""), "Which addresses of the servers are used.").at_start(),
    Key::new("chunking", Kind::OneOf(Chunking::NAMES), Value("\"auto\""), "auto: BDAT where it is offered.").at_start(),
    Key::new("probe_every", Kind::Duration { min_s: 1, max_s: 3600 }, Value("\"1s\""), "How often a site that is down is asked whether it is back.").at_start(),
];

impl Choice for TlsPolicy {
    const ALL: &'static [Self] = &[Self::None, Self::Opportunistic, Self::Require, Self::Verify];
    const NAMES: &'static [&'static str] = &["none", "opportunistic", "require", "verify"];
}

impl Choice for IpPreference {
    const ALL: &'static [Self] = &[Self::V4First, Self::V6First, Self::V4Only, Self::V6Only];
    const NAMES: &'static [&'static str] = &["v4_first", "v6_first", "v4_only", "v6_only"];
}

impl Choice for Chunking {
    const ALL: &'static [Self] = &[Self::Auto, Self::Never];
    const NAMES: &'static [&'static str] = &["auto", "never"];
}

pub(crate) fn read(reader: &mut Reader, name: &str, found: Found<'_, '_>) -> Site {
    let mut section = reader.section(&format!("site.{name}"), KEYS, found);
    let site = Site {
        name: SiteName::new(name),
        hosts: hosts(&mut section),
        tls: section.get("tls"),
        client_certificate: tls_files(&mut section, "client_certificate", "client_key"),
        ca_file: section.path_opt("ca_file"),
        connections_max: section.get("connections_max"),
        recipients_per_message_max: section.get("recipients_per_message_max"),
        messages_per_connection_max: section.get("messages_per_connection_max"),
        recipient: section.get("recipient"),
        ip: section.get("ip"),
        chunking: section.get("chunking"),
        probe_every: section.get("probe_every"),
    };
    if section.is_written("client_certificate") && site.tls == TlsPolicy::None {
        section.note("client_certificate", "is shown in TLS: write tls = \"verify\"");
    }
    if section.is_written("ca_file") && site.tls != TlsPolicy::Verify {
        section.note("ca_file", "is used with tls = \"verify\" only: write that, or leave it out");
    }
    section.finish();
    site
}

fn hosts(section: &mut Section<'_, '_, '_>) -> Hosts {
    match (section.is_written("hosts"), section.is_written("mx")) {
        (true, true) => section.note("mx", "write either hosts or mx, not both"),
        (false, false) => {
            section.note("hosts", "missing: write hosts = [\"HOST:PORT\"], or mx = \"DOMAIN\"");
        }
        (true, false) | (false, true) => (),
    }
    let list = section.get_opt("hosts");
    match (list, section.get_opt("mx")) {
        (None, Some(domain)) => Hosts::Mx(domain),
        (list, _) => {
            if list.as_ref().is_some_and(Vec::is_empty) {
                section.note("hosts", "want at least one host");
            }
            Hosts::List(list.unwrap_or_default())
        }
    }
}
