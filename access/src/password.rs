//! Passwords: what is accepted, and what is kept of them.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::AccessError;

/// NIST SP 800-63B §5.1.1.2 wants 8 at least and no rules of composition; administrators can do 12.
const CHARACTERS_MIN: usize = 12;
const BYTES_MAX: usize = 1024;

/// Long enough, and in every list of what is tried first.
const COMMON: &[&str] = &[
    "passwordpassword",
    "password1234",
    "password12345",
    "password123456",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "123456789012",
    "1234567890123",
    "1q2w3e4r5t6y",
    "iloveyou1234",
    "administrator",
    "administrator1",
    "changemechangeme",
    "letmeinletmein",
    "welcome12345",
    "causewaycauseway",
];

/// Cost of a hash. RFC 9106 §4; the defaults are the least that OWASP recommends.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

pub(crate) fn check(password: &str, name: &str) -> Result<(), AccessError> {
    let invalid = |message: String| Err(AccessError::invalid("password", message));
    if password.chars().count() < CHARACTERS_MIN {
        return invalid(format!("want {CHARACTERS_MIN} characters or more"));
    }
    if password.len() > BYTES_MAX {
        return invalid(format!("want at most {BYTES_MAX} bytes"));
    }
    let lower = password.to_lowercase();
    let all_same = lower.chars().all(|it| lower.starts_with(it));
    if COMMON.contains(&lower.as_str()) || all_same {
        return invalid("this one is tried first: choose another".to_owned());
    }
    if name.len() >= 4
        && lower.replace(&name.to_lowercase(), "").chars().count() < CHARACTERS_MIN / 2
    {
        return invalid("it is little more than the name".to_owned());
    }
    Ok(())
}

/// As a PHC string. Takes `cost` of memory and time.
pub(crate) fn hash(password: &str, cost: Cost) -> Result<String, AccessError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None);
    let params = params.map_err(|_| AccessError::Hash)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt: [u8; 16] = rand::random();
    let hash = argon2.hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|it| it.to_string()).map_err(|_| AccessError::Hash)
}

/// By the cost that the hash names.
pub(crate) fn verify(password: &str, hash: &str) -> bool {
    password.len() <= BYTES_MAX
        && Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    #[test]
    fn a_hash_is_salted_and_opens_for_its_password_only() {
        let (one, two) =
            (hash("correct horse", CHEAP).unwrap(), hash("correct horse", CHEAP).unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{one}");
        assert!(verify("correct horse", &one) && !verify("correct horsf", &one));
        assert!(!verify("correct horse", "rubbish"));
    }

    #[test]
    fn weak_ones_are_refused_with_a_reason() {
        for (weak, word) in [
            ("short", "12 characters"),
            ("Password12345", "tried first"),
            ("aaaaaaaaaaaaaa", "tried first"),
            ("maria.keller12", "the name"),
        ] {
            let error = check(weak, "maria.keller").unwrap_err().to_string();
            assert!(error.contains(word), "{weak}: {error}");
        }
        assert!(check("türme über köln", "maria").is_ok());
        assert!(check(&"x1".repeat(513), "maria").is_err());
    }
}
