//! Exim, unpacked from its package, with a spool of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::Result;

use super::{Server, Sites, await_greeting, unpacked};
use crate::certs::Certs;
use crate::ports;
use crate::sandbox::Sandbox;

/// Where it keeps things and sends mail.
pub struct Options<'a> {
    pub folder: &'a Path,
    pub sites: Sites,
    /// More lines for the main section.
    pub extra: &'a str,
    /// More lines for its SMTP transport.
    pub transport: &'a str,
}

/// One instance.
pub struct Exim {
    sandbox: Sandbox,
    conf: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Exim {
    /// Writes its configuration; call [`Server::start`] next.
    pub fn new(sandbox: Sandbox, options: &Options<'_>) -> Result<Self> {
        let address = ports::free()?;
        let folder = options.folder;
        sandbox.add_users(&["Debian-exim"], folder)?;
        fs::create_dir_all(folder.join("spool"))?;
        fs::create_dir_all(folder.join("log"))?;
        let path = folder.to_string_lossy();
        sandbox.run("chown", &["-R", "Debian-exim:Debian-exim", &path])?;
        let conf = folder.join("exim.conf");
        let (odd, even) = (options.sites.odd.port(), options.sites.even.port());
        let text = format!(
            "primary_hostname = exim.e2e.example\nexim_path = {exim}\nexim_user = Debian-exim\n\
             exim_group = Debian-exim\nspool_directory = {path}/spool\nlog_file_path = {path}/log/%slog\n\
             pid_file_path = {path}/exim.pid\nlocal_interfaces = 127.0.0.1\n\
             daemon_smtp_ports = {port}\nhost_lookup =\ndisable_ipv6 = true\n\
             deliver_drop_privilege = true\nsmtp_accept_queue_per_connection = 0\n\
             smtp_accept_max = 500\nkeep_environment =\n\
             acl_smtp_rcpt = accept\nacl_smtp_data = accept\n{extra}\n\
             begin routers\nsites:\n  driver = manualroute\n\
             \x20 route_data = ${{if match{{$local_part}}{{[13579]\\$}}{{127.0.0.1::{odd}}}{{127.0.0.1::{even}}}}}\n\
             \x20 transport = out\n  self = send\n\
             begin transports\nout:\n  driver = smtp\n  allow_localhost\n{transport}\n\
             begin retry\n* * F,4d,1s\n",
            exim = program().display(),
            port = address.port(),
            extra = options.extra,
            transport = options.transport,
        );
        fs::write(&conf, text)?;
        Ok(Self { sandbox, conf, address, child: None })
    }
}

fn program() -> PathBuf {
    unpacked().join("usr/sbin/exim4")
}

impl Server for Exim {
    fn name(&self) -> &'static str {
        "exim"
    }

    fn start(&mut self) -> Result<()> {
        let mut command = self.sandbox.command(&program().to_string_lossy());
        command.arg("-C").arg(&self.conf).args(["-bdf", "-q5s"]);
        let log = fs::File::create(self.conf.with_extension("out"))?;
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn()?;
        await_greeting(&mut child, self.address)?;
        self.child = Some(child);
        Ok(())
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn flush(&self) -> Result<()> {
        let program = program();
        let conf = self.conf.to_string_lossy();
        self.sandbox.run(&program.to_string_lossy(), &["-C", &conf, "-qff"]).map(drop)
    }
}

/// Lines that make it offer STARTTLS.
pub fn accept_tls(certs: &Certs) -> Result<String> {
    Ok(format!(
        "tls_advertise_hosts = *\ntls_certificate = {}\ntls_privatekey = {}\n",
        certs.certificate.display(),
        certs.readable_key()?.display()
    ))
}
