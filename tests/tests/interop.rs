//! The gateway between other people's mail servers: each as a sender and as a site.
//!
//! ```text
//!   client ──> neighbour ──> gateway ──> sinks        the neighbour as a sender
//!   client ──> gateway ──> neighbour ──> sinks        the neighbour as a site
//! ```

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::certs::{Certs, NAME};
use e2e::gateway::{Gateway, Settings};
use e2e::peers::exim::{self, Exim};
use e2e::peers::opensmtpd::{self, OpenSmtpd};
use e2e::peers::postfix::{self, Postfix};
use e2e::peers::{Server, Sites};
use e2e::probes::{ALL, Probe};
use e2e::sandbox::Sandbox;
use e2e::sink::{Delivery, Sink};
use e2e::smtp::Client;
use e2e::trial::sinks;
use e2e::{ports, scratch, wait};
use tempfile::TempDir;

const BOUND: Duration = Duration::from_secs(20);

/// Two sinks, certificates and a folder: what both shapes need.
struct Scene {
    sinks: [Sink; 2],
    sites: Sites,
    certs: Certs,
    folder: TempDir,
}

impl Scene {
    fn new() -> Result<Self> {
        let folder = scratch::folder()?;
        let (sinks, sites) = sinks()?;
        Ok(Self { certs: Certs::new(folder.path())?, sinks, sites, folder })
    }

    /// A folder of its own for one server.
    fn room(&self, name: &str) -> Result<PathBuf> {
        let room = self.folder.path().join(name);
        fs::create_dir_all(&room)?;
        Ok(room)
    }

    fn gateway(&self, sites: Sites, site: &str) -> Result<Gateway> {
        let room = self.room("gateway")?;
        let (certificate, key) = (self.certs.certificate.display(), self.certs.key.display());
        let settings = Settings {
            listener: format!("tls_certificate = \"{certificate}\"\ntls_key = \"{key}\"\n"),
            site: site.into(),
            ..Settings::default()
        };
        let data = room.join("data");
        let config = settings.config(&data, sites);
        let mut gateway = Gateway::new(Sandbox::new()?, &room, &data, &config)?;
        gateway.start()?;
        gateway.import_table()?;
        Ok(gateway)
    }

    fn deliveries(&self) -> Vec<Delivery> {
        self.sinks.iter().flat_map(Sink::deliveries).collect()
    }

    /// Sends every probe that the first server of the way offers and waits for each
    /// at the end of it. Returns those that were sent.
    fn probe(&self, first: &dyn Server, run: &str) -> Result<Vec<Probe>> {
        let mut client = Client::open(first.address())?;
        let mut sent = Vec::new();
        for probe in ALL {
            if probe.send(&mut client, run)? {
                sent.push(probe);
            }
        }
        for probe in &sent {
            let arrived = || probe.check(run, &self.deliveries());
            if wait::until("a probe", BOUND, || arrived().is_ok()).is_err() {
                arrived()?;
            }
        }
        eprintln!("{run}: {sent:?} arrived");
        Ok(sent)
    }

    fn postfix(&self, sites: Sites, extra: &str) -> Result<Postfix> {
        let room = self.room("postfix")?;
        let extra = format!("{}{extra}", postfix::accept_tls(&self.certs));
        let options = postfix::Options { folder: &room, spool: &room, sites, extra: &extra };
        let mut server = Postfix::new(Sandbox::new()?, &options)?;
        server.start()?;
        Ok(server)
    }

    fn exim(&self, sites: Sites, transport: &str) -> Result<Exim> {
        let room = self.room("exim")?;
        let extra = format!(
            "{}dsn_advertise_hosts = *\nlog_selector = +pipelining\n",
            exim::accept_tls(&self.certs)?
        );
        let options = exim::Options { folder: &room, sites, extra: &extra, transport };
        let mut server = Exim::new(Sandbox::new()?, &options)?;
        server.start()?;
        Ok(server)
    }

