//! The questions to the DNS, and what their answers mean.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use config::{HostPort, IpPreference};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use mail::{Domain, Reply};
use tokio::time::timeout;

use super::order::{Ordered, Record, drop_from_ourselves, order};
use super::{Host, MxError};

/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 10;

/// For one question to one server; it is asked again twice.
const QUESTION: Duration = Duration::from_secs(5);

/// For all questions about one domain together.
const TOTAL: Duration = Duration::from_secs(30);

/// What is told apart about ourselves and the network.
#[derive(Clone, Debug)]
pub struct ResolverSettings {
    /// `None`: the system's.
    pub servers: Option<Vec<SocketAddr>>,
    /// Our own name: a host of this name in an MX list is ourselves.
    pub hostname: Domain,
    /// The addresses that strangers reach us at, for the same purpose.
    pub own_addresses: Vec<IpAddr>,
    /// Port of hosts that are found by MX: 25 but for tests.
    pub mx_port: u16,
}

/// Finds next hops. Answers are cached for as long as they say. Cheap to clone.
#[derive(Clone)]
pub struct Resolver {
    dns: TokioResolver,
    settings: ResolverSettings,
}

impl Resolver {
    pub fn new(settings: ResolverSettings) -> Result<Self, NetError> {
        Self::with_patience(settings, QUESTION)
    }

    pub(super) fn with_patience(
        settings: ResolverSettings,
        question: Duration,
    ) -> Result<Self, NetError> {
        let mut builder = match &settings.servers {
            None => TokioResolver::builder_tokio()?,
            Some(servers) => TokioResolver::builder_with_config(
                ResolverConfig::from_name_servers(servers.iter().map(server).collect()),
                TokioRuntimeProvider::default(),
            ),
        };
        builder.options_mut().num_concurrent_reqs = 1;
        builder.options_mut().timeout = question;
        Ok(Self { dns: builder.build()?, settings })
    }

    /// The addresses that mail for `domain` may be handed to, best first.
    pub async fn next_hops(&self, domain: &Domain, ip: IpPreference) -> Result<Vec<Host>, MxError> {
        self.next_hops_in_order(domain, ip, rand::random()).await
    }

    /// `seed` picks the order of hosts with equal preference.
    pub(super) async fn next_hops_in_order(
        &self,
        domain: &Domain,
        ip: IpPreference,
        seed: u64,
    ) -> Result<Vec<Host>, MxError> {
        if let Some(ip) = domain.literal() {
            let hosts = vec![(0, vec![self.host(&ip.to_string(), ip)])];
            return self.without_ourselves(domain, hosts);
        }
        let find = async {
            match self.exchanges(domain, seed).await? {
                Some(hosts) => self.addresses_of_all(domain, hosts, ip).await,
                None => self.addresses_of_domain(domain, ip).await,
            }
        };
        let found = timeout(TOTAL, find).await;
        let slow = |_| MxError::NotNow(format!("the DNS takes too long over {domain}"));
        let hosts = found.map_err(slow)??;
        self.without_ourselves(domain, hosts)
    }

    /// The addresses of one configured host. That it is ourselves is the operator's business.
    pub async fn addresses(&self, host: &HostPort, ip: IpPreference) -> Result<Vec<Host>, MxError> {
        let name = match &host.host {
            config::Host::Ip(ip) => {
                let addr = SocketAddr::new(*ip, host.port);
                return Ok(vec![Host { name: ip.to_string(), addr }]);
            }
            config::Host::Name(name) => name,
        };
        let found = match timeout(TOTAL, self.lookup_addresses(name, ip)).await {
            Err(_) => return Err(MxError::NotNow(format!("the DNS takes too long over {name}"))),
            Ok(found) => found?,
        };
        // Whether the name is wrong or the DNS is: an operator wrote it, so nothing is bounced.
        if found.is_empty() {
            return Err(MxError::NotNow(format!("{name} has no address")));
        }
        let to_host = |it| Host { name: name.to_string(), addr: SocketAddr::new(it, host.port) };
        Ok(found.into_iter().map(to_host).collect())
    }

