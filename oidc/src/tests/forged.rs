//! Tokens, honest ones and others.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::stand_in::StandIn;

/// Keys of the provider, made once: an RSA key takes its time.
pub(super) struct Pairs {
    rsa: RsaKeyPair,
    stranger: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

pub(super) enum Signer {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Signer {
    pub(super) fn kid(&self) -> &'static str {
        match self {
            Self::Rs256 | Self::Ps256 => "rsa",
            Self::Es256 => "ec",
            Self::EdDsa => "ed",
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Pairs {
    pub(super) fn get() -> Arc<Self> {
        static PAIRS: OnceLock<Arc<Pairs>> = OnceLock::new();
        let made = || {
            Arc::new(Self {
                rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
                stranger: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
                ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
                ed: Ed25519KeyPair::generate().unwrap(),
            })
        };
        Arc::clone(PAIRS.get_or_init(made))
    }

    /// As `jwks_uri` gives them, with one that nobody here can use.
    pub(super) fn published(&self) -> Value {
        let (n, e) = components(&self.rsa);
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "oct", "kid": "shared", "k": "AAAA" },
            { "kty": "RSA", "kid": "enc", "use": "enc",
              "n": n,
              "e": e },
            { "kty": "RSA", "kid": "rsa", "use": "sig",
              "n": n,
              "e": e },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "alg": "ES256",
              "x": encode(&point[1..33]), "y": encode(&point[33..]) },
            { "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encode(self.ed.public_key()) },
        ]})
    }

    fn sign(&self, signer: &Signer, text: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match signer {
            Signer::Rs256 => by_rsa(&self.rsa, text),
            Signer::Ps256 => {
                let mut out = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PSS_SHA256, &random, text.as_bytes(), &mut out).unwrap();
                out
            }
            Signer::Es256 => self.ec.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec(),
            Signer::EdDsa => self.ed.sign(text.as_bytes()).as_ref().to_vec(),
        }
    }
}

/// Modulus and exponent out of `RSAPublicKey` of RFC 8017 §A.1.1, of 2048 bits.
fn components(key: &RsaKeyPair) -> (String, String) {
    let der = key.public_key().as_ref();
    assert_eq!(der.len(), 270);
    (encode(&der[9..265]), encode(&der[267..]))
}

fn by_rsa(key: &RsaKeyPair, text: &str) -> Vec<u8> {
    let mut out = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut out).unwrap();
    out
}

fn text(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
    let text = text(header, claims);
    let signature = encode(sign(&text));
    format!("{text}.{signature}")
}

/// An honest token.
pub(super) fn token(signer: &Signer, kid: &str, claims: &Value, it: &StandIn) -> String {
    let header = json!({ "alg": signer.algorithm(), "kid": kid, "typ": "JWT" });
    signed(&header, claims, |text| it.pairs.sign(signer, text))
}

pub(super) fn unsigned(claims: &Value, algorithm: &str) -> String {
    signed(&json!({ "alg": algorithm, "kid": "rsa" }), claims, |_| Vec::new())
}

/// The classic: a library that lets the token choose takes the public key for the shared secret.
pub(super) fn hmac_with_the_public_key(claims: Value, it: &StandIn) -> String {
    let public = it.pairs.rsa.public_key().as_der().unwrap().as_ref().to_vec();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &public);
    let header = json!({ "alg": "HS256", "kid": "rsa" });
    signed(&header, &claims, |text| hmac::sign(&key, text.as_bytes()).as_ref().to_vec())
}

/// Other claims under the signature of honest ones.
pub(super) fn tampered(claims: &Value, it: &StandIn) -> String {
    let honest = token(&Signer::Rs256, "rsa", claims, it);
    let signature = honest.rsplit('.').next().unwrap();
    let mut claims = claims.clone();
    claims["groups"] = json!(["mail-operators", "mail-administrators"]);
    format!("{}.{signature}", text(&json!({ "alg": "RS256", "kid": "rsa" }), &claims))
}

pub(super) fn by_a_stranger(claims: &Value, it: &StandIn, kid: &str) -> String {
    let header = json!({ "alg": "RS256", "kid": kid });
    signed(&header, claims, |text| by_rsa(&it.pairs.stranger, text))
}

pub(super) fn with_crit(claims: &Value, it: &StandIn) -> String {
    let header = json!({ "alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false });
    signed(&header, claims, |text| by_rsa(&it.pairs.rsa, text))
}
