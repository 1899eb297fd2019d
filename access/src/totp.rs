//! Time-based one-time passwords: RFC 6238 with SHA-1, six digits, thirty seconds, as every
//! authenticator understands.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use mail::Timestamp;
use subtle::ConstantTimeEq as _;

const STEP_SECONDS: u64 = 30;
/// Steps before and after now that count: clocks differ. RFC 6238 §5.2.
const SKEW_STEPS: u64 = 1;
/// RFC 4226 §4 R6 recommends 160 bits.
pub(crate) type Secret = [u8; 20];

pub(crate) fn new_secret() -> Secret {
    rand::random()
}

/// The step of `code` if it is right at `now` and later than `last`, which was used already.
pub(crate) fn accept(secret: &[u8], code: &str, now: Timestamp, last: u64) -> Option<u64> {
    let code: String = code.chars().filter(|it| !it.is_whitespace()).collect();
    let present = now.as_secs() / STEP_SECONDS;
    let steps = present.saturating_sub(SKEW_STEPS)..=present + SKEW_STEPS;
    // All of them, so that the time taken says nothing.
    let right = |step: &u64| bool::from(digits(secret, *step).as_bytes().ct_eq(code.as_bytes()));
    let found: Vec<u64> = steps.filter(right).collect();
    found.into_iter().find(|step| *step > last)
}

/// RFC 4226 §5.3.
pub(crate) fn digits(secret: &[u8], step: u64) -> String {
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0xf);
    let four = tag.iter().skip(offset).take(4);
    let number = four.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// What authenticators scan.
pub(crate) fn uri(issuer: &str, name: &str, secret: &[u8]) -> String {
    let (issuer, name) = (api::path::segment(issuer), api::path::segment(name));
    format!("otpauth://totp/{issuer}:{name}?secret={}&issuer={issuer}", base32(secret))
}

/// RFC 4648 §6, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut group = [0; 8];
        group[3..3 + chunk.len()].copy_from_slice(chunk);
        let number = u64::from_be_bytes(group);
        let n_letters = (chunk.len() * 8).div_ceil(5);
        for place in 0..n_letters {
            let index = (number >> (35 - 5 * place)) & 31;
            text.push(char::from(LETTERS[usize::try_from(index).unwrap_or(0)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// RFC 6238 appendix B, the last six digits.
    #[test]
    fn the_vectors_of_the_standard() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(accept(SECRET, code, at(seconds), 0), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_once_and_for_its_time() {
        assert_eq!(accept(SECRET, "287 082", at(59 + 30), 0), Some(1), "a step late");
        assert_eq!(accept(SECRET, "287082", at(59 + 60), 0), None, "two steps late");
        assert_eq!(accept(SECRET, "287082", at(59), 1), None, "again");
        assert_eq!(accept(SECRET, "287083", at(59), 0), None);
        assert_eq!(accept(SECRET, "", at(59), 0), None);
    }

    /// RFC 4648 §10.
    #[test]
    fn base_32_as_in_the_standard() {
        for (plain, text) in
            [("", ""), ("f", "MY"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(plain.as_bytes()), text);
        }
        assert_eq!(
            uri("gw x", "maria", b"fooba"),
            "otpauth://totp/gw%20x:maria?secret=MZXW6YTB&issuer=gw%20x"
        );
    }
}
