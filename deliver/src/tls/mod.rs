//! How a next hop's TLS is judged. A policy and its certificates are read once, and again on
//! request; connections only take a snapshot.

mod accept_any;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use config::{TlsFiles, TlsPolicy};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use accept_any::AcceptAny;

/// The TLS policy towards one hop. Clones share their certificates, and a reload reaches all.
#[derive(Clone, Debug)]
pub struct ClientTls {
    policy: TlsPolicy,
    files: Arc<Files>,
    /// `None` only for [`TlsPolicy::None`].
    config: Arc<ArcSwapOption<ClientConfig>>,
}

#[derive(Debug, Default)]
struct Files {
    client_certificate: Option<TlsFiles>,
    ca_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {source}")]
    Pem { path: PathBuf, source: rustls_pki_types::pem::Error },
    #[error("{path}: no certificate in it")]
    Empty { path: PathBuf },
    #[error("the system has no usable root certificates; name a ca_file")]
    NoRoots,
    #[error("{path}: {source}")]
    Certificate { path: PathBuf, source: rustls::Error },
    #[error(transparent)]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl ClientTls {
    /// Reads the files and, to verify without a `ca_file`, the system's roots. Blocks.
    pub fn new(
        policy: TlsPolicy,
        client_certificate: Option<TlsFiles>,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = Arc::new(Files { client_certificate, ca_file });
        let config = Arc::new(ArcSwapOption::from(build(policy, &files)?));
        Ok(Self { policy, files, config })
    }

    /// Never encrypted.
    pub fn none() -> Self {
        Self { policy: TlsPolicy::None, files: Arc::default(), config: Arc::default() }
    }

    /// Encrypted where it is offered, as for the hosts of strangers.
    ///
    /// Source: RFC 7435.
    pub fn opportunistic() -> Result<Self, TlsError> {
        Self::new(TlsPolicy::Opportunistic, None, None)
    }

    /// Reads the files again for new connections. On an error the old certificates stay in use.
    /// Blocks.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.store(build(self.policy, &self.files)?);
        Ok(())
    }

    pub const fn policy(&self) -> TlsPolicy {
        self.policy
    }

    /// The certificates and the policy of this moment; `None` only for [`TlsPolicy::None`].
    pub fn snapshot(&self) -> Option<Arc<ClientConfig>> {
        self.config.load_full()
    }
}

fn build(policy: TlsPolicy, files: &Files) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match policy {
        TlsPolicy::None => return Ok(None),
        TlsPolicy::Opportunistic | TlsPolicy::Require => Arc::new(AcceptAny::new(&provider)),
        TlsPolicy::Verify => verifier(&provider, files.ca_file.as_deref())?,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &files.client_certificate {
        None => builder.with_no_client_auth(),
        Some(it) => {
            let certificates = read_certificates(&it.certificate)?;
            let key = PrivateKeyDer::from_pem_file(&it.key).map_err(pem_error(&it.key))?;
            let path = it.certificate.clone();
            let bad = |source| TlsError::Certificate { path, source };
            builder.with_client_auth_cert(certificates, key).map_err(bad)?
        }
    };
    Ok(Some(Arc::new(config)))
}

fn verifier(
    provider: &Arc<CryptoProvider>,
    ca_file: Option<&Path>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in read_certificates(path)? {
                let bad = |source| TlsError::Certificate { path: path.to_owned(), source };
                roots.add(certificate).map_err(bad)?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let builder = rustls::client::WebPkiServerVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(provider),
    );
    Ok(builder.build()?)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(pem_error(path))?.collect();
    let found = found.map_err(pem_error(path))?;
    if found.is_empty() {
        return Err(TlsError::Empty { path: path.to_owned() });
    }
    Ok(found)
}

fn pem_error(path: &Path) -> impl FnOnce(rustls_pki_types::pem::Error) -> TlsError + use<> {
    let path = path.to_owned();
    |source| TlsError::Pem { path, source }
}
