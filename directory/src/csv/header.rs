//! Whose columns a file has, and which is where.

use std::borrow::Cow;

use super::COLUMNS;
use super::import::{RowError, error};

/// Whose columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Ours.
    Causeway,
    /// Of Exchange Online's staged migration.
    Staged,
    /// Of its migration by IMAP.
    Imap,
    /// Of its moves from a hybrid deployment.
    RemoteMove,
}

/// What a cell of a foreign column may be. Its value is looked at and left where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Any,
    Needed,
    Password,
    NeededPassword,
    TrueFalse,
    MailboxType,
    Limit,
    /// Nobody knows it.
    Unknown,
}

type Foreign = (&'static str, Cell);

const STAGED: &[Foreign] =
    &[("Password", Cell::Password), ("ForceChangePassword", Cell::TrueFalse)];
const IMAP: &[Foreign] =
    &[("UserName", Cell::Needed), ("Password", Cell::NeededPassword), ("UserRoot", Cell::Any)];
const REMOTE_MOVE: &[Foreign] = &[
    ("MailboxType", Cell::MailboxType),
    ("TargetDatabase", Cell::Any),
    ("TargetArchiveDatabase", Cell::Any),
    ("BadItemLimit", Cell::Limit),
    ("LargeItemLimit", Cell::Limit),
];

impl Format {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Causeway => "causeway",
            Self::Staged => "staged",
            Self::Imap => "imap",
            Self::RemoteMove => "remote_move",
        }
    }

    const fn foreign(self) -> &'static [Foreign] {
        match self {
            Self::Causeway => &[],
            Self::Staged => STAGED,
            Self::Imap => IMAP,
            Self::RemoteMove => REMOTE_MOVE,
        }
    }

    pub(super) const fn address_column(self) -> &'static str {
        match self {
            Self::Causeway => COLUMNS[0],
            _ => "EmailAddress",
        }
    }

    /// Rows that Exchange Online takes in one file.
    pub(super) const fn rows_max(self) -> usize {
        match self {
            Self::Causeway => usize::MAX,
            Self::Staged | Self::RemoteMove => 2_000,
            Self::Imap => 50_000,
        }
    }

    pub(super) const fn bytes_max(self) -> usize {
        match self {
            Self::Imap => 10 * 1024 * 1024,
            _ => usize::MAX,
        }
    }

    /// By what is in the header: a column of ours that is not in theirs makes it ours.
    fn of(header: &[&str]) -> Self {
        let has = |name: &str| header.iter().any(|it| it.eq_ignore_ascii_case(name));
        let any = |list: &[Foreign]| list.iter().any(|(name, _)| has(name));
        if COLUMNS.iter().any(|it| has(it)) {
            Self::Causeway
        } else if has("UserName") || has("UserRoot") {
            Self::Imap
        } else if any(REMOTE_MOVE) {
            Self::RemoteMove
        } else if has("EmailAddress") {
            Self::Staged
        } else {
            Self::Causeway
        }
    }
}

/// Which field of a record is which column.
pub(super) struct Layout {
    pub(super) format: Format,
    /// By place in [`COLUMNS`].
    pub(super) places: [Option<usize>; COLUMNS.len()],
    /// Columns whose cells are looked at only.
    pub(super) foreign: Vec<(usize, String, Cell)>,
    pub(super) width: usize,
    pub(super) has_passwords: bool,
}

impl Layout {
    /// With all that is wrong with it.
    pub(super) fn new(
        line: usize,
        header: &[Cow<'_, str>],
        format: Option<Format>,
        allow_unknown: bool,
    ) -> (Self, Vec<RowError>) {
        let names: Vec<&str> = header.iter().map(|it| it.trim()).collect();
        let format = format.unwrap_or_else(|| Format::of(&names));
        let mut layout = Self {
            format,
            places: [None; COLUMNS.len()],
            foreign: Vec::new(),
            width: header.len(),
            has_passwords: false,
        };
        let mut errors = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let twice = names.iter().take(place).any(|it| it.eq_ignore_ascii_case(name));
            if twice {
                errors.push(error(line, name, "this column is there twice"));
            } else if let Err(message) = layout.column(place, name, allow_unknown) {
                errors.push(error(line, name, message));
            }
        }
        let needs = |it: &&Foreign| matches!(it.1, Cell::Needed | Cell::NeededPassword);
        for (name, _) in format.foreign().iter().filter(needs) {
            if !names.iter().any(|it| it.eq_ignore_ascii_case(name)) {
                errors.push(error(line, name, "this column is missing from the header"));
            }
        }
        (layout, errors)
    }

