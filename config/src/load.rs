//! From a text, or a file on disk, to a [`Config`].

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::mistakes::{Mistakes, Notes, line_of};
use crate::reader::Reader;
use crate::sections;
use crate::types::{Config, DirectoryKind, TlsFiles};

/// Nobody writes more than this by hand.
const FILE_BYTES_MAX: u64 = 4 << 20;

impl Config {
    /// Reads `text`, of which `origin` is the name in messages; relative paths in it start at the
    /// folder of `origin`. All mistakes come at once, except that a file which is no TOML is not
    /// looked into further. Opens no files.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Mistakes> {
        Draft::read(text, origin).finish(text, origin)
    }

    /// Like [`Config::parse`] for what may not even be text.
    pub fn parse_bytes(bytes: &[u8], origin: &str) -> Result<Self, Mistakes> {
        let text = text_of(bytes, origin)?;
        Self::parse(text, origin)
    }

    /// Reads the file and checks as well that the files it names can be read, hold what they are
    /// for, and that nobody else can change the secret ones. A private key that everyone can read
    /// is a [warning](Config::warnings), not a mistake: the mail still flows. Why: docs/adr/0201.
    ///
    /// `check_pair` says what is wrong with a certificate and its key, which takes more of TLS
    /// than is known here.
    pub fn load(
        path: &Path,
        check_pair: impl Fn(&TlsFiles) -> Result<(), String>,
    ) -> Result<Self, Mistakes> {
        let origin = path.display().to_string();
        let bytes = read_bounded(path).map_err(|message| one_mistake(0, message, "", &origin))?;
        let text = text_of(&bytes, &origin)?;
        let mut draft = Draft::read(text, &origin);
        draft.check_files(check_pair);
        draft.finish(text, &origin)
    }

    /// What is unwise but works; printed by `causeway check` and logged at the start. Often empty.
    pub const fn warnings(&self) -> &Mistakes {
        &self.warnings
    }
}

/// What has been made of a text so far, with everything that speaks against it.
struct Draft {
    /// Worth something only when there are no mistakes, but its settings have their places, and
    /// the files that it names are those that were written. `None` for what is no TOML.
    config: Option<Config>,
    mistakes: Notes,
    warnings: Notes,
}

impl Draft {
    fn read(text: &str, origin: &str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut mistakes = Notes::default();
        for error in errors {
            let offset = error.span().map_or(0, |it| it.start);
            mistakes.add(offset, "", one_line(error.message()));
        }
        if !mistakes.is_empty() {
            return Self { config: None, mistakes, warnings: Notes::default() };
        }
        let base = Path::new(origin).parent().unwrap_or_else(|| Path::new(""));
        let mut reader = Reader::new(base);
        let config = Some(sections::read(root.get_ref(), &mut reader));
        Self { config, mistakes: reader.notes, warnings: reader.warnings }
    }

    fn finish(self, text: &str, origin: &str) -> Result<Config, Mistakes> {
        match self.config {
            Some(mut config) if self.mistakes.is_empty() => {
                for setting in config.settings.iter_mut().filter(|it| !it.is_default) {
                    setting.line = Some(line_of(text, setting.offset));
                }
                Ok(Config { warnings: self.warnings.into_mistakes(text, origin), ..config })
            }
            _ => Err(self.mistakes.into_mistakes(text, origin)),
        }
    }

    fn check_files(&mut self, check_pair: impl Fn(&TlsFiles) -> Result<(), String>) {
        let Some(config) = &self.config else { return };
        let offset =
            |key: &str| config.settings.iter().find(|it| it.key == key).map_or(0, |it| it.offset);
        let mut bad = BTreeSet::new();
        for (key, file, content) in named_files(config) {
            match check_file(file, content) {
                Ok(None) => (),
                Ok(Some(warning)) => self.warnings.add(offset(&key), &key, warning),
                Err(message) => {
                    bad.insert(file);
                    self.mistakes.add(offset(&key), &key, message);
                }
            }
        }
        let is_bad = |it: &TlsFiles| bad.contains(&it.certificate) || bad.contains(&it.key);
        for (key, pair) in named_pairs(config).into_iter().filter(|(_, it)| !is_bad(it)) {
            if let Err(message) = check_pair(pair) {
                self.mistakes.add(offset(&key), &key, message);
            }
        }
    }
}

