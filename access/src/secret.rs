//! Random secrets, and what is kept of them.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// Letters that say what a leaked text is, for those who search for such.
const TOKEN_PREFIX: &str = "causeway_";

pub(crate) fn hash(text: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text).as_ref());
    hash
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 256 random bits in hexadecimal digits.
pub(crate) fn random() -> String {
    hex(&rand::random::<[u8; 32]>())
}

/// What operators call a token or a session by: 48 random bits.
pub(crate) fn id() -> String {
    hex(&rand::random::<[u8; 6]>())
}

/// `causeway_ID_SECRET`.
pub(crate) fn token(id: &str) -> String {
    format!("{TOKEN_PREFIX}{id}_{}", random())
}

/// Ten recovery codes of 50 bits, `xxxxx-xxxxx`.
pub(crate) fn recovery_codes() -> Vec<String> {
    // RFC 4648 §6 without letters that look like digits.
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte & 31)]);
    let code = || {
        let bytes: [u8; 10] = rand::random();
        let text: String = bytes.iter().map(|it| letter(*it)).collect();
        format!("{}-{}", &text[..5], &text[5..])
    };
    (0..10).map(|_| code()).collect()
}

/// As they are compared: without blanks and dashes, in lower case.
pub(crate) fn recovery_hash(code: &str) -> Hash {
    let plain: String =
        code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    hash(plain.as_bytes())
}
