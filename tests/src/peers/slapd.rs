//! OpenLDAP with a directory that looks like Active Directory with Exchange.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::certs::Certs;
use crate::{ports, wait};

pub const BASE: &str = "dc=example,dc=test";
/// May read 1,000 entries at once, and all of them page by page, as with Active Directory.
pub const READER: &str = "cn=svc,dc=example,dc=test";
pub const READER_PASSWORD: &str = "reads-only";
const ADMIN: &str = "cn=admin,dc=example,dc=test";
const ADMIN_PASSWORD: &str = "secret";

const START_BOUND: Duration = Duration::from_secs(60);

/// One instance; it ends with this value.
pub struct Slapd {
    folder: PathBuf,
    pub plain: SocketAddr,
    pub tls: SocketAddr,
    child: Option<Child>,
}

impl Slapd {
    /// Makes a directory of users 0 to `n_users` in `folder`; call [`Slapd::start`] next.
    pub fn new(folder: &Path, certs: &Certs, n_users: usize) -> Result<Self> {
        let folder = folder.join("slapd");
        fs::create_dir_all(folder.join("db"))?;
        let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/data/ad.schema");
        let (here, at) = (folder.display(), |it: &Path| it.display().to_string());
        let config = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\ninclude {schema}\n\
             pidfile {here}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             TLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n\
             database mdb\nsuffix \"{BASE}\"\nrootdn \"{ADMIN}\"\nrootpw {ADMIN_PASSWORD}\n\
             directory {here}/db\nmaxsize 1073741824\ndbnosync\n\
             limits dn.exact=\"{READER}\" size.soft=1000 size.hard=1000 size.pr=1000 \
             size.prtotal=unlimited\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"{READER}\" read by anonymous auth by * none\n\
             index objectClass eq\nindex uSNChanged eq\n",
            at(&certs.authority),
            at(&certs.certificate),
            at(&certs.key),
        );
        fs::write(folder.join("slapd.conf"), config)?;
        let mut text = format!(
            "dn: {BASE}\nobjectClass: domain\ndc: example\n\n\
             dn: {READER}\nobjectClass: person\ncn: svc\nsn: svc\nuserPassword: {READER_PASSWORD}\n\n"
        );
        for n in 0..n_users {
            text.push_str(&user(n, n + 1, &[]));
        }
        let ldif = folder.join("users.ldif");
        fs::write(&ldif, text)?;
        let config = folder.join("slapd.conf");
        let made = Command::new("/usr/sbin/slapadd")
            .args(["-q", "-f"])
            .arg(&config)
            .arg("-l")
            .arg(&ldif)
            .output()
            .context("cannot run slapadd: is the package slapd installed?")?;
        ensure!(made.status.success(), "slapadd: {}", String::from_utf8_lossy(&made.stderr));
        Ok(Self { folder, plain: ports::free()?, tls: ports::free()?, child: None })
    }

    /// Returns when it answers.
    pub fn start(&mut self) -> Result<()> {
        let urls = format!("ldap://{} ldaps://{}", self.plain, self.tls);
        let log = fs::File::create(self.folder.join("log"))?;
        let mut child = Command::new("/usr/sbin/slapd")
            .args(["-d", "0", "-h", &urls, "-f"])
            .arg(self.folder.join("slapd.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut ended = None;
        wait::until("slapd to answer", START_BOUND, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || self.search("(objectClass=domain)", &[]).is_ok_and(|it| it.0 == 0)
        })?;
        ensure!(ended.is_none(), "slapd ended at once: {ended:?}");
        self.child = Some(child);
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// What `ldapsearch` finds as the reader: its exit code and the number of entries.
    pub fn search(&self, filter: &str, more: &[&str]) -> Result<(i32, usize)> {
        let out = Command::new("ldapsearch")
            .args(["-x", "-LLL", "-H", &format!("ldap://{}", self.plain), "-D", READER])
            .args(["-w", READER_PASSWORD, "-b", BASE])
            .args(more)
            .args([filter, "dn"])
            .output()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let entries = text.lines().filter(|it| it.starts_with("dn:")).count();
        Ok((out.status.code().unwrap_or(-1), entries))
    }

    /// Adds, changes and deletes as LDIF says.
    pub fn modify(&self, ldif: &str) -> Result<()> {
        let file = self.folder.join("change.ldif");
        fs::write(&file, ldif)?;
        let out = Command::new("ldapmodify")
            .args(["-x", "-a", "-H", &format!("ldap://{}", self.plain), "-D", ADMIN])
            .args(["-w", ADMIN_PASSWORD, "-f"])
            .arg(&file)
            .output()?;
        ensure!(out.status.success(), "ldapmodify: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill().ok();
        }
    }
}

/// User `n` as LDIF, changed at `usn`, with more attributes.
pub fn user(n: usize, usn: usize, more: &[&str]) -> String {
    let mut text = format!(
        "dn: cn=user{n},{BASE}\nobjectClass: user\ncn: user{n}\nsn: {n}\nobjectGUID: guid-{n:011}\n\
         uSNChanged: {usn}\nmail: user{n}@example.test\nmsExchRecipientTypeDetails: 1\n\
         legacyExchangeDN: /o=Example/ou=Exchange Group (X)/cn=Recipients/cn=user{n}\n\
         proxyAddresses: SMTP:user{n}@example.test\nproxyAddresses: smtp:alias.{n}@example.test\n\
         proxyAddresses: x500:/o=Old/cn=Recipients/cn=u{n}\n"
    );
    for line in more {
        writeln!(text, "{line}").expect("a String takes any text");
    }
    text.push('\n');
    text
}

/// LDIF that deletes a user.
pub fn without(n: usize) -> String {
    format!("dn: cn=user{n},{BASE}\nchangetype: delete\n\n")
}
