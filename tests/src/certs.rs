//! A certificate authority for one test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Result, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The name in every server certificate, besides 127.0.0.1.
pub const NAME: &str = "localhost";

/// An authority and one certificate that it signed, for all servers of a test.
///
/// RSA, because OpenSMTPD 6.8 fails the handshake with an elliptic key.
pub struct Certs {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certs {
    /// Makes the files in `folder`.
    pub fn new(folder: &Path) -> Result<Self> {
        let path = |name: &str| folder.join(name);
        let (authority, authority_key) = (path("ca.pem"), path("ca.key"));
        let (certificate, key, request) =
            (path("server.pem"), path("server.key"), path("server.csr"));
        let new = ["req", "-newkey", "rsa:2048", "-nodes", "-days", "30"];
        openssl(
            &[&new[..], &["-x509", "-subj", "/CN=e2e authority"]].concat(),
            &[("-keyout", &authority_key), ("-out", &authority)],
        )?;
        openssl(
            &[&new[..4], &["-subj", "/CN=localhost"]].concat(),
            &[("-keyout", &key), ("-out", &request)],
        )?;
        let names = path("names");
        fs::write(&names, format!("subjectAltName=DNS:{NAME},IP:127.0.0.1\n"))?;
        openssl(
            &["x509", "-req", "-CAcreateserial", "-days", "30"],
            &[
                ("-in", &request),
                ("-CA", &authority),
                ("-CAkey", &authority_key),
                ("-extfile", &names),
                ("-out", &certificate),
            ],
        )?;
        // Exim reads it after it dropped privileges; OpenSMTPD insists on 0600.
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        Ok(Self { authority, certificate, key })
    }

    /// A copy of the key that every account may read.
    pub fn readable_key(&self) -> Result<PathBuf> {
        let copy = self.key.with_extension("readable");
        fs::copy(&self.key, &copy)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o644))?;
        Ok(copy)
    }

    /// For a client that trusts this authority alone.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.authority)?)?;
        Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    }
}

fn openssl(words: &[&str], files: &[(&str, &PathBuf)]) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(words);
    for (flag, path) in files {
        command.arg(flag).arg(path);
    }
    let out = command.output()?;
    ensure!(out.status.success(), "openssl: {}", String::from_utf8_lossy(&out.stderr));
    Ok(())
}
