//! What can be wrong between sections that are right by themselves.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use mail::{SiteName, Unlisted};

use crate::reader::Reader;
use crate::suggest;
use crate::types::{CertificateSenders, Config, DirectoryKind, Hosts, LdapSource, LdapTls};
use crate::{Host, HostPort};

pub(crate) fn check(config: &Config, reader: &mut Reader) {
    names_once(config, reader);
    sites_exist(config, reader);
    directories_exist(config, reader);
    binds_apart(config, reader);
    no_loop(config, reader);
    networks_narrow(config, reader);
    certificates_told_apart(config, reader);
    xclient_behind_proxy(config, reader);
    if config.portal.is_some() {
        reader.warn("portal.bind", "not in this version: nothing listens there");
    }
}

/// Two sections of one name have the same path, so the place is that of the n-th setting.
fn note_nth(reader: &mut Reader, key: &str, n: usize, message: &str) {
    let place = reader.settings.iter().filter(|it| it.key == key).nth(n).map(|it| it.offset);
    reader.notes.add(place.unwrap_or(0), key, message);
}

fn names_once(config: &Config, reader: &mut Reader) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for listener in config.listeners.iter().filter(|it| !it.name.is_empty()) {
        let n = seen.entry(&listener.name).and_modify(|it| *it += 1).or_insert(0);
        let key = format!("listener[{}].name", listener.name);
        if *n > 0 {
            note_nth(reader, &key, *n, "this name is taken: every listener has its own");
        }
        if listener.name == "internal" {
            note_nth(
                reader,
                &key,
                *n,
                "\"internal\" is what mail of our own comes from; choose another",
            );
        }
    }
    let mut seen = BTreeSet::new();
    for (place, domain) in config.relay_domains.iter().enumerate() {
        if !seen.insert(&domain.name) && domain.name.as_str() != "placeholder.invalid" {
            let mut names = reader
                .settings
                .iter()
                .filter(|it| it.key.starts_with("relay_domain[") && it.key.ends_with("].name"));
            let at = names.nth(place).map(|it| (it.offset, it.key.clone()));
            let (offset, key) = at.unwrap_or_default();
            reader.notes.add(offset, &key, "this domain has a section already");
        }
    }
}

fn sites_exist(config: &Config, reader: &mut Reader) {
    let wrong = |name: &SiteName| {
        let known = || config.sites.iter().map(|it| it.name.as_str());
        let exists = name.as_str().is_empty() || known().any(|it| it == name.as_str());
        (!exists && !config.sites.is_empty()).then(|| {
            let hint = suggest::hint(name.as_str(), known());
            let list: Vec<&str> = known().collect();
            let list = list.join(", ");
            format!("there is no site {:?} (there are: {list}){hint}", name.as_str())
        })
    };
    let mut notes = Vec::new();
    for domain in &config.relay_domains {
        if let Unlisted::Site(site) = &domain.unlisted {
            notes.extend(wrong(site).map(|it| (unlisted_key(reader, site), it)));
        }
    }
    let routing = &config.routing;
    for (key, site) in [
        ("routing.copy_while_syncing", &routing.copy_while_syncing),
        ("routing.postmaster", &routing.postmaster),
    ] {
        notes.extend(site.as_ref().and_then(wrong).map(|it| (vec![key.to_owned()], it)));
    }
    for (keys, message) in notes {
        for key in keys {
            reader.note(&key, message.clone());
        }
    }
}

