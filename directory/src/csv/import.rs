//! From a file to edits: all of them, or every mistake in the file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use mail::{Address, AddressKey, SiteName};
use router::{Domains, Edit, Field, Put, StateRule};

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

/// Reads a file. Lines and addresses are checked against `domains`; that no address belongs to
/// two mailboxes is checked within the file, and against the table when the edits are made.
///
/// A column that is not in the file leaves the field of every row as it is; an empty field of a
/// column that is there clears it, but an empty `state` is none given. Never panics.
pub fn parse_csv(bytes: &[u8], domains: &Domains) -> Result<Vec<Edit>, Vec<RowError>> {
    let text = decode(bytes).map_err(|it| vec![it])?;
    let mut records = Records::new(text);
    let header = records.next().map(|it| (it.line, it.fields));
    let layout = match header {
        Some((line, Ok(fields))) => Layout::new(line, &fields)?,
        Some((line, Err(message))) => return Err(vec![error(line, "", message)]),
        None => {
            return Err(vec![error(
                1,
                "",
                "the file is empty: want a header such as address,home",
            )]);
        }
    };
    let mut import = Import { domains, layout, errors: Vec::new(), claims: HashMap::new() };
    let mut edits = Vec::new();
    for record in records {
        match record.fields {
            Ok(fields) => edits.extend(import.row(record.line, &fields)),
            Err(message) => import.errors.push(error(record.line, "", message)),
        }
    }
    if import.errors.is_empty() { Ok(edits) } else { Err(import.errors) }
}

fn error(line: usize, column: &str, message: impl Into<String>) -> RowError {
    RowError { line, column: column.to_owned(), message: message.into() }
}

/// The text without its byte order mark.
fn decode(bytes: &[u8]) -> Result<&str, RowError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(error(1, "", "this is UTF-16: save it as \"CSV UTF-8\""));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|why| {
        let good = bytes.get(..why.valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|it| **it == b'\n').count() + 1;
        error(line, "", "not UTF-8: save the file as \"CSV UTF-8\"")
    })
}

/// Which field of a record is which column.
struct Layout {
    /// By place in [`COLUMNS`].
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
}

impl Layout {
    fn new(line: usize, header: &[Cow<'_, str>]) -> Result<Self, Vec<RowError>> {
        let mut layout = Self { places: [None; COLUMNS.len()], width: header.len() };
        let mut errors = Vec::new();
        for (place, name) in header.iter().map(|it| it.trim()).enumerate() {
            match column(name) {
                Some(column) if layout.places[column].is_some() => {
                    errors.push(error(line, name, "this column is there twice"));
                }
                Some(column) => layout.places[column] = Some(place),
                None => errors.push(error(line, name, unknown(name))),
            }
        }
        for (column, name) in COLUMNS.iter().enumerate().take(2) {
            if layout.places[column].is_none() {
                errors.push(error(line, name, "this column is missing from the header"));
            }
        }
        if errors.is_empty() { Ok(layout) } else { Err(errors) }
    }
}

fn column(name: &str) -> Option<usize> {
    let name = if name.eq_ignore_ascii_case("EmailAddress") { COLUMNS[0] } else { name };
    COLUMNS.iter().position(|it| it.eq_ignore_ascii_case(name))
}

fn unknown(name: &str) -> String {
    let known = COLUMNS.join(", ");
    if name.to_ascii_lowercase().contains("password") {
        return "passwords have no place here: remove the column".to_owned();
    }
    if name.contains([';', '\t']) {
        return format!("separate columns by commas; there are {known}");
    }
    format!("unknown column: there are {known}")
}

struct Import<'a> {
    domains: &'a Domains,
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
        let text = |column: usize| {
            let field = self.layout.places[column].and_then(|it| fields.get(it));
            field.map(|it| it.trim_matches([' ', '\t']).to_owned())
        };
        let texts: [Option<String>; COLUMNS.len()] = std::array::from_fn(text);
        let [address, home, state, batch, cloud_address, aliases, note] = texts;

        let address = self.address(line, "address", &address.unwrap_or_default());
        let home = self.home(line, &home.unwrap_or_default());
        let state = state.filter(|it| !it.is_empty()).map(|it| self.state(line, &it));
        let batch = field(batch, |it| Some(it.into()));
        let note = field(note, |it| Some(it.into()));
        let cloud_address = field(cloud_address, |it| self.address(line, "cloud_address", it));
        let aliases = field(aliases, |it| self.aliases(line, it));

        let mut put = Put::new(address?, home?, self.domains);
        if let Some(state) = state {
            put.state = StateRule::Is(state?);
        }
        put.batch = batch;
        put.note = note;
        put.cloud_address = cloud_address;
        put.aliases = aliases;
        for problem in put.problems(self.domains) {
            self.errors.push(error(line, problem.column, problem.message));
        }
        self.claim(line, &put);
        (self.errors.len() == noted).then(|| Edit::Put(Box::new(put)))
    }

    fn address(&mut self, line: usize, column: &str, text: &str) -> Option<Address> {
        let parsed = text.parse();
        parsed.map_err(|why| self.errors.push(error(line, column, format!("{why}: {text:?}")))).ok()
    }

    fn home(&mut self, line: usize, text: &str) -> Option<SiteName> {
        if text.is_empty() {
            self.errors.push(error(line, "home", "want the name of a site"));
            return None;
        }
        Some(SiteName::new(text))
    }

    fn state(&mut self, line: usize, text: &str) -> Option<router::MoveState> {
        let parsed = text.parse();
        let message = |why: router::UnknownState| format!("{why}, not {text:?}");
        parsed.map_err(|why| self.errors.push(error(line, "state", message(why)))).ok()
    }

    fn aliases(&mut self, line: usize, text: &str) -> Option<Box<[Address]>> {
        split_aliases(text).into_iter().map(|it| self.address(line, "aliases", it)).collect()
    }

    /// Within one file an address stands once, as a mailbox or as an alias of one.
    fn claim(&mut self, line: usize, put: &Put) {
        let own = std::iter::once((put.address.key(), "address"));
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
