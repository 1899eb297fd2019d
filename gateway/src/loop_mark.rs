//! The mark that our installation leaves on every message, and how often it is found again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::{hmac, rand};
use mail::SpoolId;
use smtp::server::head::LOOP_FIELD;

/// A message that has passed through us so often is in a loop. Honest mail passes two or three
/// times: in from outside, then between the sites when a mailbox forwards.
const PASSES_MAX: usize = 5;

const KEY_BYTES: usize = 32;
/// Octets of the authentication code that are kept: enough against guessing.
const MAC_BYTES: usize = 16;

/// Marks messages under a key that nobody else has, so that a stranger can neither make our mail
/// look looped nor be taken for us.
pub(crate) struct LoopMark {
    key: hmac::Key,
}

impl LoopMark {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// Reads the key of the installation, or makes one at the first start.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join("loop.key");
        let mut key = [0; KEY_BYTES];
        match File::open(&path) {
            Ok(mut file) => file.read_exact(&mut key)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                rand::fill(&mut key).map_err(|_| io::Error::other("no randomness"))?;
                let options = OpenOptions::new().write(true).create_new(true).mode(0o600).clone();
                let mut file = options.open(&path)?;
                file.write_all(&key)?;
                file.sync_all()?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self::new(&key))
    }

    /// Appends the field for a message of ours.
    pub(crate) fn write_to(&self, id: SpoolId, out: &mut Vec<u8>) {
        for part in [LOOP_FIELD, ": ", &self.token(id), "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// Whether these tokens of a header say that the message is in a loop.
    pub(crate) fn is_loop(&self, tokens: &[Box<str>]) -> bool {
        tokens.iter().filter(|it| self.is_ours(it)).count() >= PASSES_MAX
    }

    fn token(&self, id: SpoolId) -> String {
        let id = id.to_string();
        let mac = hmac::sign(&self.key, id.as_bytes());
        let nibbles = mac.as_ref().iter().take(MAC_BYTES).flat_map(|it| [it >> 4, it & 15]);
        let digits = nibbles.filter_map(|it| char::from_digit(it.into(), 16));
        id.chars().chain(['.']).chain(digits).collect()
    }

    fn is_ours(&self, token: &str) -> bool {
        let id = token.split_once('.').and_then(|(id, _)| id.parse().ok());
        id.is_some_and(|id| self.token(id) == token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(mark: &LoopMark, n: u64) -> Vec<Box<str>> {
        (0..n).map(|it| mark.token(SpoolId::from_u64(it)).into()).collect()
    }

    #[test]
    fn only_our_own_marks_count() {
        let (ours, theirs) = (LoopMark::new(&[1; 32]), LoopMark::new(&[2; 32]));
        assert!(!ours.is_loop(&tokens(&ours, 4)));
        assert!(ours.is_loop(&tokens(&ours, 5)));
        assert!(!ours.is_loop(&tokens(&theirs, 50)));
        assert!(!ours.is_loop(&["".into(), ".".into(), "0000000000001.00".into()]));
    }

    #[test]
    fn the_key_outlives_the_process_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = LoopMark::open(dir.path()).unwrap();
        let second = LoopMark::open(dir.path()).unwrap();
        let id = SpoolId::from_u64(7);
        assert_eq!(first.token(id), second.token(id));
        let mode = std::os::unix::fs::MetadataExt::mode(
            &std::fs::metadata(dir.path().join("loop.key")).unwrap(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_field_is_one_line() {
        let mut out = Vec::new();
        LoopMark::new(&[1; 32]).write_to(SpoolId::from_u64(7), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("X-Causeway-Loop: 0000000000007.") && text.ends_with("\r\n"));
        assert_eq!(text.len(), "X-Causeway-Loop: ".len() + 13 + 1 + 32 + 2);
    }
}
