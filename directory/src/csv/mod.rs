//! Files of the table: CSV with a header, columns by name in any order, UTF-8 or UTF-16, RFC 4180
//! quoting. Ours, and those that Microsoft's migrations take.

mod decode;
mod export;
mod header;
mod import;
mod records;

pub use export::export_csv;
pub use header::Format;
pub use import::{FileOptions, RowError, TableFile, parse_csv, parse_file};

/// The records of a file, each with its line, from 1, and its fields or what is wrong with it.
pub fn csv_records(text: &str) -> impl Iterator<Item = (usize, Result<Vec<String>, &'static str>)> {
    records::Records::new(text).map(|it| {
        let fields = it.fields.map(|fields| fields.into_iter().map(|it| it.into_owned()).collect());
        (it.line, fields)
    })
}

/// The columns, in the order in which they are written.
pub(crate) const COLUMNS: [&str; 7] =
    ["address", "home", "state", "batch", "cloud_address", "aliases", "note"];

/// Splits at spaces, except inside quoted local parts: `a@x "b c"@x` is two.
pub(crate) fn split_aliases(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    let is_gap = |c: char| {
        let here = escaped;
        escaped = quoted && c == '\\' && !here;
        quoted ^= c == '"' && !here;
        c == ' ' && !quoted
    };
    text.split(is_gap).filter(|it| !it.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::split_aliases;

    #[test]
    fn a_space_in_quotes_is_part_of_a_name() {
        assert_eq!(split_aliases(" a@x  b@x "), ["a@x", "b@x"]);
        assert_eq!(split_aliases(r#""a b"@x c@x"#), [r#""a b"@x"#, "c@x"]);
        assert_eq!(split_aliases(r#""a\" b"@x "c\\"@x"#), [r#""a\" b"@x"#, r#""c\\"@x"#]);
        assert_eq!(split_aliases(""), [""; 0]);
    }
}