fn text_of<'a>(bytes: &'a [u8], origin: &str) -> Result<&'a str, Mistakes> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(why) => {
            let text = String::from_utf8_lossy(bytes);
            let message = "not UTF-8: save the file in that encoding";
            Err(one_mistake(why.valid_up_to(), message, &text, origin))
        }
    }
}

fn one_mistake(offset: usize, message: impl Into<String>, text: &str, origin: &str) -> Mistakes {
    let mut notes = Notes::default();
    notes.add(offset, "", message);
    notes.into_mistakes(text, origin)
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
enum Content {
    Certificates,
    Key,
    Password,
    /// The gateway makes it when it is not there.
    Token,
}

impl Content {
    /// What stands in the file's text, if anything certain.
    const fn mark(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Certificates => Some(("-----BEGIN CERTIFICATE-----", "certificate")),
            Self::Key => Some(("PRIVATE KEY-----", "private key")),
            Self::Password | Self::Token => None,
        }
    }
}

fn named_files(config: &Config) -> Vec<(String, &PathBuf, Content)> {
    let mut files: Vec<(String, &PathBuf, Content)> = Vec::new();
    for listener in &config.listeners {
        let path = format!("listener[{}]", listener.name);
        add_pair(&mut files, &path, ["tls_certificate", "tls_key"], listener.tls.as_ref());
        let client_ca = listener.client_ca.iter();
        files.extend(client_ca.map(|it| (format!("{path}.client_ca"), it, Content::Certificates)));
    }
    for site in &config.sites {
        let path = format!("site.{}", site.name);
        let names = ["client_certificate", "client_key"];
        add_pair(&mut files, &path, names, site.client_certificate.as_ref());
        let ca_file = site.ca_file.iter();
        files.extend(ca_file.map(|it| (format!("{path}.ca_file"), it, Content::Certificates)));
    }
    for source in &config.directories {
        let DirectoryKind::Ldap(ldap) = &source.kind else { continue };
        let key = |name: &str| format!("directory.{}.{name}", source.name);
        let ca_file = ldap.ca_file.iter();
        files.extend(ca_file.map(|it| (key("ca_file"), it, Content::Certificates)));
        let password = ldap.bind.iter();
        files.extend(password.map(|it| (key("password_file"), &it.1, Content::Password)));
    }
    if let Some(oidc) = &config.oidc {
        let secret = oidc.client_secret_file.iter();
        files.extend(secret.map(|it| ("oidc.client_secret_file".into(), it, Content::Password)));
        let ca_file = oidc.ca_file.iter();
        files.extend(ca_file.map(|it| ("oidc.ca_file".into(), it, Content::Certificates)));
    }
    let webhook = config.alerts.webhook.iter();
    let secret = |it| ("alerts.webhook_secret_file".to_owned(), it, Content::Password);
    files.extend(webhook.map(|(_, it)| secret(it)));
    let ca_file = config.alerts.webhook_ca_file.iter();
    let name = "alerts.webhook_ca_file";
    files.extend(ca_file.map(|it| (name.to_owned(), it, Content::Certificates)));
    let token = config.admin.token_file.iter();
    files.extend(token.map(|it| ("admin.token_file".to_owned(), it, Content::Token)));
    files
}

fn named_pairs(config: &Config) -> Vec<(String, &TlsFiles)> {
    let listeners = config.listeners.iter().filter_map(|it| {
        Some((format!("listener[{}].tls_certificate", it.name), it.tls.as_ref()?))
    });
    let sites = config.sites.iter().filter_map(|it| {
        Some((format!("site.{}.client_certificate", it.name), it.client_certificate.as_ref()?))
    });
    listeners.chain(sites).collect()
}

fn add_pair<'a>(
    files: &mut Vec<(String, &'a PathBuf, Content)>,
    path: &str,
    [certificate, key]: [&str; 2],
    pair: Option<&'a TlsFiles>,
) {
    if let Some(pair) = pair {
        files.push((format!("{path}.{certificate}"), &pair.certificate, Content::Certificates));
        files.push((format!("{path}.{key}"), &pair.key, Content::Key));
    }
}

