//! TLS of a listener: certificates that change without a restart, and who a client proves to be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use config::TlsFiles;
use mail::TlsInfo;
use parking_lot::Mutex;
use rustls::crypto::aws_lc_rs as provider;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not PEM, or has nothing in it that is wanted: {detail}")]
    Pem { path: PathBuf, detail: String },
    #[error("{path}: {source}")]
    Unusable { path: PathBuf, source: rustls::Error },
    #[error("{path}: no certificate in it can verify clients: {detail}")]
    ClientCa { path: PathBuf, detail: String },
    #[error("no ticket keys")]
    Tickets(#[source] rustls::Error),
}

/// The server side of TLS for one listener. Cheap to use, swapped whole when the files change.
pub(crate) struct Tls {
    files: TlsFiles,
    certificate: Arc<Swapped>,
    acceptor: TlsAcceptor,
    /// Of the pair in use.
    stamps: Mutex<Option<Stamps>>,
}

/// When certificate and key were modified. Both: whoever copies a pair in may well bring an older
/// file with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamps([SystemTime; 2]);

/// A pair that was read and is good, and not yet in use.
pub(crate) struct Fresh {
    pair: Arc<CertifiedKey>,
    stamps: Option<Stamps>,
}

/// Hands out the certificate of this moment.
#[derive(Debug)]
struct Swapped(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Swapped {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads certificate and key; with `client_ca`, clients are asked for a certificate, which
    /// they need not give.
    pub(crate) fn open(files: &TlsFiles, client_ca: Option<&Path>) -> Result<Self, TlsError> {
        let stamps = Stamps::of(files);
        let certificate = Arc::new(Swapped(ArcSwap::new(read_pair(files)?)));
        let builder = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Unusable { path: files.certificate.clone(), source })?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(read_roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(
                    roots,
                    Arc::new(provider::default_provider()),
                );
                let verifier = verifier.allow_unauthenticated().build().map_err(|error| {
                    TlsError::ClientCa { path: path.into(), detail: error.to_string() }
                })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let resolver = Arc::clone(&certificate);
        let mut config = builder.with_cert_resolver(resolver);
        config.ticketer = provider::Ticketer::new().map_err(TlsError::Tickets)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { files: files.clone(), certificate, acceptor, stamps: Mutex::new(stamps) })
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads the files again if one of them is another than that in use, or at any rate when
    /// `force`d. A pair that does not fit or cannot be read is an error, each time anew.
    pub(crate) fn look(&self, force: bool) -> Result<Option<Fresh>, TlsError> {
        // Before the files are read: a change meanwhile is found at the next look.
        let stamps = Stamps::of(&self.files);
        if !force && (stamps.is_none() || stamps == *self.stamps.lock()) {
            return Ok(None);
        }
        Ok(Some(Fresh { pair: read_pair(&self.files)?, stamps }))
    }

    /// Takes a pair into use, for the next handshake.
    pub(crate) fn take(&self, fresh: Fresh) {
        self.certificate.0.store(fresh.pair);
        *self.stamps.lock() = fresh.stamps;
    }

    pub(crate) fn files(&self) -> &TlsFiles {
        &self.files
    }
}

impl Stamps {
    /// `None` while one of the files cannot be seen.
    fn of(files: &TlsFiles) -> Option<Self> {
        let modified = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
        Some(Self([modified(&files.certificate)?, modified(&files.key)?]))
    }
}

fn read_pair(files: &TlsFiles) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = read_certificates(&files.certificate)?;
    let path = &files.key;
    let pem = fs::read(path).map_err(|source| TlsError::Read { path: path.clone(), source })?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| TlsError::Pem { path: path.clone(), detail: error.to_string() })?;
    let pair = CertifiedKey::from_der(chain, key, &provider::default_provider())
        .map_err(|source| TlsError::Unusable { path: path.clone(), source })?;
    Ok(Arc::new(pair))
}

/// What is wrong with a certificate and its key, in words.
pub(crate) fn check_pair(files: &TlsFiles) -> Result<(), String> {
    read_pair(files).map(drop).map_err(|error| crate::receive::chain(&error))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = fs::read(path).map_err(|source| TlsError::Read { path: path.into(), source })?;
    let bad = |detail: String| TlsError::Pem { path: path.into(), detail };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(error.to_string()))?;
    if chain.is_empty() { Err(bad("no certificate".into())) } else { Ok(chain) }
}