    fn column(&mut self, place: usize, name: &str, allow_unknown: bool) -> Result<(), String> {
        if let Some(column) = own_column(name, self.format) {
            return match self.places[column] {
                Some(_) => Err(format!("{} is there by another name already", COLUMNS[column])),
                None => {
                    self.places[column] = Some(place);
                    Ok(())
                }
            };
        }
        let known = self.format.foreign().iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        let secret = name.to_ascii_lowercase().contains("password");
        self.has_passwords |= secret;
        match known {
            Some((name, cell)) => self.foreign.push((place, (*name).to_owned(), *cell)),
            None if allow_unknown => self.foreign.push((place, name.to_owned(), Cell::Unknown)),
            None => return Err(unknown(name, self.format)),
        }
        Ok(())
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let names = |wanted: fn(&str, Cell) -> bool| {
            let names = self.foreign.iter().filter(|(_, name, cell)| wanted(name, *cell));
            names.map(|(_, name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let secret = |name: &str| name.eq_ignore_ascii_case("password");
        if self.foreign.iter().any(|(_, name, _)| secret(name)) {
            remarks.push(
                "the column Password was not read: Causeway has no use for passwords and keeps none"
                    .to_owned(),
            );
        }
        let others =
            names(|name, cell| cell != Cell::Unknown && !name.eq_ignore_ascii_case("password"));
        if !others.is_empty() {
            remarks.push(format!("checked and left to the migration service: {others}"));
        }
        let unknown = names(|_, cell| cell == Cell::Unknown);
        if !unknown.is_empty() {
            remarks.push(format!("unknown columns were left out: {unknown}"));
        }
        remarks
    }
}

fn own_column(name: &str, format: Format) -> Option<usize> {
    if name.eq_ignore_ascii_case("EmailAddress") {
        return Some(0);
    }
    let found = COLUMNS.iter().position(|it| it.eq_ignore_ascii_case(name));
    found.filter(|_| format == Format::Causeway)
}

fn unknown(name: &str, format: Format) -> String {
    let names = format.foreign().iter().map(|(name, _)| *name);
    let known: Vec<&str> = match format {
        Format::Causeway => COLUMNS.to_vec(),
        _ => std::iter::once("EmailAddress").chain(names).collect(),
    };
    let known = known.join(", ");
    if name.contains([';', '\t']) {
        return format!("separate columns by commas; there are {known}");
    }
    if name.to_ascii_lowercase().contains("password") {
        return "passwords have no place here: remove the column".to_owned();
    }
    format!("unknown column: there are {known}")
}

impl Cell {
    /// What is wrong with a cell. Never says what is in it.
    pub(super) fn problem(self, text: &str) -> Option<&'static str> {
        let one_of = |words: &[&str]| words.iter().any(|it| it.eq_ignore_ascii_case(text));
        match self {
            Self::Needed | Self::NeededPassword if text.is_empty() => {
                Some("this must not be empty")
            }
            Self::Password if !text.is_empty() && text.chars().count() < 8 => {
                Some("Exchange Online wants 8 characters or more")
            }
            Self::TrueFalse if !text.is_empty() && !one_of(&["True", "False"]) => {
                Some("want True or False")
            }
            Self::MailboxType
                if !text.is_empty()
                    && !one_of(&["PrimaryOnly", "ArchiveOnly", "PrimaryAndArchive"]) =>
            {
                Some("want PrimaryOnly, ArchiveOnly or PrimaryAndArchive")
            }
            Self::Limit
                if !text.is_empty() && !one_of(&["unlimited"]) && text.parse::<u32>().is_err() =>
            {
                Some("want a number, or unlimited")
            }
            _ => None,
        }
    }
}