    fn opensmtpd(&self, sites: Sites, offers_tls: bool, require_tls: bool) -> Result<OpenSmtpd> {
        let room = self.room("opensmtpd")?;
        let (extra, listen) =
            if offers_tls { opensmtpd::accept_tls(&self.certs) } else { Default::default() };
        let spool = room.join("smtpd");
        let options = opensmtpd::Options {
            folder: &room,
            spool: &spool,
            sites,
            extra: &extra,
            listen: &listen,
            require_tls,
        };
        let mut server = OpenSmtpd::new(Sandbox::new()?, &options)?;
        server.start()?;
        Ok(server)
    }

    fn log(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap_or_default()
    }
}

/// Both sides of a neighbour lead to one address.
fn both(address: std::net::SocketAddr) -> Sites {
    Sites { odd: address, even: address }
}

/// The gateway must have got the mail over TLS: its own trace field says so.
fn ensure_tls_in(deliveries: &[Delivery]) -> Result<()> {
    for delivery in deliveries {
        let head = String::from_utf8_lossy(&delivery.content);
        let field = head.split("\r\nReceived:").nth(1).unwrap_or("").replace("\r\n", " ");
        ensure!(field.contains("with ESMTPS") || field.contains("with UTF8SMTPS"), "{field}");
    }
    Ok(())
}

#[test]
fn postfix_sends_to_us_over_tls() -> Result<()> {
    let scene = Scene::new()?;
    let gateway = scene.gateway(scene.sites, "tls = \"none\"")?;
    let sender = scene.postfix(both(gateway.address()), "smtp_tls_security_level = encrypt\n")?;
    ensure!(scene.probe(&sender, "postfix-sends")? == ALL);
    ensure_tls_in(&scene.deliveries())
}

#[test]
fn exim_sends_to_us_over_tls_in_chunks() -> Result<()> {
    let scene = Scene::new()?;
    let gateway = scene.gateway(scene.sites, "tls = \"none\"")?;
    let transport = "  hosts_require_tls = *\n  hosts_try_chunking = *\n";
    let sender = scene.exim(both(gateway.address()), transport)?;
    ensure!(scene.probe(&sender, "exim-sends")?.len() >= 3);
    ensure!(scene.log("exim/log/mainlog").contains(" K "), "Exim did not use CHUNKING");
    ensure_tls_in(&scene.deliveries())
}

#[test]
fn opensmtpd_sends_to_us_over_tls() -> Result<()> {
    let scene = Scene::new()?;
    let gateway = scene.gateway(scene.sites, "tls = \"none\"")?;
    let sender = scene.opensmtpd(both(gateway.address()), false, true)?;
    ensure!(scene.probe(&sender, "opensmtpd-sends")?.contains(&Probe::Plain));
    ensure_tls_in(&scene.deliveries())
}

#[test]
fn postfix_is_a_site_with_a_verified_certificate() -> Result<()> {
    let scene = Scene::new()?;
    let site = scene.postfix(scene.sites, "smtpd_tls_received_header = yes\n")?;
    let tls = format!("tls = \"verify\"\nca_file = \"{}\"", scene.certs.authority.display());
    let gateway = scene.gateway(both(site.address()), &tls)?;
    ensure!(scene.probe(&gateway, "postfix-site")? == ALL);
    let all = scene.deliveries();
    let using_tls =
        |one: &Delivery| String::from_utf8_lossy(&one.content).contains("using TLSv1.3");
    ensure!(all.iter().all(using_tls), "not all mail went over TLS");
    // Postfix counts the commands of a session at its end.
    drop(gateway);
    let in_chunks = || scene.log("postfix/log").contains(" bdat=");
    wait::until("Postfix to tell of BDAT", BOUND, in_chunks)
}

#[test]
fn exim_is_a_site() -> Result<()> {
    let scene = Scene::new()?;
    let site = scene.exim(scene.sites, "  hosts_avoid_tls = *\n")?;
    let gateway = scene.gateway(both(site.address()), "tls = \"require\"")?;
    ensure!(scene.probe(&gateway, "exim-site")?.len() >= 3);
    let log = scene.log("exim/log/mainlog");
    ensure!(log.contains(" X=TLS1.3") && log.contains(" K "), "{log}");
    Ok(())
}

