//! RFC 4180, strictly: what the format does not allow is a mistake with its line.
//!
//! The crate `csv` takes an unclosed quote and swallows the rest of the file without a word; a
//! file of mailboxes must not be read like that. Why not more of it: docs/adr/0205.

use std::borrow::Cow;

/// One record: the line it starts at, and its fields or what is wrong with it.
pub(super) struct Record<'a> {
    /// From 1.
    pub(super) line: usize,
    pub(super) fields: Result<Vec<Cow<'a, str>>, &'static str>,
}

/// Splits a file into records; blank lines are left out. After a mistake it goes on with the next
/// line. Takes CRLF and LF.
pub(super) struct Records<'a> {
    rest: &'a str,
    line: usize,
}

/// How a field ended.
enum End {
    Comma,
    Line,
}

impl<'a> Records<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        self.line += 1;
    }

    fn is_blank(&self) -> bool {
        self.rest.starts_with('\n') || self.rest.starts_with("\r\n")
    }

    fn fields(&mut self) -> Result<Vec<Cow<'a, str>>, &'static str> {
        let mut fields = Vec::new();
        loop {
            let (field, end) = match self.rest.strip_prefix('"') {
                Some(inside) => self.quoted(inside)?,
                None => self.plain()?,
            };
            fields.push(field);
            if matches!(end, End::Line) {
                return Ok(fields);
            }
        }
    }

    fn plain(&mut self) -> Result<(Cow<'a, str>, End), &'static str> {
        let length = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(length);
        let (field, end) = match rest.as_bytes().first() {
            Some(b',') => (field, End::Comma),
            Some(_) => (field.strip_suffix('\r').unwrap_or(field), End::Line),
            None => (field, End::Line),
        };
        if field.contains('"') {
            return Err(
                "a quote inside a field: put the whole field in quotes and write \"\" for it",
            );
        }
        if field.contains('\r') {
            return Err("a carriage return inside a field");
        }
        self.line += usize::from(rest.starts_with('\n'));
        self.rest = rest.get(1..).unwrap_or("");
        Ok((Cow::Borrowed(field), end))
    }

    /// `inside` starts after the opening quote.
    fn quoted(&mut self, inside: &'a str) -> Result<(Cow<'a, str>, End), &'static str> {
        const UNCLOSED: &str = "a quote is opened and never closed";
        let mut close = 0;
        loop {
            close += inside[close..].find('"').ok_or(UNCLOSED)?;
            if !inside[close + 1..].starts_with('"') {
                break;
            }
            close += 2;
        }
        let (field, after) = (&inside[..close], &inside[close + 1..]);
        let (end, length) = if after.starts_with(',') {
            (End::Comma, 1)
        } else if after.starts_with('\n') {
            (End::Line, 1)
        } else if after.starts_with("\r\n") {
            (End::Line, 2)
        } else if after.is_empty() {
            (End::Line, 0)
        } else {
            return Err("text after a closing quote: want a comma or the end of the line");
        };
        self.line += field.matches('\n').count() + usize::from(matches!(end, End::Line));
        self.rest = &after[length..];
        let field = if field.contains('"') {
            Cow::Owned(field.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(field)
        };
        Ok((field, end))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        while self.is_blank() {
            self.skip_line();
        }
        if self.rest.is_empty() {
            return None;
        }
        let (line, start) = (self.line, self.rest);
        let fields = self.fields();
        if fields.is_err() {
            (self.line, self.rest) = (line, start);
            self.skip_line();
        }
        Some(Record { line, fields })
    }
}

/// One field as it goes into a file: quoted only when it must be.
pub(super) fn write_field(out: &mut String, field: &str) {
    if !field.contains(['"', ',', '\n', '\r']) {
        out.push_str(field);
        return;
    }
    out.push('"');
    out.push_str(&field.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<(usize, Result<Vec<String>, &'static str>)> {
        let own = |it: Record<'_>| {
            let fields = it.fields.map(|it| it.into_iter().map(Cow::into_owned).collect());
            (it.line, fields)
        };
        Records::new(text).map(own).collect()
    }

    fn ok(fields: &[&str]) -> Result<Vec<String>, &'static str> {
        Ok(fields.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn quotes_hold_commas_lines_and_quotes() {
        let text = "a,b\r\n\n\"1,\"\"x\n\",2\n,\n\"last\"";
        let want = [
            (1, ok(&["a", "b"])),
            (3, ok(&["1,\"x\n", "2"])),
            (5, ok(&["", ""])),
            (6, ok(&["last"])),
        ];
        assert_eq!(all(text), want);
    }

    #[test]
    fn a_mistake_costs_one_line_and_not_the_file() {
        let got = all("a\"b,c\n\"x\"y\nfine\n\"open,\nnext\n");
        let lines: Vec<(usize, bool)> = got.iter().map(|(line, it)| (*line, it.is_ok())).collect();
        assert_eq!(lines, [(1, false), (2, false), (3, true), (4, false), (5, true)]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(rows in prop::collection::vec(prop::collection::vec("[a\",\r\n\u{e4} ]{0,6}", 2..4), 1..5)) {
            let mut text = String::new();
            for row in &rows {
                for (n, field) in row.iter().enumerate() {
                    text.push_str(if n == 0 { "" } else { "," });
                    write_field(&mut text, field);
                }
                text.push('\n');
            }
            let got: Vec<Vec<String>> = all(&text).into_iter().map(|(_, it)| it.unwrap()).collect();
            prop_assert_eq!(got, rows);
        }

        #[test]
        fn any_text_ends(text in "[a\",\r\n]{0,60}") {
            prop_assert!(all(&text).len() <= text.len());
        }
    }
}
