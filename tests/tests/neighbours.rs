//! The mail servers we test with, by themselves: what fails here is not ours.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use e2e::certs::{Certs, NAME};
use e2e::checker::{Rules, check};
use e2e::load::{Load, Plan};
use e2e::peers::exim::{self, Exim};
use e2e::peers::opensmtpd::{self, OpenSmtpd};
use e2e::peers::postfix::{self, Postfix};
use e2e::peers::{Server, Sites};
use e2e::sandbox::Sandbox;
use e2e::smtp::Client;
use e2e::trial::{odd_or_even, sinks};
use e2e::{scratch, wait};

/// Relays twenty messages to two sinks and offers STARTTLS, which works or not.
fn check_neighbour(
    speaks_tls: bool,
    make: impl FnOnce(Sandbox, &Path, &Certs, Sites) -> Result<Box<dyn Server>>,
) -> Result<()> {
    let folder = scratch::folder()?;
    let certs = Certs::new(folder.path())?;
    let (sinks, sites) = sinks()?;
    let mut server = make(Sandbox::new()?, folder.path(), &certs, sites)?;
    server.start()?;
    let mut client = Client::open(server.address())?;
    let handshake = client.start_tls(certs.client_config()?, NAME);
    assert_eq!(handshake.is_ok(), speaks_tls, "{}: {handshake:?}", server.name());
    let mut plan = Plan::new(server.address(), "n");
    plan.messages_max = 20;
    let sent = Load::start(&plan).finish();
    server.flush()?;
    wait::settled(20, Duration::from_secs(15), || {
        sinks.iter().map(|sink| sink.n_recipients()).sum()
    });
    let deliveries: Vec<_> = sinks.iter().flat_map(|sink| sink.deliveries()).collect();
    let verdict = check(&sent, &deliveries, &Rules { sides_of: &odd_or_even, crashes: &[] });
    assert!(verdict.is_good() && verdict.delivered == 20, "{}: {verdict}", server.name());
    Ok(())
}

#[test]
fn postfix_relays() -> Result<()> {
    check_neighbour(true, |sandbox, folder, certs, sites| {
        let extra = postfix::accept_tls(certs);
        let options = postfix::Options { folder, spool: folder, sites, extra: &extra };
        Ok(Box::new(Postfix::new(sandbox, &options)?))
    })
}

#[test]
fn exim_relays() -> Result<()> {
    check_neighbour(true, |sandbox, folder, certs, sites| {
        let extra = exim::accept_tls(certs)?;
        let options = exim::Options { folder, sites, extra: &extra, transport: "" };
        Ok(Box::new(Exim::new(sandbox, &options)?))
    })
}

#[test]
fn opensmtpd_relays() -> Result<()> {
    check_neighbour(false, |sandbox, folder, certs, sites| {
        let (extra, listen) = opensmtpd::accept_tls(certs);
        let spool = folder.join("smtpd");
        let options = opensmtpd::Options {
            folder,
            spool: &spool,
            sites,
            extra: &extra,
            listen: &listen,
            require_tls: false,
        };
        Ok(Box::new(OpenSmtpd::new(sandbox, &options)?))
    })
}
