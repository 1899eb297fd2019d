//! Whoever knows a line of `DATA_DIR/admin.token` is an administrator: for the first start, and when
//! nothing else opens the door.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use subtle::{Choice, ConstantTimeEq as _};

use crate::secret;

/// The tokens that are valid. Not shown by `Debug`.
#[derive(Clone)]
pub struct Tokens(Vec<String>);

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot {tried} {path}")]
    Io { tried: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{path} has no token of at least {TOKEN_BYTES_MIN} characters: remove it to get a new one"
    )]
    Empty { path: PathBuf },
}

/// Shorter lines are no tokens.
const TOKEN_BYTES_MIN: usize = 16;

impl Tokens {
    /// Reads the file, one token a line, `#` for remarks. Makes it, with one random token of 256
    /// bits and mode 0600, if it is not there. Blocking; called once at the start.
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            Err(source) => return Err(failed("read", path, source)),
        };
        warn_if_others_can_read(path);
        let tokens = Self::parse(&text);
        if tokens.0.is_empty() {
            return Err(TokenError::Empty { path: path.to_owned() });
        }
        Ok(tokens)
    }

    /// One token a line.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let tokens = lines.filter(|it| it.len() >= TOKEN_BYTES_MIN && !it.starts_with('#'));
        Self(tokens.map(str::to_owned).collect())
    }

    /// Takes the same time whichever token it is, and however much of it is right.
    pub fn admit(&self, offered: &str) -> bool {
        let any = self
            .0
            .iter()
            .fold(Choice::from(0), |any, token| any | token.as_bytes().ct_eq(offered.as_bytes()));
        any.into()
    }

    /// Whether the line with this SHA-256, in hexadecimal digits, is still there.
    pub(crate) fn has_hash(&self, hash: &str) -> bool {
        self.0.iter().any(|it| secret::hex(&secret::hash(it.as_bytes())) == hash)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// Writes beside it and renames, so that a crash leaves no empty file.
fn create(path: &Path) -> Result<String, TokenError> {
    let token = random_token();
    let beside = path.with_extension("token.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(token.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.map_err(|source| failed("write", &beside, source))?;
    fs::rename(&beside, path).map_err(|source| failed("rename to", path, source))?;
    tracing::info!(path = %path.display(), "Made an administrator's token.");
    Ok(token)
}

fn random_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn warn_if_others_can_read(path: &Path) {
    let mode = fs::metadata(path).map_or(0o600, |it| it.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777),
            "Others can read the administrator's token: chmod 600 it.");
    }
}

fn failed(tried: &'static str, path: &Path, source: io::Error) -> TokenError {
    TokenError::Io { tried, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_makes_a_private_token_that_the_second_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.token");
        let made = Tokens::open(&path).unwrap();
        let token = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(made.admit(token.trim()));
        assert!(Tokens::open(&path).unwrap().admit(token.trim()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn only_a_whole_token_is_admitted() {
        let tokens = Tokens::parse("# old\n0123456789abcdef\n\nfedcba9876543210\n");
        assert!(tokens.admit("0123456789abcdef"));
        assert!(tokens.admit("fedcba9876543210"));
        for wrong in ["", "# old", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef "] {
            assert!(!tokens.admit(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_without_a_token_is_an_error_and_not_an_open_door() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.token");
        fs::write(&path, "short\n").unwrap();
        assert!(matches!(Tokens::open(&path), Err(TokenError::Empty { .. })));
    }
}
