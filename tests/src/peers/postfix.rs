//! Postfix with a queue and configuration of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::Result;

use super::{Server, Sites, await_greeting};
use crate::certs::Certs;
use crate::ports;
use crate::sandbox::Sandbox;

const MASTER: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// Where a Postfix keeps things and sends mail.
pub struct Options<'a> {
    /// Configuration and log.
    pub folder: &'a Path,
    /// Queue and data, perhaps on a volume.
    pub spool: &'a Path,
    pub sites: Sites,
    /// More lines for main.cf.
    pub extra: &'a str,
}

/// One instance.
pub struct Postfix {
    sandbox: Sandbox,
    etc: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Postfix {
    /// Writes its configuration; call [`Server::start`] next.
    pub fn new(sandbox: Sandbox, options: &Options<'_>) -> Result<Self> {
        let address = ports::free()?;
        let etc = options.folder.join("etc");
        fs::create_dir_all(&etc)?;
        let (queue, data) = (options.spool.join("queue"), options.spool.join("data"));
        let (queue, data) = (queue.to_string_lossy(), data.to_string_lossy());
        sandbox.run("mkdir", &["-p", &queue, &data])?;
        sandbox.run("chown", &["postfix:postfix", &data])?;
        fs::write(etc.join("master.cf"), format!("{address} inet n - n - 200 smtpd\n{MASTER}"))?;
        let sites = options.sites;
        let map = etc.join("transport");
        let odd = format!("/[13579]@/ smtp:[127.0.0.1]:{}\n", sites.odd.port());
        fs::write(&map, odd + &format!("/./ smtp:[127.0.0.1]:{}\n", sites.even.port()))?;
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = postfix.e2e.example\n\
             mydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             mynetworks = 127.0.0.0/8\nrelay_domains =\nlocal_recipient_maps =\n\
             transport_maps = regexp:{}\ndisable_dns_lookups = yes\nsmtp_dns_support_level = disabled\n\
             smtpd_peername_lookup = no\nmaillog_file = {}\nmaillog_file_prefixes = {}\nbiff = no\n\
             in_flow_delay = 0\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\n\
             queue_run_delay = 1s\n{}\n",
            map.display(),
            options.folder.join("log").display(),
            options.folder.display(),
            options.extra
        );
        fs::write(etc.join("main.cf"), main)?;
        Ok(Self { sandbox, etc, address, child: None })
    }
}

impl Server for Postfix {
    fn name(&self) -> &'static str {
        "postfix"
    }

    fn start(&mut self) -> Result<()> {
        let mut command = self.sandbox.command("/usr/sbin/postfix");
        command
            .arg("-c")
            .arg(&self.etc)
            .arg("start-fg")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
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
        self.sandbox
            .run("/usr/sbin/postqueue", &["-c", &self.etc.to_string_lossy(), "-f"])
            .map(drop)
    }
}

/// Lines that make it offer STARTTLS.
pub fn accept_tls(certs: &Certs) -> String {
    format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n",
        certs.certificate.display(),
        certs.key.display()
    )
}
