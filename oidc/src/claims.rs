//! What an ID token has to say before we believe that it is about somebody who is signing in here, now.
//!
//! Source: OpenID Connect Core 1.0 §3.1.3.7.

use std::time::Duration;

use mail::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::{Error, Person, Settings};

/// How far the provider's clock may be from ours.
pub(crate) const SKEW: Duration = Duration::from_secs(60);
/// A token is made for this sign-in; an older one was made for another.
const AGE_MAX: Duration = Duration::from_secs(600);
/// Characters of a name, and of a subject. Core §2 has at most 255 of a subject.
const NAME_CHARACTERS_MAX: usize = 128;
const SUBJECT_CHARACTERS_MAX: usize = 255;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// `payload` is that of a token whose signature was verified.
pub(crate) fn person(
    payload: &[u8],
    settings: &Settings,
    nonce: &str,
    now: Timestamp,
) -> Result<Person, Error> {
    let refuse = |why| Err(Error::Token(why));
    let claims: Claims = match serde_json::from_slice(payload) {
        Ok(it) => it,
        Err(_) => return refuse("it lacks what an ID token has"),
    };
    if claims.iss != settings.issuer {
        return refuse("another issuer made it");
    }
    check_audience(&claims, &settings.client_id)?;
    check_times(&claims, now)?;
    let given = claims.nonce.as_deref().unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(nonce.as_bytes())) {
        return refuse("it was made for another sign-in");
    }
    if claims.sub.is_empty() || claims.sub.chars().count() > SUBJECT_CHARACTERS_MAX {
        return refuse("its subject is empty or too long");
    }
    let name = name(&claims, &settings.name_claim)?;
    let (subject, rules) = (claims.sub.clone(), settings.rules());
    let Some(grant) = settings.grant(&groups(&claims.others, &settings.groups_claim)) else {
        return Err(match is_overflown(&claims.others, &settings.groups_claim) {
            true => Error::TooManyGroups { name, subject },
            false => Error::NoGroup { name, subject },
        });
    };
    Ok(Person { issuer: claims.iss, subject, name, grant: grant.clone(), rules })
}

fn check_audience(claims: &Claims, client_id: &str) -> Result<(), Error> {
    let (is_ours, is_ours_alone) = match &claims.aud {
        Audience::One(it) => (it == client_id, true),
        Audience::Many(all) => (all.iter().any(|it| it == client_id), all.len() == 1),
    };
    if !is_ours {
        return Err(Error::Token("it is for another audience"));
    }
    match &claims.azp {
        Some(it) if it == client_id => Ok(()),
        None if is_ours_alone => Ok(()),
        _ => Err(Error::Token("it was given to another client")),
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), Error> {
    let now = Duration::from_micros(now.as_micros()).as_secs_f64();
    let skew = SKEW.as_secs_f64();
    let is_time = |it: f64| it.is_finite() && it >= 0.0;
    if !is_time(claims.exp) || claims.exp + skew <= now {
        return Err(Error::Token("it has expired"));
    }
    let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
    if !is_time(begins) || begins > now + skew {
        return Err(Error::Token("it is of the future: do the clocks agree?"));
    }
    if claims.iat + AGE_MAX.as_secs_f64() + skew < now {
        return Err(Error::Token("it is too old"));
    }
    Ok(())
}

/// One line that is shown in histories and logs.
fn name(claims: &Claims, claim: &str) -> Result<String, Error> {
    let value = match claim {
        "sub" => Some(claims.sub.as_str()),
        _ => claims.others.get(claim).and_then(Value::as_str),
    };
    let name = value.unwrap_or_default().trim();
    let fits = !name.is_empty()
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && !name.chars().any(is_invisible);
    if !fits {
        return Err(Error::Token("it does not name anybody: see name_claim"));
    }
    // Anybody can say that they have an address.
    if claim == "email" && claims.others.get("email_verified") == Some(&Value::Bool(false)) {
        return Err(Error::Token("its email address is not verified"));
    }
    Ok(name.to_owned())
}

/// What would make one name look like another: controls, and what turns the direction of text.
fn is_invisible(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A list of texts, or one.
fn groups(claims: &Map<String, Value>, claim: &str) -> Vec<String> {
    match claims.get(claim) {
        Some(Value::Array(all)) => {
            all.iter().filter_map(|it| Some(it.as_str()?.to_owned())).collect()
        }
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

/// Entra ID leaves the list out when it is long, and says where it could be asked for; with the implicit
/// flow it says `hasgroups`.
fn is_overflown(claims: &Map<String, Value>, claim: &str) -> bool {
    let elsewhere = claims.get("_claim_names").is_some_and(|it| it.get(claim).is_some());
    elsewhere || (claim == "groups" && claims.get("hasgroups") == Some(&Value::Bool(true)))
}