fn directories_exist(config: &Config, reader: &mut Reader) {
    let known = || config.directories.iter().map(|it| it.name.as_str());
    for domain in &config.relay_domains {
        for name in domain.directories.iter().filter(|it| !known().any(|known| known == *it)) {
            let key = format!("relay_domain[{}].directory", domain.name);
            let hint = suggest::hint(name, known());
            let message = format!("there is no [directory.{name}]{hint}");
            reader.note(&key, message);
        }
    }
    for source in &config.directories {
        let key = format!("directory.{}", source.name);
        match &source.kind {
            DirectoryKind::CallOut { site } if !config.sites.iter().any(|it| it.name == *site) => {
                let message = format!("there is no site {:?}", site.as_str());
                reader.note(&format!("{key}.site"), message);
            }
            DirectoryKind::Ldap(ldap) if is_in_clear(ldap) => {
                let message = "the password and all addresses go over the wire in clear";
                reader.warn(&format!("{key}.tls"), message);
            }
            DirectoryKind::Ldap(_) | DirectoryKind::Csv { .. } => (),
            DirectoryKind::CallOut { .. } => (),
        }
    }
}

fn is_in_clear(ldap: &LdapSource) -> bool {
    ldap.tls == LdapTls::None && !ldap.url.starts_with("ldaps://")
}

/// The keys that name `site` as the home of unlisted recipients.
fn unlisted_key(reader: &Reader, site: &SiteName) -> Vec<String> {
    let value = format!("{:?}", site.as_str());
    let names_it = |key: &str, text: &str| key.starts_with("relay_domain[") && text == value;
    let settings = reader.settings.iter().filter(|it| names_it(&it.key, &it.value));
    settings.filter(|it| it.key.ends_with("].unlisted")).map(|it| it.key.clone()).collect()
}

fn binds(config: &Config) -> Vec<(String, SocketAddr)> {
    let listeners =
        config.listeners.iter().map(|it| (format!("listener[{}].bind", it.name), it.bind));
    let portal = config.portal.iter().map(|it| ("portal.bind".to_owned(), it.bind));
    listeners.chain([("admin.bind".to_owned(), config.admin.bind)]).chain(portal).collect()
}

fn binds_apart(config: &Config, reader: &mut Reader) {
    let binds = binds(config);
    for (n, (key, bind)) in binds.iter().enumerate() {
        if let Some((other, _)) = binds[..n].iter().find(|(_, it)| overlap(*it, *bind)) {
            let nth = binds[..n].iter().filter(|(it, _)| it == key).count();
            note_nth(reader, key, nth, &format!("{bind} is in use by {other}"));
        }
    }
}

/// Port 0 never meets anything; an unspecified address meets every one of its family.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_family = a.is_ipv4() == b.is_ipv4();
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_family && same_ip
}

/// A site, or a smart host, that is one of our own listeners would get its mail from us for ever.
fn no_loop(config: &Config, reader: &mut Reader) {
    let lists = config.sites.iter().filter_map(|site| match &site.hosts {
        Hosts::List(hosts) => Some((format!("site.{}.hosts", site.name), hosts)),
        Hosts::Mx(_) => None,
    });
    let smart_host = config.delivery.smart_host.iter();
    let smart_host = smart_host.map(|it| ("delivery.smart_host".to_owned(), it));
    for (key, hosts) in lists.chain(smart_host) {
        if let Some(host) = hosts.iter().find(|it| is_ours(config, it)) {
            let message = format!("{host} is this gateway itself: mail would go in circles");
            reader.note(&key, message);
        }
    }
}

fn is_ours(config: &Config, host: &HostPort) -> bool {
    let listens = |ip: IpAddr| config.listeners.iter().any(|it| takes(it.bind, ip, host.port));
    match &host.host {
        Host::Ip(ip) if config.listeners.iter().any(|it| it.bind.ip() == *ip) => {
            listens(*ip) || listens_everywhere(config, *ip, host.port)
        }
        Host::Ip(ip) => listens(*ip),
        Host::Name(name) if name.as_str() == "localhost" => {
            listens(Ipv4Addr::LOCALHOST.into()) || listens(Ipv6Addr::LOCALHOST.into())
        }
        Host::Name(name) => *name == config.server.hostname && host.port == 25,
    }
}

