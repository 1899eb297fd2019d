//! OpenSMTPD, unpacked from its package, with a spool of its own.
//!
//! Its paths are compiled in, so the sandbox shows it ours in their place.

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
    /// Shown to it as `/var/spool/smtpd`, perhaps on a volume.
    pub spool: &'a Path,
    pub sites: Sites,
    /// More lines for smtpd.conf, before its actions.
    pub extra: &'a str,
    /// Parameters of its listener, such as `tls pki e2e`.
    pub listen: &'a str,
    /// Deliver only over STARTTLS, whatever the certificate.
    pub require_tls: bool,
}

/// One instance.
pub struct OpenSmtpd {
    sandbox: Sandbox,
    conf: PathBuf,
    spool: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl OpenSmtpd {
    /// Writes its configuration; call [`Server::start`] next.
    pub fn new(sandbox: Sandbox, options: &Options<'_>) -> Result<Self> {
        let address = ports::free()?;
        let folder = options.folder.to_string_lossy();
        let empty = "/var/lib/opensmtpd/empty /var/spool/smtpd /run/opensmtpd/empty";
        let mounts = "for d in /run /var/lib /var/spool; do mount -t tmpfs none $d; done; mkdir -p";
        sandbox.run("sh", &["-c", &format!("set -e; {mounts} {empty} /var/empty")])?;
        sandbox.add_users(&["opensmtpd", "opensmtpq"], options.folder)?;
        // Its control program insists on a group of its own.
        let control = unpacked().join("usr/sbin/smtpctl");
        let copy = format!(
            "cp {} $0/smtpctl; chgrp opensmtpq $0/smtpctl; chmod 2755 $0/smtpctl",
            control.display()
        );
        sandbox.run("sh", &["-c", &copy, &folder])?;
        let even: String =
            (0..1000).step_by(2).map(|n| format!("user{n}@example.test\n")).collect();
        fs::write(options.folder.join("even"), even)?;
        let conf = options.folder.join("smtpd.conf");
        let sites = options.sites;
        let (scheme, tls) =
            if options.require_tls { ("smtp+tls", " tls no-verify") } else { ("smtp", "") };
        let text = format!(
            "table even file:{folder}/even\nsmtp limit max-mails 1000000\n\
             mta limit conn-delay-route 0\nmta limit reconn-delay-route 0\n{}\n\
             listen on 127.0.0.1 port {} hostname opensmtpd.e2e.example {}\n\
             action \"odd\" relay host \"{scheme}://127.0.0.1:{}\"{tls}\n\
             action \"even\" relay host \"{scheme}://127.0.0.1:{}\"{tls}\n\
             match from any for rcpt-to <even> action \"even\"\nmatch from any for any action \"odd\"\n",
            options.extra,
            address.port(),
            options.listen,
            sites.odd.port(),
            sites.even.port()
        );
        fs::write(&conf, text)?;
        let server =
            Self { sandbox, conf, spool: options.spool.to_path_buf(), address, child: None };
        Ok(server)
    }
}

impl Server for OpenSmtpd {
    fn name(&self) -> &'static str {
        "opensmtpd"
    }

    fn start(&mut self) -> Result<()> {
        let spool = self.spool.to_string_lossy();
        self.sandbox.run("sh", &["-c", "mkdir -p $0 && chmod 711 $0", &spool])?;
        let shown = "/var/spool/smtpd";
        if self.sandbox.run("mountpoint", &["-q", shown]).is_err() {
            self.sandbox.bind(&self.spool, Path::new(shown))?;
        }
        let log = fs::File::create(self.conf.with_extension("log"))?;
        let program = unpacked().join("usr/sbin/smtpd");
        let mut command = self.sandbox.command(&program.to_string_lossy());
        command.arg("-d").arg("-f").arg(&self.conf).stdout(Stdio::null()).stderr(log);
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
        let program = self.conf.with_file_name("smtpctl");
        self.sandbox.run(&program.to_string_lossy(), &["schedule", "all"]).map(drop)
    }
}

/// Lines and listener parameters that make it offer STARTTLS.
///
/// The build of Debian 12 cannot finish the handshake as a server (its key
/// engine fails with "missing private key" since OpenSSL 3), so this makes a
/// site that offers TLS and never succeeds. As a client its TLS works.
pub fn accept_tls(certs: &Certs) -> (String, String) {
    let (certificate, key) = (certs.certificate.display(), certs.key.display());
    let pki = format!("pki e2e cert \"{certificate}\"\npki e2e key \"{key}\"");
    (pki, "tls pki e2e".into())
}
