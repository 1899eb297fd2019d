//! Walks the parsed file section by section and notes what is wrong with it.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diff::Setting;
use crate::key::{Default, Key};
use crate::mistakes::Notes;
use crate::suggest;
use crate::value::{self, Faults, Value};

/// A section as it stands in the file.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a, 'i> {
    pub(crate) table: Option<&'a DeTable<'i>>,
    /// Of its header.
    pub(crate) offset: usize,
}

/// What all sections share while a file is read.
pub(crate) struct Reader {
    pub(crate) notes: Notes,
    /// What is unwise but works.
    pub(crate) warnings: Notes,
    pub(crate) settings: Vec<Setting>,
    /// Relative paths start here.
    base: PathBuf,
}

impl Reader {
    pub(crate) fn new(base: &Path) -> Self {
        Self {
            notes: Notes::default(),
            warnings: Notes::default(),
            settings: Vec::new(),
            base: base.to_owned(),
        }
    }

    /// Opens a section for reading: every key in it must be one of `keys`.
    pub(crate) fn section<'r, 'a, 'i>(
        &'r mut self,
        path: &str,
        keys: &'static [Key],
        found: Found<'a, 'i>,
    ) -> Section<'r, 'a, 'i> {
        let section = Section { reader: self, keys, path: path.to_owned(), found };
        section.reject_unknown()
    }

    /// Where `key` was written, or the header of its section, or the start of the file.
    pub(crate) fn offset_of(&self, key: &str) -> usize {
        self.settings.iter().find(|it| it.key == key).map_or(0, |it| it.offset)
    }

    /// Notes a mistake at the place of `key`.
    pub(crate) fn note(&mut self, key: &str, message: impl Into<String>) {
        self.notes.add(self.offset_of(key), key, message);
    }

    /// The same for what is no mistake.
    pub(crate) fn warn(&mut self, key: &str, message: impl Into<String>) {
        self.warnings.add(self.offset_of(key), key, message);
    }
}

/// One section that is being read. Every getter returns a usable value: after a mistake it is
/// the default or a placeholder, and the whole configuration is thrown away in the end.
pub(crate) struct Section<'r, 'a, 'i> {
    reader: &'r mut Reader,
    keys: &'static [Key],
    path: String,
    found: Found<'a, 'i>,
}

impl<'i, 'a> Section<'_, 'a, 'i> {
    fn reject_unknown(self) -> Self {
        for key in self.found.table.into_iter().flat_map(|it| it.keys()) {
            let name = key.get_ref().as_ref();
            if self.keys.iter().any(|it| it.name == name) {
                continue;
            }
            let full = format!("{}.{}", self.path, name.escape_debug());
            let hint = suggest::hint(name, self.keys.iter().map(|it| it.name));
            let hint = if hint.is_empty() { crate::sections::home_of(name) } else { hint };
            self.reader.notes.add(key.span().start, &full, format!("unknown key{hint}"));
        }
        self
    }

    /// A key that must be written, or has a default.
    pub(crate) fn get<T: Value>(&mut self, name: &'static str) -> T {
        let key = self.key(name);
        if let Some(raw) = self.raw(name) {
            if let Some(value) = self.read(key, raw) {
                return value;
            }
        } else if matches!(key.default, Default::Required) {
            let want = key.kind.describe();
            self.note(name, format!("missing: write {name} = … ({want})"));
        }
        match key.default {
            Default::Value(text) => default_value(key, text),
            Default::Required | Default::Absent(_) => T::placeholder(),
        }
    }

    /// A key that may be left out.
    pub(crate) fn get_opt<T: Value>(&mut self, name: &'static str) -> Option<T> {
        let key = self.key(name);
        let raw = self.raw(name)?;
        self.read(key, raw)
    }

    /// A key with a default that `"off"` takes away.
    pub(crate) fn get_or_off<T: Value>(&mut self, name: &'static str) -> Option<T> {
        if self.raw(name).is_some_and(|it| it.get_ref().as_str() == Some("off")) {
            return None;
        }
        Some(self.get(name))
    }

    /// A path; relative ones start at the folder of the file.
    pub(crate) fn path(&mut self, name: &'static str) -> PathBuf {
        let path: PathBuf = self.get(name);
        self.reader.base.join(path)
    }

    pub(crate) fn path_opt(&mut self, name: &'static str) -> Option<PathBuf> {
        let path: PathBuf = self.get_opt(name)?;
        Some(self.reader.base.join(path))
    }

    pub(crate) fn is_written(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Notes a mistake at the place of `name` in this section.
    pub(crate) fn note(&mut self, name: &str, message: impl Into<String>) {
        let key = format!("{}.{name}", self.path);
        let offset = self.offset(name);
        self.reader.notes.add(offset, &key, message);
    }

    /// Takes down every key of the section with the value in force.
    pub(crate) fn finish(self) {
        for key in self.keys {
            let raw = self.raw(key.name);
            let setting = Setting {
                key: format!("{}.{}", self.path, key.name),
                value: raw.map_or_else(|| default_text(key), |it| value::text(it.get_ref())),
                is_default: raw.is_none(),
                // Known when the whole text is at hand.
                line: None,
                needs_restart: key.needs_restart,
                offset: self.offset(key.name),
                declared: key,
            };
            self.reader.settings.push(setting);
        }
    }

    fn key(&self, name: &str) -> &'static Key {
        let keys = self.keys;
        keys.iter().find(|it| it.name == name).expect("a section reads only keys of its own table")
    }

    fn raw(&self, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.found.table?.get(name)
    }

    fn offset(&self, name: &str) -> usize {
        self.raw(name).map_or(self.found.offset, |it| it.span().start)
    }

    fn read<T: Value>(&mut self, key: &Key, raw: &Spanned<DeValue<'_>>) -> Option<T> {
        let mut faults = Faults::default();
        let value = T::read(raw, key.kind, &mut faults);
        for (offset, message) in faults.0 {
            self.reader.notes.add(offset, &format!("{}.{}", self.path, key.name), message);
        }
        value
    }
}

fn default_text(key: &Key) -> String {
    match key.default {
        Default::Value(text) => text.to_owned(),
        Default::Required | Default::Absent(_) => String::new(),
    }
}

fn default_value<T: Value>(key: &Key, text: &str) -> T {
    let raw = DeValue::parse(text).expect("a test parses every default");
    T::read(&raw, key.kind, &mut Faults::default()).expect("a test reads every default")
}
