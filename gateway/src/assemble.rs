//! From the configuration's words to what each crate is built from. No I/O but reading certificates.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use config::{
    AdminRole, Chunking, Config, DirectoryKind, DirectorySource, HostPort, Hosts, IpPreference,
    LdapTls, Site, TlsPolicy,
};
use deliver::mx::{Resolver, ResolverSettings, SetupError as MxSetupError};
use deliver::queue::Batch;
use deliver::retry::RetrySettings;
use deliver::tls::{ClientTls, TlsError};
use deliver::{HopSettings, Settings};
use mail::SiteName;
use router::{Domains, Rules};
use rustls::ClientConfig;

/// A batch ends with the message that passes this many octets, so that large ones spread over connections.
const BATCH_BYTES: u64 = 256 * 1024;
/// What strangers are asked to bear at most.
const STRANGER_CONNECTIONS: usize = 5;
const STRANGER_RECIPIENTS: usize = 100;
const STRANGER_MESSAGES: usize = 100;
/// A smart host is ours, or pays to be.
const SMART_HOST_CONNECTIONS: usize = 20;

pub(crate) fn domains(config: &Config) -> Domains {
    Domains::from(Rules {
        relay_domains: config
            .relay_domains
            .iter()
            .map(|it| (it.name.clone(), it.unlisted.clone()))
            .collect(),
        directories: config
            .relay_domains
            .iter()
            .filter(|it| !it.directories.is_empty())
            .map(|it| {
                (it.name.clone(), it.directories.iter().map(|it| it.as_str().into()).collect())
            })
            .collect(),
        sites: config.sites.iter().map(|it| (it.name.clone(), it.recipient.clone())).collect(),
        subaddress_separator: config.routing.subaddress_separator,
        copy_while_syncing: config.routing.copy_while_syncing.clone(),
        postmaster: config.routing.postmaster.clone(),
    })
}

/// A directory with its TLS, if it has any.
type Directory = (DirectorySource, Option<Arc<ClientConfig>>);

/// Each directory with its TLS.
///
/// # Errors
/// When a trust store cannot be read.
pub(crate) fn directories(config: &Config) -> Result<Vec<Directory>, TlsError> {
    let tls = |it: &DirectorySource| -> Result<Option<Arc<ClientConfig>>, TlsError> {
        match &it.kind {
            DirectoryKind::Ldap(ldap)
                if ldap.tls == LdapTls::StartTls || ldap.url.starts_with("ldaps://") =>
            {
                let tls = ClientTls::new(TlsPolicy::Verify, None, ldap.ca_file.clone())?;
                Ok(tls.snapshot())
            }
            DirectoryKind::Ldap(_) | DirectoryKind::Csv { .. } | DirectoryKind::CallOut { .. } => {
                Ok(None)
            }
        }
    };
    config.directories.iter().map(|it| Ok((it.clone(), tls(it)?))).collect()
}

/// How directories' files are split: as the table's are.
pub(crate) fn split(text: &str) -> Vec<recipients::FileRow> {
    let row = |(line, cells)| recipients::FileRow { line, cells };
    directory::csv_records(text).map(row).collect()
}

/// # Errors
/// When a certificate or a trust store cannot be read.
pub(crate) fn sites(config: &Config) -> Result<Vec<(SiteName, HopSettings)>, TlsError> {
    config.sites.iter().map(|it| Ok((it.name.clone(), site(config, it)?))).collect()
}

fn site(config: &Config, site: &Site) -> Result<HopSettings, TlsError> {
    Ok(HopSettings {
        hosts: site.hosts.clone(),
        ip: site.ip,
        tls: ClientTls::new(site.tls, site.client_certificate.clone(), site.ca_file.clone())?,
        chunking: site.chunking == Chunking::Auto,
        connections_max: site.connections_max,
        recipients_max: site.recipients_per_message_max,
        messages_per_connection_max: site.messages_per_connection_max,
        batch: batch(config),
        probe_every: site.probe_every,
    })
}

fn batch(config: &Config) -> Batch {
    Batch { messages_max: config.delivery.pipeline_messages_max, bytes_max: BATCH_BYTES }
}