/// Whether a connection to `ip` and `port` ends at the listener bound to `bind`. Of the addresses
/// that a wildcard stands for, only those of loopback are known here.
fn takes(bind: SocketAddr, ip: IpAddr, port: u16) -> bool {
    let is_here = ip.is_loopback() || ip.is_unspecified();
    bind.port() == port && (bind.ip() == ip || (is_wildcard_for(bind, ip) && is_here))
}

/// `ip` is known to be ours: another listener is bound to it.
fn listens_everywhere(config: &Config, ip: IpAddr, port: u16) -> bool {
    let is_hit = |it: &SocketAddr| it.port() == port && is_wildcard_for(*it, ip);
    config.listeners.iter().any(|it| is_hit(&it.bind))
}

/// `[::]` takes version 4 as well.
fn is_wildcard_for(bind: SocketAddr, ip: IpAddr) -> bool {
    bind.ip().is_unspecified() && (bind.is_ipv6() || ip.is_ipv4())
}

/// Shorter prefixes let half the Internet in; nobody's network is that large.
const PREFIX_MIN_V4: u8 = 8;
const PREFIX_MIN_V6: u8 = 16;

fn networks_narrow(config: &Config, reader: &mut Reader) {
    let is_wide = |it: &&IpNet| match it {
        IpNet::V4(net) => net.prefix_len() < PREFIX_MIN_V4,
        IpNet::V6(net) => net.prefix_len() < PREFIX_MIN_V6,
    };
    if let Some(net) = config.admin.trusted_proxies.iter().find(is_wide) {
        let message = format!("{net} is too wide: strangers could pretend to be anyone");
        reader.note("admin.trusted_proxies", message);
    }
    for listener in &config.listeners {
        for (key, networks, danger) in [
            ("relay_from", &listener.relay_from, "this would be an open relay"),
            ("xclient_from", &listener.xclient_from, "strangers could pretend to be anyone"),
            (
                "proxy_protocol_from",
                &listener.proxy_protocol_from,
                "strangers could pretend to be anyone",
            ),
        ] {
            if let Some(net) = networks.iter().find(is_wide) {
                let key = format!("listener[{}].{key}", listener.name);
                reader.note(&key, format!("{net} is too wide: {danger}"));
            }
        }
    }
}

/// A certificate that a provider shows for all its customers says which provider it is, and not
/// which customer.
fn certificates_told_apart(config: &Config, reader: &mut Reader) {
    let is_shared =
        |it: &&String| *it == "protection.outlook.com" || it.ends_with(".protection.outlook.com");
    for listener in &config.listeners {
        let Some(name) = listener.relay_certificates.iter().find(is_shared) else { continue };
        let key = format!("listener[{}].relay_certificates", listener.name);
        let everyone = format!("Exchange Online shows {name} for every one of its tenants");
        match listener.relay_certificate_senders {
            CertificateSenders::Any => reader.note(
                &key,
                format!(
                    "{everyone}: this would be an open relay for all of them; \
                     write relay_certificate_senders = \"relay_domains\" as well, or leave it out"
                ),
            ),
            CertificateSenders::RelayDomains => reader.warn(
                &key,
                format!("{everyone}: each of them can send here in the name of a relay domain"),
            ),
        }
    }
}

/// XCLIENT is a right of the client that the PROXY header names, not of the balancer.
fn xclient_behind_proxy(config: &Config, reader: &mut Reader) {
    for listener in &config.listeners {
        let meets = |it: &&IpNet| {
            listener.proxy_protocol_from.iter().any(|net| net.contains(*it) || it.contains(net))
        };
        if let Some(net) = listener.xclient_from.iter().find(meets) {
            let message = format!(
                "{net} is in proxy_protocol_from as well: behind a PROXY header its client is \
                 asked for, so name the filters here, not the balancers"
            );
            reader.warn(&format!("listener[{}].xclient_from", listener.name), message);
        }
    }
}