#[test]
fn opensmtpd_is_a_site_without_pipelining() -> Result<()> {
    let scene = Scene::new()?;
    let site = scene.opensmtpd(scene.sites, false, false)?;
    let gateway = scene.gateway(both(site.address()), "tls = \"opportunistic\"")?;
    let mut client = Client::open(gateway.address())?;
    // It offers no SMTPUTF8, so such mail must come back instead; tested below.
    for probe in [Probe::Plain, Probe::EightBit] {
        ensure!(probe.send(&mut client, "opensmtpd-site")?);
        let arrived = || probe.check("opensmtpd-site", &scene.deliveries());
        if wait::until("a probe", BOUND, || arrived().is_ok()).is_err() {
            arrived()?;
        }
    }
    Ok(())
}

#[test]
fn a_site_whose_handshake_always_fails_still_gets_opportunistic_mail() -> Result<()> {
    let scene = Scene::new()?;
    let site = scene.opensmtpd(scene.sites, true, false)?;
    let gateway = scene.gateway(both(site.address()), "tls = \"opportunistic\"")?;
    let mut client = Client::open(gateway.address())?;
    ensure!(Probe::Plain.send(&mut client, "broken-tls")?);
    let arrived = || Probe::Plain.check("broken-tls", &scene.deliveries());
    wait::until("mail in clear after a failed handshake", BOUND, || arrived().is_ok())?;
    Ok(())
}

#[test]
fn swaks_over_tls() -> Result<()> {
    let scene = Scene::new()?;
    let gateway = scene.gateway(scene.sites, "tls = \"none\"")?;
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", &gateway.address().to_string(), "--ehlo", NAME, "--tls", "--pipeline"]);
    swaks.args(["--from", "swaks@e2e.example", "--to", "user1@example.test,user2@example.test"]);
    let out = swaks.args(["--add-header", "X-E2E-Token: swaks"]).output()?;
    let said = String::from_utf8_lossy(&out.stdout);
    ensure!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    wait::until("the mail of swaks", BOUND, || scene.deliveries().len() == 2)?;
    ensure_tls_in(&scene.deliveries())
}

/// Postfix's own generator, over four connections.
fn smtp_source(to: std::net::SocketAddr, recipient: &str, messages: usize) -> Result<()> {
    let count = messages.to_string();
    let status = Command::new("smtp-source")
        .args(["-s", "4", "-m", &count, "-l", "4000", "-f", "source@e2e.example", "-t", recipient])
        .arg(format!("inet:{}:{}", to.ip(), to.port()))
        .status()?;
    ensure!(status.success(), "smtp-source: {status}");
    Ok(())
}

#[test]
fn smtp_source_in_smtp_sink_out() -> Result<()> {
    const N: usize = 300;
    let scene = Scene::new()?;
    let address = ports::free()?;
    let dump = scene.room("dump")?;
    let sandbox = Sandbox::new()?;
    sandbox.run("chown", &["nobody", &dump.to_string_lossy()])?;
    let target = format!("inet:{}:{}", address.ip(), address.port());
    let mut sink = sandbox.command("/usr/sbin/smtp-sink");
    sink.args(["-u", "nobody", "-d"]).arg(dump.join("%M.")).args([&target, "200"]);
    sink.spawn().context("cannot start smtp-sink")?;
    wait::until("smtp-sink", BOUND, || Client::open(address).is_ok())?;
    let n_files = || fs::read_dir(&dump).map_or(0, Iterator::count);
    let before = n_files();
    let gateway = scene.gateway(both(address), "tls = \"none\"")?;
    smtp_source(gateway.address(), "user1@example.test", N)?;
    wait::until("all mail in smtp-sink", BOUND, || n_files() == before + N)?;
    wait::until("an even ledger", BOUND, || gateway.verify_ledger().is_ok())?;
    ensure!(n_files() == before + N, "{} files for {N} messages", n_files() - before);
    Ok(())
}