/// # Errors
/// When the trust store cannot be read.
pub(crate) fn delivery(config: &Config) -> Result<Settings, TlsError> {
    let outside = |hosts: Hosts, connections_max| {
        Ok::<_, TlsError>(HopSettings {
            hosts,
            ip: IpPreference::V4First,
            tls: ClientTls::opportunistic()?,
            chunking: true,
            connections_max,
            recipients_max: STRANGER_RECIPIENTS,
            messages_per_connection_max: STRANGER_MESSAGES,
            batch: batch(config),
            probe_every: Duration::from_secs(60),
        })
    };
    let smart_host = match &config.delivery.smart_host {
        Some(hosts) => Some(outside(Hosts::List(hosts.clone()), SMART_HOST_CONNECTIONS)?),
        None => None,
    };
    Ok(Settings {
        hostname: config.server.hostname.clone(),
        retry: RetrySettings {
            schedule: config.delivery.retry.clone(),
            lifetime: config.delivery.lifetime,
            dsn_lifetime: config.delivery.dsn_lifetime,
            delay_notice_after: config.delivery.delay_notice_after,
        },
        directory_lag_grace: config.delivery.directory_lag_grace,
        timeouts: config.delivery.timeouts.clone(),
        mx: outside(Hosts::List(Vec::<HostPort>::new()), STRANGER_CONNECTIONS)?,
        smart_host,
        bounce_bytes_max: config.delivery.bounce_bytes_max,
        memory_bodies_max: config.spool.memory_bodies_max,
        recipient_check: config.recipient_check.clone(),
    })
}

/// # Errors
/// When the system's resolver settings cannot be read.
pub(crate) fn resolver(config: &Config) -> Result<Resolver, MxSetupError> {
    Resolver::new(ResolverSettings {
        servers: config.delivery.resolver.clone(),
        hostname: config.server.hostname.clone(),
        own_addresses: own_addresses(config),
        mx_port: config.delivery.mx_port,
    })
}

/// Addresses that an MX of ours would have; a wildcard says nothing.
fn own_addresses(config: &Config) -> Vec<IpAddr> {
    let bound = config.listeners.iter().map(|it| it.bind.ip());
    bound.filter(|it| !it.is_unspecified() && !it.is_loopback()).collect()
}

pub(crate) fn access(config: &Config) -> access::Settings {
    let from = &config.admin;
    let memory_kib = u32::try_from(from.password_memory_bytes / 1024).unwrap_or(u32::MAX);
    access::Settings {
        password: access::Cost { memory_kib, passes: from.password_passes, lanes: 1 },
        session_idle: from.session_idle,
        session_max: from.session_max,
        audit_kept: from.audit_kept,
    }
}

/// Without the client's secret, which is in a file.
pub(crate) fn oidc(from: &config::Oidc) -> oidc::Settings {
    let grant = |it: &config::OidcGroup| oidc::Grant {
        group: it.group.clone(),
        role: match it.role {
            AdminRole::Viewer => api::Role::Viewer,
            AdminRole::Operator => api::Role::Operator,
            AdminRole::Approver => api::Role::Approver,
            AdminRole::Administrator => api::Role::Administrator,
        },
        domains: it.domains.clone(),
        batches: it.batches.clone(),
    };
    oidc::Settings {
        issuer: from.issuer.clone(),
        client_id: from.client_id.clone(),
        client_secret: None,
        public_url: from.public_url.clone(),
        label: from.label.clone(),
        scopes: from.scopes.clone(),
        name_claim: from.name_claim.clone(),
        groups_claim: from.groups_claim.clone(),
        grants: from.groups.iter().map(grant).collect(),
        ca_file: from.ca_file.clone(),
        within: from.timeout,
        pending_max: from.signins_max,
    }
}

pub(crate) fn oidc_rules(config: &Config) -> Option<String> {
    config.oidc.as_ref().map(|it| oidc(it).rules())
}

pub(crate) fn spool(config: &Config) -> spool::Options {
    let from = &config.spool;
    spool::Options {
        segment_bytes: from.segment_bytes,
        large_body_bytes: from.large_body_bytes,
        free_bytes_min: from.free_bytes_min,
        free_inodes_min: from.free_inodes_min,
        bytes_max: from.bytes_max,
        memory_bodies_max: from.memory_bodies_max,
        ..spool::Options::default()
    }
}
