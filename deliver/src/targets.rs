//! Where a hop's connections go, and opening one.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use config::Hosts;
use mail::Reply;

use crate::connection::{AttemptError, Connection, Target};
use crate::delivery::Delivery;
use crate::hop::Hop;
use crate::mx::{Host, MxError};

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(crate) enum ConnectFailure {
    /// And there never will be.
    Never(Reply),
    Now {
        why: String,
        /// What a host did, when it came to that.
        error: Option<AttemptError>,
    },
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never(reply) => write!(f, "{reply}"),
            Self::Now { why, .. } => f.write_str(why),
        }
    }
}

/// The addresses of a hop, in the order in which to try them.
pub(crate) async fn of(delivery: &Delivery, hop: &Hop) -> Result<Vec<Target>, ConnectFailure> {
    let resolver = &delivery.0.resolver;
    let ip = hop.ip();
    let mut hosts: Vec<Host> = match &hop.settings.hosts {
        Hosts::Mx(domain) => resolver.next_hops(domain, ip).await.map_err(failure)?,
        Hosts::List(list) => {
            let mut found = Vec::new();
            let mut problem = None;
            for host in list {
                match resolver.addresses(host, ip).await {
                    Ok(more) => found.extend(more),
                    Err(error) => problem = Some(error),
                }
            }
            match problem {
                Some(problem) if found.is_empty() => return Err(failure(problem)),
                _ => found,
            }
        }
    };
    hop.in_order(&mut hosts, Host::label, Instant::now());
    Ok(hosts.into_iter().map(|it| target(delivery, hop, it)).collect())
}

fn failure(error: MxError) -> ConnectFailure {
    match error {
        MxError::Never(reply) => ConnectFailure::Never(reply),
        MxError::NotNow(why) => ConnectFailure::Now { why, error: None },
    }
}

fn target(delivery: &Delivery, hop: &Hop, host: Host) -> Target {
    Target {
        host: host.name,
        addr: host.addr,
        tls: hop.settings.tls.clone(),
        ehlo_name: delivery.0.settings.hostname.to_string(),
        timeouts: delivery.0.settings.timeouts.clone(),
        chunking: hop.settings.chunking,
    }
}

/// The first of a hop's hosts that takes a connection. Hosts that do not are shunned for a while.
pub(crate) async fn connect(
    delivery: &Delivery,
    hop: &Arc<Hop>,
) -> Result<Connection, ConnectFailure> {
    let targets = of(delivery, hop).await?;
    let why = "there is no host to connect to".to_owned();
    let mut failed = ConnectFailure::Now { why, error: None };
    for target in targets {
        match Connection::open(&target).await {
            Ok(connection) => return Ok(connection),
            Err(error) => {
                let host = format!("{}:{}", target.host, target.addr.port());
                hop.shun(&host, error.to_string(), Instant::now());
                failed =
                    ConnectFailure::Now { why: format!("{host}: {error}"), error: Some(error) };
            }
        }
    }
    Err(failed)
}
