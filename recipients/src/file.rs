//! Recipients from a table of text, as a CSV file is once it has been split.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{Draft, Kind, People, Recipient};

/// One line of a file, or why it is none.
#[derive(Clone, Debug)]
pub struct FileRow {
    /// From 1.
    pub line: usize,
    pub cells: Result<Vec<String>, &'static str>,
}

/// Splits the text of a file: CSV, as the table's files are.
pub type Split = fn(&str) -> Vec<FileRow>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMistake {
    pub line: usize,
    pub column: String,
    pub message: String,
}

const COLUMNS: [&str; 5] = ["address", "aliases", "x500", "target_address", "kind"];

/// Everybody in the file, or every mistake in it.
///
/// `aliases` are separated by spaces, `x500` by semicolons; only `address` must be there.
pub fn read_file(text: &str, split: Split, max: usize) -> Result<People, Vec<FileMistake>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = split(text).into_iter();
    let Some(FileRow { line, cells }) = rows.next() else {
        return Err(vec![mistake(1, "address", "the file is empty: want a header")]);
    };
    let header = cells.map_err(|why| vec![mistake(line, "address", why)])?;
    let columns = columns(line, &header)?;
    let (mut people, mut mistakes) = (People::new(), Vec::new());
    let mut lines: HashMap<Box<str>, usize> = HashMap::new();
    for row in rows {
        match recipient(&row, &columns, header.len()) {
            Err(more) => mistakes.extend(more),
            Ok(it) => match lines.insert(it.id.clone(), row.line) {
                Some(first) => {
                    let message = format!("{} stands in line {first} already", it.address);
                    mistakes.push(mistake(row.line, "address", message));
                }
                None => {
                    people.insert(it.id.clone(), Arc::new(it));
                }
            },
        }
        if people.len() > max {
            mistakes.push(mistake(row.line, "address", format!("more than {max} recipients")));
            break;
        }
    }
    if mistakes.is_empty() { Ok(people) } else { Err(mistakes) }
}

fn mistake(line: usize, column: &str, message: impl Into<String>) -> FileMistake {
    FileMistake { line, column: column.to_owned(), message: message.into() }
}

type Columns = HashMap<&'static str, usize>;

fn columns(line: usize, header: &[String]) -> Result<Columns, Vec<FileMistake>> {
    let (mut columns, mut mistakes) = (Columns::new(), Vec::new());
    for (place, name) in header.iter().enumerate() {
        let name = name.trim();
        match COLUMNS.iter().find(|it| it.eq_ignore_ascii_case(name)) {
            None => mistakes.push(mistake(
                line,
                name,
                format!("unknown column; there are: {}", COLUMNS.join(", ")),
            )),
            Some(known) if columns.insert(known, place).is_some() => {
                mistakes.push(mistake(line, name, "this column is there twice"));
            }
            Some(_) => (),
        }
    }
    if !columns.contains_key("address") {
        mistakes.push(mistake(line, "address", "the column address is missing"));
    }
    if mistakes.is_empty() { Ok(columns) } else { Err(mistakes) }
}

fn recipient(
    row: &FileRow,
    columns: &Columns,
    width: usize,
) -> Result<Recipient, Vec<FileMistake>> {
    let one = |column: &str, message: String| vec![mistake(row.line, column, message)];
    let cells = row.cells.as_ref().map_err(|why| one("address", (*why).to_owned()))?;
    if cells.len() != width {
        return Err(one("address", format!("{} cells, and the header has {width}", cells.len())));
    }
    let cell = |name: &str| columns.get(name).map_or("", |it| cells[*it].trim());
    let mut proxy = vec![format!("SMTP:{}", cell("address"))];
    proxy.extend(
        cell("aliases").split(' ').filter(|it| !it.is_empty()).map(|it| format!("smtp:{it}")),
    );
    proxy.extend(
        cell("x500").split(';').filter(|it| !it.trim().is_empty()).map(|it| format!("x500:{it}")),
    );
    let kind = match cell("kind") {
        "" => None,
        word => Some(
            Kind::parse(word)
                .ok_or_else(|| one("kind", format!("want {}, not {word:?}", Kind::list())))?,
        ),
    };
    let draft = Draft {
        proxy_addresses: proxy,
        target_address: Some(cell("target_address").to_owned()).filter(|it| !it.is_empty()),
        ..Draft::default()
    };
    let made = draft.make(usize::MAX);
    if !made.mistakes.is_empty() {
        let column = |it: &str| if it.starts_with("target") { "target_address" } else { "address" };
        return Err(made.mistakes.iter().flat_map(|it| one(column(it), it.clone())).collect());
    }
    let mut recipient = made.recipient.ok_or_else(|| one("address", "missing".to_owned()))?;
    recipient.id = recipient.address.key().as_str().into();
    recipient.kind = kind.unwrap_or(recipient.kind);
    Ok(recipient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<FileRow> {
        let cells = |it: &str| Ok(it.split(',').map(str::to_owned).collect());
        text.lines().zip(1..).map(|(it, line)| FileRow { line, cells: cells(it) }).collect()
    }

    #[test]
    fn a_file_is_everybody_or_all_its_mistakes() {
        let text = "\u{feff}Address,aliases,x500,kind\n\
                    anna@x.example,a@x.example a.s@x.example,/o=x/cn=anna;/o=y/cn=anna,shared\n\
                    bea@x.example,,,\n";
        let people = read_file(text, split, 100).unwrap();
        let anna = &people["anna@x.example"];
        assert_eq!((anna.others.len(), anna.x500.len(), anna.kind), (2, 2, Kind::Shared));
        assert_eq!(people["bea@x.example"].kind, Kind::User);

        let text = "address,kind\nno at,user\nanna@x.example,king\nbea@x.example,user\nBea@x.example,user\nc,d,e\n";
        let places: Vec<_> = read_file(text, split, 100)
            .unwrap_err()
            .into_iter()
            .map(|it| (it.line, it.column))
            .collect();
        let want = [(2, "address"), (3, "kind"), (5, "address"), (6, "address")];
        assert_eq!(places, want.map(|(line, column)| (line, column.to_owned())));
        assert_eq!(read_file("name\nx\n", split, 9).unwrap_err().len(), 2);
        assert_eq!(read_file("", split, 9).unwrap_err().len(), 1);
        assert_eq!(read_file("address\na@x.y\nb@x.y\n", split, 1).unwrap_err().len(), 1);
    }
}