/// When the certificate in a file expires; `None` if it cannot be read, which is in the log already.
pub(crate) fn expires(files: &TlsFiles) -> Option<mail::Timestamp> {
    let chain = read_certificates(&files.certificate).ok()?;
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
    Some(mail::Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Unusable { path: path.into(), source })?;
    }
    Ok(roots)
}

/// What to write down about a finished handshake.
pub(crate) fn info(connection: &ServerConnection) -> TlsInfo {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let suite = connection.negotiated_cipher_suite().map(|it| format!("{:?}", it.suite()));
    // rustls writes TLS13_AES_…, the registry TLS_AES_….
    let cipher = suite.unwrap_or_default().replacen("TLS13_", "TLS_", 1);
    TlsInfo { version: version.into(), cipher: cipher.into() }
}

/// The DNS names of the certificate that the client gave, which was verified. Lower case.
pub(crate) fn client_names(connection: &ServerConnection) -> Vec<String> {
    let chain = connection.peer_certificates().unwrap_or_default();
    chain.first().map_or_else(Vec::new, |it| dns_names(it))
}

fn dns_names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|it| match it {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a self-signed pair for `name`.
    fn pair(dir: &Path, name: &str) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let files = TlsFiles { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    fn names(tls: &Tls) -> Vec<String> {
        dns_names(&tls.certificate.0.load().cert[0])
    }

    fn reload(tls: &Tls, force: bool) -> Result<bool, TlsError> {
        let fresh = tls.look(force)?;
        let is_new = fresh.is_some();
        fresh.into_iter().for_each(|it| tls.take(it));
        Ok(is_new)
    }

    #[test]
    fn a_new_certificate_is_used_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let tls = Tls::open(&pair(dir.path(), "Old.example"), None).unwrap();
        assert_eq!(names(&tls), ["old.example"]);
        assert!(!reload(&tls, false).unwrap());

        pair(dir.path(), "new.example");
        assert!(reload(&tls, true).unwrap());
        assert_eq!(names(&tls), ["new.example"]);

        fs::write(&tls.files.key, "half written").unwrap();
        assert!(matches!(reload(&tls, true), Err(TlsError::Pem { .. })));
        assert_eq!(names(&tls), ["new.example"]);

        let other = tempfile::tempdir().unwrap();
        let other = pair(other.path(), "other.example");
        fs::copy(other.key, &tls.files.key).unwrap();
        assert!(matches!(reload(&tls, true), Err(TlsError::Unusable { .. })));
        assert_eq!(names(&tls), ["new.example"]);
    }

    fn modify(path: &Path, second: u64) {
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
        fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn a_renewal_is_noticed_file_by_file_and_whatever_its_dates() {
        let dir = tempfile::tempdir().unwrap();
        let files = pair(dir.path(), "old.example");
        let stamp = |certificate, key| {
            modify(&files.certificate, certificate);
            modify(&files.key, key);
        };
        stamp(100, 200);
        let tls = Tls::open(&files, None).unwrap();
        // The certificate comes first, and is older than the key in use.
        let next = tempfile::tempdir().unwrap();
        let next = pair(next.path(), "new.example");
        fs::copy(&next.certificate, &files.certificate).unwrap();
        stamp(150, 200);
        assert!(reload(&tls, false).is_err());
        assert_eq!(names(&tls), ["old.example"]);
        // Its key is copied with the date of the old one.
        fs::copy(&next.key, &files.key).unwrap();
        stamp(150, 200);
        assert!(reload(&tls, false).unwrap());
        assert_eq!(names(&tls), ["new.example"]);
        assert!(!reload(&tls, false).unwrap());
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let files = pair(dir.path(), "a.example");
        fs::write(&files.certificate, "").unwrap();
        let error = Tls::open(&files, None).err().unwrap();
        assert!(error.to_string().contains("cert.pem"), "{error}");
        fs::remove_file(&files.certificate).unwrap();
        assert!(matches!(Tls::open(&files, None), Err(TlsError::Read { .. })));
    }
}
