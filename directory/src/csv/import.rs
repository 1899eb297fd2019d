//! From a file to edits: all of them, or every mistake in the file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use mail::{Address, AddressKey, SiteName};
use router::{Domains, Edit, Field, MoveState, Put, StateRule};

use super::decode::decode;
use super::header::{Cell, Format, Layout};
use super::records::Records;
use super::{COLUMNS, split_aliases};

/// One mistake in a file of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// In the file, from 1, where the record starts.
    pub line: usize,
    /// The column's name; empty when the mistake is in the line as a whole.
    pub column: String,
    /// Says what to write instead.
    pub message: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            column => write!(f, "line {}: {column}: {}", self.line, self.message),
        }
    }
}

/// What is said about a file beside the file.
#[derive(Clone, Debug, Default)]
pub struct FileOptions {
    /// `None`: by the header.
    pub format: Option<Format>,
    /// For files without the column: what all rows get.
    pub home: Option<SiteName>,
    pub state: Option<MoveState>,
    pub batch: Option<Box<str>>,
    pub allow_unknown_columns: bool,
}

/// A file without mistakes.
#[derive(Clone, Debug)]
pub struct TableFile {
    pub format: Format,
    pub edits: Vec<Edit>,
    /// What was not read, and why.
    pub remarks: Vec<String>,
}

/// Reads a file. Lines and addresses are checked against `domains`; that no address belongs to
/// two mailboxes is checked within the file, and against the table when the edits are made.
///
/// A column that is not in the file leaves the field of every row as it is, unless `options` say
/// what it gets; an empty field of a column that is there clears it, but an empty `state` is none
/// given. Rows of empty fields are left out. What is in a column of passwords is neither kept nor
/// said. Never panics.
pub fn parse_file(
    bytes: &[u8],
    domains: &Domains,
    options: &FileOptions,
) -> Result<TableFile, Vec<RowError>> {
    let text = decode(bytes).map_err(|it| vec![it])?;
    let mut records = Records::new(&text);
    let header = records.next().map(|it| (it.line, it.fields));
    let (line, layout, mut errors) = match header {
        Some((line, Ok(fields))) => {
            let known = options.allow_unknown_columns;
            let (layout, errors) = Layout::new(line, &fields, options.format, known);
            (line, layout, errors)
        }
        Some((line, Err(message))) => return Err(vec![error(line, "", message)]),
        None => {
            let message = "the file is empty: want a header such as address,home";
            return Err(vec![error(1, "", message)]);
        }
    };
    if layout.places[0].is_none() {
        let name = layout.format.address_column();
        errors.push(error(line, name, "this column is missing from the header"));
    }
    if layout.places[1].is_none() && options.home.is_none() {
        let message = match layout.format {
            Format::Causeway => "this column is missing from the header",
            _ => "such a file does not say where to: give the home beside it (--home SITE)",
        };
        errors.push(error(line, "home", message));
    }
    if layout.places[0].is_none() {
        return Err(errors);
    }
    if bytes.len() > layout.format.bytes_max() {
        let message = "more than 10 MB: Exchange Online does not take it; split the file";
        errors.push(error(line, "", message));
    }
    rows(records, Import { domains, options, layout, errors, claims: HashMap::new() })
}

fn rows(records: Records<'_>, mut import: Import<'_>) -> Result<TableFile, Vec<RowError>> {
    let mut edits = Vec::new();
    let (mut n_rows, max) = (0, import.layout.format.rows_max());
    for record in records {
        match record.fields {
            Ok(fields) if fields.iter().all(|it| it.trim().is_empty()) => continue,
            Ok(fields) => edits.extend(import.row(record.line, &fields)),
            Err(message) => import.errors.push(error(record.line, "", message)),
        }
        n_rows += 1;
        if n_rows == max.saturating_add(1) {
            let message =
                format!("row {n_rows}: Exchange Online takes {max} in one file; split it");
            import.errors.push(error(record.line, "", message));
        }
    }
    if n_rows == 0 && import.layout.format != Format::Causeway {
        import.errors.push(error(1, "", "there is no row below the header"));
    }
    if !import.errors.is_empty() {
        import.errors.sort_by_key(|it| it.line);
        return Err(import.errors);
    }
    let remarks = import.layout.remarks();
    Ok(TableFile { format: import.layout.format, edits, remarks })
}

/// [`parse_file`] for a file that says all by itself.
pub fn parse_csv(bytes: &[u8], domains: &Domains) -> Result<Vec<Edit>, Vec<RowError>> {
    parse_file(bytes, domains, &FileOptions::default()).map(|it| it.edits)
}

pub(super) fn error(line: usize, column: &str, message: impl Into<String>) -> RowError {
    RowError { line, column: column.to_owned(), message: message.into() }
}

struct Import<'a> {
    domains: &'a Domains,
    options: &'a FileOptions,
    layout: Layout,
    errors: Vec<RowError>,
    /// Every address in the file, with the line that has it.
    claims: HashMap<AddressKey, usize>,
}

