//! Policies against a server with a certificate of its own.

use super::*;

fn files(directory: &Path, name: &str) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let at = |suffix: &str| directory.join(format!("{name}.{suffix}"));
    std::fs::write(at("pem"), made.cert.pem()).unwrap();
    std::fs::write(at("key"), made.signing_key.serialize_pem()).unwrap();
    TlsFiles { certificate: at("pem"), key: at("key") }
}

#[test]
fn mistakes_in_files_are_named_with_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let good = files(directory.path(), "gw.example");
    let other = files(directory.path(), "other.example");
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let missing = directory.path().join("missing.pem");
    let verify = |ca: &Path| ClientTls::new(TlsPolicy::Verify, None, Some(ca.to_owned()));
    assert!(verify(&good.certificate).is_ok());
    for (path, word) in [(&empty, "empty.pem"), (&missing, "missing.pem")] {
        assert!(verify(path).unwrap_err().to_string().contains(word));
    }
    let swapped = TlsFiles { certificate: good.certificate.clone(), key: other.key };
    let error = ClientTls::new(TlsPolicy::Require, Some(swapped), None).unwrap_err();
    assert!(error.to_string().contains("gw.example.pem"), "{error}");
}

#[test]
fn a_failed_reload_keeps_the_old_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let good = files(directory.path(), "gw.example");
    let key = good.key.clone();
    let tls = ClientTls::new(TlsPolicy::Require, Some(good), None).unwrap();
    let before = tls.snapshot().unwrap();
    std::fs::write(&key, "half a fi").unwrap();
    assert!(tls.reload().is_err());
    assert!(Arc::ptr_eq(&before, &tls.snapshot().unwrap()));
    files(directory.path(), "gw.example");
    tls.clone().reload().unwrap();
    assert!(!Arc::ptr_eq(&before, &tls.snapshot().unwrap()));
}
