//! Whom we believe.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject as _};
use tokio_rustls::TlsConnector;

/// Why there is nobody to believe.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("{path}: {source}")]
    Pem { path: PathBuf, source: pem::Error },
    #[error("{path}: {source}")]
    Certificate { path: PathBuf, source: rustls::Error },
    #[error("no usable root certificates; name a ca_file")]
    None,
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// With the roots of `ca_file`, or the system's. Blocking.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, RootsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let failed = |source| RootsError::Pem { path: path.to_owned(), source };
            for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
                roots
                    .add(certificate.map_err(failed)?)
                    .map_err(|source| RootsError::Certificate { path: path.to_owned(), source })?;
            }
            if roots.is_empty() {
                return Err(RootsError::None);
            }
        }
        // Without any, only loopback in clear can be reached: the handshake will say so.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