impl Import<'_> {
    /// `None` once it has noted why.
    fn row(&mut self, line: usize, fields: &[Cow<'_, str>]) -> Option<Edit> {
        if fields.len() != self.layout.width {
            let (want, got) = (self.layout.width, fields.len());
            self.errors.push(error(
                line,
                "",
                format!("want {want} fields as in the header, not {got}"),
            ));
            return None;
        }
        let noted = self.errors.len();
        self.foreign(line, fields);
        let text = |column: usize| {
            let field = self.layout.places[column].and_then(|it| fields.get(it));
            field.map(|it| it.trim_matches([' ', '\t']).to_owned())
        };
        let texts: [Option<String>; COLUMNS.len()] = std::array::from_fn(text);
        let [address, home, state, batch, cloud_address, aliases, note] = texts;

        let name = self.layout.format.address_column();
        let address = self.address(line, name, &address.unwrap_or_default());
        let home = match (home, &self.options.home) {
            (Some(home), _) => self.home(line, &home),
            (None, Some(home)) => Some(home.clone()),
            // Said once, of the header.
            (None, None) => None,
        };
        self.archive_only(line, fields, address.as_ref(), home.as_ref());
        // The rest of the row is looked at all the same.
        let home = home.or_else(|| self.domains.sites().next().cloned());
        let state = state.filter(|it| !it.is_empty()).map(|it| self.state(line, &it));
        let batch = field(batch, |it| Some(it.into()));
        let note = field(note, |it| Some(it.into()));
        let cloud_address = field(cloud_address, |it| self.address(line, "cloud_address", it));
        let aliases = field(aliases, |it| self.aliases(line, it));

        let mut put = Put::new(address?, home?, self.domains);
        match (state, self.options.state) {
            (Some(state), _) => put.state = StateRule::Is(state?),
            (None, Some(state)) if self.layout.places[2].is_none() => {
                put.state = StateRule::Is(state);
            }
            (None, _) => (),
        }
        put.batch = match (batch, &self.options.batch) {
            (Field::Keep, Some(batch)) => Field::Is(batch.clone()),
            (batch, _) => batch,
        };
        put.note = note;
        put.cloud_address = cloud_address;
        put.aliases = aliases;
        for problem in put.problems(self.domains) {
            let column = if problem.column == "address" { name } else { problem.column };
            self.errors.push(error(line, column, problem.message));
        }
        self.claim(line, &put);
        (self.errors.len() == noted).then(|| Edit::Put(Box::new(put)))
    }

    /// A file with passwords may have one in the wrong column: its cells are not repeated.
    fn address(&mut self, line: usize, column: &str, text: &str) -> Option<Address> {
        let parsed: Result<Address, _> = text.parse();
        let message = |why: mail::AddressError| match self.layout.has_passwords {
            true => why.to_string(),
            false => format!("{why}: {text:?}"),
        };
        parsed.map_err(|why| self.errors.push(error(line, column, message(why)))).ok()
    }

    fn foreign(&mut self, line: usize, fields: &[Cow<'_, str>]) {
        for (place, name, cell) in &self.layout.foreign {
            let text = fields.get(*place).map_or("", |it| it.trim_matches([' ', '\t']));
            if let Some(problem) = cell.problem(text) {
                self.errors.push(error(line, name, problem));
            }
        }
    }

    /// Of such a mailbox the archive moves, and its mail does not: where it lives is as before.
    fn archive_only(
        &mut self,
        line: usize,
        fields: &[Cow<'_, str>],
        address: Option<&Address>,
        home: Option<&SiteName>,
    ) {
        let stays = address.and_then(|it| self.domains.origin(it.domain()));
        let is_archive = |(place, _, cell): &&(usize, String, Cell)| {
            let text = fields.get(*place).map_or("", |it| it.trim_matches([' ', '\t']));
            *cell == Cell::MailboxType && text.eq_ignore_ascii_case("ArchiveOnly")
        };
        let Some((_, name, _)) = self.layout.foreign.iter().find(is_archive) else { return };
        if address.is_some() && home.is_some() && home != stays {
            let message =
                "only the archive of this mailbox moves, its mail does not: leave the row out";
            self.errors.push(error(line, name, message));
        }
    }

    fn home(&mut self, line: usize, text: &str) -> Option<SiteName> {
        if text.is_empty() {
            self.errors.push(error(line, "home", "want the name of a site"));
            return None;
        }
        Some(SiteName::new(text))
    }

    fn state(&mut self, line: usize, text: &str) -> Option<MoveState> {
        let parsed = text.parse();
        let message = |why: router::UnknownState| format!("{why}, not {text:?}");
        parsed.map_err(|why| self.errors.push(error(line, "state", message(why)))).ok()
    }

    fn aliases(&mut self, line: usize, text: &str) -> Option<Box<[Address]>> {
        split_aliases(text).into_iter().map(|it| self.address(line, "aliases", it)).collect()
    }

    /// Within one file an address stands once, as a mailbox or as an alias of one.
    fn claim(&mut self, line: usize, put: &Put) {
        let own = std::iter::once((put.address.key(), self.layout.format.address_column()));
        let aliases: &[Address] = match &put.aliases {
            Field::Is(aliases) => aliases,
            Field::Keep | Field::Clear => &[],
        };
        for (key, column) in own.chain(aliases.iter().map(|it| (it.key(), "aliases"))) {
            match self.claims.get(&key) {
                Some(first) if *first != line => {
                    let message = format!("{key} is in line {first} already");
                    self.errors.push(error(line, column, message));
                }
                Some(_) => (),
                None => {
                    self.claims.insert(key, line);
                }
            }
        }
    }
}

/// No column: keep; an empty field: clear. A field that `read` refuses was noted by it.
fn field<T>(text: Option<String>, read: impl FnOnce(&str) -> Option<T>) -> Field<T> {
    match text {
        None => Field::Keep,
        Some(text) if text.is_empty() => Field::Clear,
        Some(text) => read(&text).map_or(Field::Keep, Field::Is),
    }
}