/// `Ok(Some)` is a warning.
fn check_file(path: &Path, content: Content) -> Result<Option<String>, String> {
    let shown = path.display();
    let cannot = |why: std::io::Error| format!("cannot read {shown}: {why}");
    let file = match File::open(path) {
        Err(why) if why.kind() == ErrorKind::NotFound && content == Content::Token => {
            return Ok(None);
        }
        opened => opened.map_err(cannot)?,
    };
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(cannot)?;
    if let Some((mark, what)) = content.mark()
        && !String::from_utf8_lossy(&bytes).contains(mark)
    {
        return Err(format!("there is no {what} in {shown}: want PEM"));
    }
    check_mode(path, metadata.permissions().mode(), content)
}

fn check_mode(path: &Path, mode: u32, content: Content) -> Result<Option<String>, String> {
    let shown = path.display();
    match content {
        Content::Certificates => Ok(None),
        Content::Key | Content::Password | Content::Token if mode & 0o002 != 0 => {
            Err(format!("everyone can change {shown}: run chmod o-rwx {shown}"))
        }
        Content::Key | Content::Password | Content::Token if mode & 0o004 != 0 => {
            Ok(Some(format!("everyone can read {shown}: run chmod o-rwx {shown}")))
        }
        Content::Key | Content::Password | Content::Token => Ok(None),
    }
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

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n";

    fn load(path: &Path) -> Result<Config, Mistakes> {
        Config::load(path, |_| Ok(()))
    }

    fn keys(mistakes: &Mistakes) -> Vec<&str> {
        mistakes.list.iter().map(|it| it.key.as_str()).collect()
    }

    #[test]
    fn named_files_must_be_there_and_keys_must_be_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("causeway.toml");
        write(&file, TEXT, 0o644);
        write(&dir.path().join("mx.pem"), CERTIFICATE, 0o644);
        write(&dir.path().join("mx.key"), KEY, 0o666);

        let mistakes = load(&file).unwrap_err();
        let want = ["listener[mx].tls_key", "site.on_prem.ca_file"];
        assert_eq!(keys(&mistakes), want, "{mistakes}");
        assert_eq!(mistakes.list[0].line, 12);

        write(&dir.path().join("mx.key"), KEY, 0o644);
        write(&dir.path().join("contoso-ca.pem"), CERTIFICATE, 0o644);
        let config = load(&file).unwrap();
        let warning = config.warnings().to_string();
        assert!(warning.contains("listener[mx].tls_key: everyone can read"), "{warning}");
        assert_eq!(config.server.data_dir, dir.path().join("data"));

        // What is in them is looked at where its place can be told.
        write(&dir.path().join("mx.pem"), "", 0o644);
        write(&dir.path().join("mx.key"), CERTIFICATE, 0o640);
        let mistakes = load(&file).unwrap_err();
        assert_eq!(keys(&mistakes), ["listener[mx].tls_certificate", "listener[mx].tls_key"]);
        write(&dir.path().join("mx.pem"), CERTIFICATE, 0o644);
        write(&dir.path().join("mx.key"), KEY, 0o640);
        let mistakes = Config::load(&file, |_| Err("not a pair".into())).unwrap_err();
        let said = mistakes.to_string();
        assert!(said.contains(":11:19: listener[mx].tls_certificate: not a pair"), "{said}");
    }

    #[test]
    fn files_are_looked_at_whatever_else_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("causeway.toml");
        write(&file, &TEXT.replace("role = \"mx\"", "rule = \"mx\""), 0o644);
        let mistakes = load(&file).unwrap_err().to_string();
        for want in ["rule: unknown key", "mx.pem: No such file", "contoso-ca.pem: No such file"] {
            assert!(mistakes.contains(want), "{mistakes}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_mistake_like_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let mistakes = load(&dir.path().join("none.toml")).unwrap_err();
        assert!(
            mistakes.to_string().contains("none.toml:1:1: cannot read this file"),
            "{mistakes}"
        );
    }
}