    /// The MX hosts in order; `None` when the domain has no MX.
    async fn exchanges(
        &self,
        domain: &Domain,
        seed: u64,
    ) -> Result<Option<Vec<(u16, Domain)>>, MxError> {
        let records = match self.dns.lookup(name_of(domain)?, RecordType::MX).await {
            Ok(found) => found.answers().iter().filter_map(|it| record(&it.data)).collect(),
            Err(error) => match absence(&error) {
                Some(Absence::NoSuchName) => return Err(no_such_domain()),
                Some(Absence::NoSuchRecord) => Vec::new(),
                None => return Err(not_now(domain, &error)),
            },
        };
        if records.is_empty() {
            return Ok(None);
        }
        match order(&records, seed) {
            Ordered::Null => Err(MxError::Never(Reply::new(
                556,
                (5, 1, 10),
                "Recipient domain takes no mail (null MX)",
            ))),
            Ordered::Hosts(hosts) if hosts.is_empty() => Err(unusable()),
            Ordered::Hosts(hosts) => Ok(Some(hosts)),
        }
    }

    /// The implicit MX of a domain without any.
    async fn addresses_of_domain(
        &self,
        domain: &Domain,
        ip: IpPreference,
    ) -> Result<Vec<(u16, Vec<Host>)>, MxError> {
        let found = self.lookup_addresses(domain, ip).await?;
        if found.is_empty() {
            return Err(no_such_domain());
        }
        let name = domain.to_string();
        Ok(vec![(0, found.into_iter().map(|it| self.host(&name, it)).collect())])
    }

    /// Asks for all hosts at once. Hosts without an address fall out; when all do and any of
    /// the answers was in doubt, it is too early to say never.
    async fn addresses_of_all(
        &self,
        domain: &Domain,
        hosts: Vec<(u16, Domain)>,
        ip: IpPreference,
    ) -> Result<Vec<(u16, Vec<Host>)>, MxError> {
        let is_us = |it: &Domain| *it == self.settings.hostname;
        let n_hosts = hosts.len();
        let hosts = drop_from_ourselves(hosts, is_us);
        if hosts.is_empty() && n_hosts > 0 {
            return Err(ourselves(domain));
        }
        let lookups = hosts.iter().map(|it| self.lookup_addresses(&it.1, ip)).collect();
        let mut found = Vec::with_capacity(hosts.len());
        let mut doubt = None;
        for ((preference, host), addresses) in hosts.iter().zip(all(lookups).await) {
            match addresses {
                Ok(addresses) if addresses.is_empty() => (),
                Ok(addresses) => {
                    let name = host.to_string();
                    let hosts = addresses.into_iter().map(|it| self.host(&name, it)).collect();
                    found.push((*preference, hosts));
                }
                Err(error) => doubt = Some(error),
            }
        }
        match doubt {
            Some(doubt) if found.is_empty() => Err(doubt),
            None if found.is_empty() => Err(unusable()),
            _ => Ok(found),
        }
    }

    fn without_ourselves(
        &self,
        domain: &Domain,
        hosts: Vec<(u16, Vec<Host>)>,
    ) -> Result<Vec<Host>, MxError> {
        let own = &self.settings.own_addresses;
        let is_us = |it: &Vec<Host>| it.iter().any(|it| own.contains(&it.addr.ip()));
        let kept = drop_from_ourselves(hosts, is_us);
        if kept.is_empty() {
            return Err(ourselves(domain));
        }
        Ok(kept.into_iter().flat_map(|it| it.1).collect())
    }

