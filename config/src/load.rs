//! From a text, or a file on disk, to a [`Config`].

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::mistakes::{Mistakes, Notes};
use crate::reader::Reader;
use crate::sections;
use crate::types::{Config, TlsFiles};

/// Nobody writes more than this by hand.
const FILE_BYTES_MAX: u64 = 4 << 20;

impl Config {
    /// Reads `text`, of which `origin` is the name in messages; relative paths in it start at the
    /// folder of `origin`. All mistakes come at once, except that a file which is no TOML is not
    /// looked into further. Opens no files.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Mistakes> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut notes = Notes::default();
        for error in errors {
            let offset = error.span().map_or(0, |it| it.start);
            notes.add(offset, "", one_line(error.message()));
        }
        if !notes.is_empty() {
            return Err(notes.into_mistakes(text, origin));
        }
        let base = Path::new(origin).parent().unwrap_or_else(|| Path::new(""));
        let mut reader = Reader::new(base);
        let mut config = sections::read(root.get_ref(), &mut reader);
        if reader.notes.is_empty() {
            config.warnings = reader.warnings.into_mistakes(text, origin);
            Ok(config)
        } else {
            Err(reader.notes.into_mistakes(text, origin))
        }
    }

    /// Like [`Config::parse`] for what may not even be text.
    pub fn parse_bytes(bytes: &[u8], origin: &str) -> Result<Self, Mistakes> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text.strip_prefix('\u{feff}').unwrap_or(text), origin),
            Err(why) => {
                let mut notes = Notes::default();
                notes.add(why.valid_up_to(), "", "not UTF-8: save the file in that encoding");
                Err(notes.into_mistakes(&String::from_utf8_lossy(bytes), origin))
            }
        }
    }

    /// Reads the file and checks as well that the files it names can be read and that nobody else
    /// can change the secret ones. A private key that everyone can read is a
    /// [warning](Config::warnings), not a mistake: the mail still flows. Why: docs/adr/0201.
    pub fn load(path: &Path) -> Result<Self, Mistakes> {
        let origin = path.display().to_string();
        let bytes = read_bounded(path).map_err(|message| {
            let mut notes = Notes::default();
            notes.add(0, "", message);
            notes.into_mistakes("", &origin)
        })?;
        let mut config = Self::parse_bytes(&bytes, &origin)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut findings = Findings::default();
        check_files(&config, &mut findings);
        if findings.mistakes.is_empty() {
            config.warnings.join(findings.warnings.into_mistakes(&text, &origin));
            return Ok(config);
        }
        Err(findings.mistakes.into_mistakes(&text, &origin))
    }

    /// What is unwise but works; printed by `causeway check` and logged at the start. Often empty.
    pub const fn warnings(&self) -> &Mistakes {
        &self.warnings
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|why| format!("cannot read this file: {why}"))?;
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|why| format!("cannot read this file: {why}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err("larger than 4 MiB: is this the right file?".to_owned());
    }
    Ok(bytes)
}

/// What a named file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Public,
    Secret,
    /// The gateway makes it when it is not there.
    Made,
}

#[derive(Default)]
struct Findings {
    mistakes: Notes,
    warnings: Notes,
}

fn check_files(config: &Config, findings: &mut Findings) {
    for (key, file, secrecy) in named_files(config) {
        let offset = config.settings.iter().find(|it| it.key == key).map_or(0, |it| it.offset);
        match check_file(file, secrecy) {
            Ok(None) => (),
            Ok(Some(warning)) => findings.warnings.add(offset, &key, warning),
            Err(message) => findings.mistakes.add(offset, &key, message),
        }
    }
}

fn named_files(config: &Config) -> Vec<(String, &PathBuf, Secrecy)> {
    let mut files: Vec<(String, &PathBuf, Secrecy)> = Vec::new();
    for listener in &config.listeners {
        let path = format!("listener[{}]", listener.name);
        add_pair(&mut files, &path, ["tls_certificate", "tls_key"], listener.tls.as_ref());
        let client_ca = listener.client_ca.iter();
        files.extend(client_ca.map(|it| (format!("{path}.client_ca"), it, Secrecy::Public)));
    }
    for site in &config.sites {
        let path = format!("site.{}", site.name);
        let names = ["client_certificate", "client_key"];
        add_pair(&mut files, &path, names, site.client_certificate.as_ref());
        let ca_file = site.ca_file.iter();
        files.extend(ca_file.map(|it| (format!("{path}.ca_file"), it, Secrecy::Public)));
    }
    let token = config.admin.token_file.iter();
    files.extend(token.map(|it| ("admin.token_file".to_owned(), it, Secrecy::Made)));
    files
}

fn add_pair<'a>(
    files: &mut Vec<(String, &'a PathBuf, Secrecy)>,
    path: &str,
    [certificate, key]: [&str; 2],
    pair: Option<&'a TlsFiles>,
) {
    if let Some(pair) = pair {
        files.push((format!("{path}.{certificate}"), &pair.certificate, Secrecy::Public));
        files.push((format!("{path}.{key}"), &pair.key, Secrecy::Secret));
    }
}

/// `Ok(Some)` is a warning.
fn check_file(path: &Path, secrecy: Secrecy) -> Result<Option<String>, String> {
    let shown = path.display();
    let cannot = |why: std::io::Error| format!("cannot read {shown}: {why}");
    let mut file = match File::open(path) {
        Err(why) if why.kind() == ErrorKind::NotFound && secrecy == Secrecy::Made => {
            return Ok(None);
        }
        opened => opened.map_err(cannot)?,
    };
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    file.read(&mut [0]).map_err(cannot)?;
    let mode = metadata.permissions().mode();
    Ok(match secrecy {
        Secrecy::Public => None,
        Secrecy::Secret | Secrecy::Made if mode & 0o002 != 0 => {
            return Err(format!("everyone can change {shown}: run chmod o-rwx {shown}"));
        }
        Secrecy::Secret | Secrecy::Made if mode & 0o004 != 0 => {
            Some(format!("everyone can read {shown}: run chmod o-rwx {shown}"))
        }
        Secrecy::Secret | Secrecy::Made => None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TEXT: &str = include_str!("../samples/behind-a-proxy.toml");

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn named_files_must_be_there_and_keys_must_be_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("causeway.toml");
        write(&file, TEXT, 0o644);
        write(&dir.path().join("mx.pem"), "", 0o644);
        write(&dir.path().join("mx.key"), "", 0o666);

        let mistakes = Config::load(&file).unwrap_err();
        let keys: Vec<&str> = mistakes.list.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["listener[mx].tls_key", "site.on_prem.ca_file"], "{mistakes}");
        assert_eq!(mistakes.list[0].line, 12);

        write(&dir.path().join("mx.key"), "", 0o644);
        write(&dir.path().join("contoso-ca.pem"), "", 0o644);
        let config = Config::load(&file).unwrap();
        let warning = config.warnings().to_string();
        assert!(warning.contains("listener[mx].tls_key: everyone can read"), "{warning}");
        assert_eq!(config.server.data_dir, dir.path().join("data"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_mistake_like_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let mistakes = Config::load(&dir.path().join("none.toml")).unwrap_err();
        assert!(
            mistakes.to_string().contains("none.toml:1:1: cannot read this file"),
            "{mistakes}"
        );
    }
}
