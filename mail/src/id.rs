//! The identifier of an accepted message.

use std::fmt;
use std::str::FromStr;

/// Names one accepted message for as long as anybody remembers it: in the 250, in `Received`,
/// in logs, in the ledger. Ids grow with time, so their order is the order of acceptance.
///
/// Shown as 13 characters of Crockford's base 32, lower case, which a person can read out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpoolId(u64);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl SpoolId {
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0_u8; 13];
        let mut rest = self.0;
        for place in text.iter_mut().rev() {
            *place = ALPHABET[(rest % 32) as usize];
            rest /= 32;
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not 13 characters of base 32.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a message id: want 13 letters and digits, as the 250 reply shows them")]
pub struct ParseIdError;

impl FromStr for SpoolId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != 13 {
            return Err(ParseIdError);
        }
        let mut value = 0_u64;
        for byte in text.bytes() {
            let byte = byte.to_ascii_lowercase();
            let digit = ALPHABET.iter().position(|&it| it == byte).ok_or(ParseIdError)?;
            value = value
                .checked_mul(32)
                .and_then(|it| it.checked_add(digit as u64))
                .ok_or(ParseIdError)?;
        }
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_are_two_views_of_one_id() {
        for value in [0, 1, 31, 32, 1_764_000_000_000_000, u64::MAX] {
            let id = SpoolId::from_u64(value);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert!(SpoolId::from_u64(5).to_string() < SpoolId::from_u64(600).to_string());
        assert_eq!("zzzzzzzzzzzzz".parse::<SpoolId>(), Err(ParseIdError));
    }
}