    /// Addresses in the order of the preference; none when the name has none.
    async fn lookup_addresses(
        &self,
        name: &Domain,
        ip: IpPreference,
    ) -> Result<Vec<IpAddr>, MxError> {
        let (first, second) = match ip {
            IpPreference::V4First => (RecordType::A, Some(RecordType::AAAA)),
            IpPreference::V6First => (RecordType::AAAA, Some(RecordType::A)),
            IpPreference::V4Only => (RecordType::A, None),
            IpPreference::V6Only => (RecordType::AAAA, None),
        };
        let kinds = [Some(first), second].into_iter().flatten();
        let lookups = kinds.map(|it| self.lookup_kind(name, it)).collect();
        let mut addresses = Vec::new();
        let mut doubt = None;
        for found in all(lookups).await {
            match found {
                Ok(found) => addresses.extend(found),
                Err(error) => doubt = Some(error),
            }
        }
        addresses.retain(|it| !it.is_unspecified() && !it.is_multicast());
        addresses.truncate(ADDRESSES_MAX);
        match doubt {
            Some(doubt) if addresses.is_empty() => Err(doubt),
            _ => Ok(addresses),
        }
    }

    async fn lookup_kind(&self, name: &Domain, kind: RecordType) -> Result<Vec<IpAddr>, MxError> {
        match self.dns.lookup(name_of(name)?, kind).await {
            Ok(found) => Ok(found.answers().iter().filter_map(|it| address(&it.data)).collect()),
            Err(error) if absence(&error).is_some() => Ok(Vec::new()),
            Err(error) => Err(not_now(name, &error)),
        }
    }

    fn host(&self, name: &str, ip: IpAddr) -> Host {
        Host { name: name.to_owned(), addr: SocketAddr::new(ip, self.settings.mx_port) }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn server(addr: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut it| {
        it.port = addr.port();
        it
    });
    NameServerConfig::new(addr.ip(), true, connections.to_vec())
}

/// Without the search list of the system: the name is meant as it stands.
fn name_of(domain: &Domain) -> Result<Name, MxError> {
    let mut name = Name::from_ascii(domain.as_str()).map_err(|_| no_such_domain())?;
    name.set_fqdn(true);
    Ok(name)
}

fn record(data: &RData) -> Option<Record> {
    let RData::MX(mx) = data else { return None };
    let name = mx.exchange.to_ascii();
    Some(Record {
        preference: mx.preference,
        host: name.trim_end_matches('.').parse().ok(),
        is_root: mx.exchange.is_root(),
    })
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(it) => Some(it.0.into()),
        RData::AAAA(it) => Some(it.0.into()),
        _ => None,
    }
}

enum Absence {
    NoSuchName,
    NoSuchRecord,
}

/// A negative answer that can be believed; everything else is a failure of the DNS.
fn absence(error: &NetError) -> Option<Absence> {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return None };
    match none.response_code {
        ResponseCode::NXDomain => Some(Absence::NoSuchName),
        ResponseCode::NoError => Some(Absence::NoSuchRecord),
        _ => None,
    }
}

fn not_now(domain: &Domain, error: &NetError) -> MxError {
    MxError::NotNow(format!("the DNS fails for {domain}: {error}"))
}

fn no_such_domain() -> MxError {
    MxError::Never(Reply::new(550, (5, 1, 2), "Recipient domain does not exist or has no host"))
}

/// RFC 5321 §5.1: an error, and no reason to look further.
fn unusable() -> MxError {
    MxError::Never(Reply::new(550, (5, 4, 4), "No mail exchanger of the recipient domain exists"))
}

/// A relay domain is missing in the configuration, or the domain's owner points at us. Held, in
/// case it is the former.
fn ourselves(domain: &Domain) -> MxError {
    MxError::NotNow(format!(
        "the best mail exchanger of {domain} is this gateway, which does not relay for it"
    ))
}

/// Awaits all, in one task; results in order.
async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.into_iter().map(|it| Some(Box::pin(it))).collect();
    let mut done: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut is_ready = true;
        for (slot, result) in pending.iter_mut().zip(&mut done) {
            let Some(future) = slot else { continue };
            match Pin::new(future).poll(cx) {
                Poll::Ready(output) => (*slot, *result) = (None, Some(output)),
                Poll::Pending => is_ready = false,
            }
        }
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
