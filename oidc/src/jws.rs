//! Signatures of ID tokens: RFC 7515 in its compact form, RFC 7517 for the keys, RFC 7518 and 8037 for
//! the algorithms.
//!
//! An algorithm is on the list or the token is refused: `none` and what is keyed by a shared secret are
//! not. A key says what it is for: an RSA key is never used as the secret of an HMAC, nor one algorithm's
//! key with another's.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Bytes of a token; those with groups are a few thousand.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Keys of a provider that are kept.
const KEYS_MAX: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood; we understand none. RFC 7515 §4.1.11.
    crit: Option<serde_json::Value>,
}

/// One key of a provider, as it publishes it.
#[derive(Clone, Debug, Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct RawKeys {
    keys: Vec<serde_json::Value>,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Key {
    kid: Option<String>,
    /// If the provider says that the key is for one only.
    only: Option<String>,
    material: Material,
}

/// The keys that verify signatures. Those of other kinds are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(Vec<Key>);

/// What the signature says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Perhaps the provider has new keys.
    UnknownKey,
    Invalid(&'static str),
}

impl Keys {
    /// `None` if it is no list of keys, or has none that we can use.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let raw: RawKeys = serde_json::from_slice(json).ok()?;
        let keys: Vec<Key> = raw
            .keys
            .into_iter()
            .take(KEYS_MAX)
            .filter_map(|it| key(serde_json::from_value(it).ok()?))
            .collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The payload of `token`, whose signature one of the keys made.
    pub(crate) fn open(&self, token: &str) -> Result<Vec<u8>, Refused> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refused::Invalid("it is too long"));
        }
        let malformed = || Refused::Invalid("it is malformed");
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
        let Some(algorithm) = Algorithm::named(&header.alg) else {
            return Err(Refused::Invalid("its algorithm is not RS256, PS256, ES256 or EdDSA"));
        };
        if header.crit.is_some() {
            return Err(Refused::Invalid("it has extensions that we do not know"));
        }
        let key = self.find(&header, algorithm)?;
        if !key.material.verifies(algorithm, signed, &decode(signature)?) {
            return Err(Refused::Invalid("its signature is wrong"));
        }
        decode(payload)
    }

    /// By its id; without one there has to be one key only that could be meant.
    fn find(&self, header: &Header, algorithm: Algorithm) -> Result<&Key, Refused> {
        let mut fitting = self.0.iter().filter(|key| {
            key.material.is_for(algorithm)
                && key.only.as_ref().is_none_or(|it| *it == header.alg)
                && (header.kid.is_none() || key.kid == header.kid)
        });
        let first = fitting.next().ok_or(Refused::UnknownKey)?;
        if header.kid.is_none() && fitting.next().is_some() {
            return Err(Refused::Invalid("it does not say which key signed it"));
        }
        Ok(first)
    }
}

fn key(raw: RawKey) -> Option<Key> {
    if raw.purpose.as_deref().is_some_and(|it| it != "sig") {
        return None;
    }
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
    let exactly_32 = |text| bytes(text).filter(|it| it.len() == 32);
    let material = match (raw.kty.as_str(), raw.crv.as_deref()) {
        ("RSA", None) => Material::Rsa { n: bytes(&raw.n)?, e: bytes(&raw.e)? },
        ("EC", Some("P-256")) => {
            Material::P256([vec![4], exactly_32(&raw.x)?, exactly_32(&raw.y)?].concat())
        }
        ("OKP", Some("Ed25519")) => Material::Ed25519(exactly_32(&raw.x)?),
        _ => return None,
    };
    Some(Key { kid: raw.kid, only: raw.alg, material })
}

impl Material {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Self::P256(_) => algorithm == Algorithm::Es256,
            Self::Ed25519(_) => algorithm == Algorithm::EdDsa,
        }
    }

    /// Below 2048 bits an RSA key verifies nothing.
    fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                let with = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                key.verify(with, signed, signature).is_ok()
            }
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(signed, signature)
                .is_ok(),
            Self::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(signed, signature).is_ok()
            }
        }
    }
}
