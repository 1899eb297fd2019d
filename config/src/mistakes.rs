//! Everything that is wrong with a file, each with its place.

use std::fmt;

/// One mistake. `key` is empty for what concerns no key: syntax, or the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub key: String,
    /// Says what to write instead.
    pub message: String,
}

/// All mistakes of one file, in the order of the file; as an error never empty.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// The file's name as it was given.
    pub origin: String,
    pub list: Vec<Mistake>,
}

impl std::error::Error for Mistakes {}

/// One line per mistake: `causeway.toml:3:20: server.hostname: want …`.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for it in &self.list {
            write!(f, "{}:{}:{}: ", self.origin, it.line, it.column)?;
            if !it.key.is_empty() {
                write!(f, "{}: ", it.key)?;
            }
            writeln!(f, "{}", it.message)?;
        }
        Ok(())
    }
}

/// Mistakes while they are collected: places are still byte offsets.
#[derive(Default)]
pub(crate) struct Notes(Vec<(usize, String, String)>);

impl Notes {
    pub(crate) fn add(&mut self, offset: usize, key: &str, message: impl Into<String>) {
        self.0.push((offset, key.to_owned(), message.into()));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorts by place, drops repetitions, and turns offsets into lines and columns of `text`.
    pub(crate) fn into_mistakes(mut self, text: &str, origin: &str) -> Mistakes {
        self.0.sort();
        self.0.dedup();
        let list = self
            .0
            .into_iter()
            .map(|(offset, key, message)| {
                let (line, column) = place(text, offset);
                Mistake { line, column, key, message }
            })
            .collect();
        Mistakes { origin: origin.to_owned(), list }
    }
}

/// From 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    place(text, offset).0
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |it| it + 1);
    let line = before.bytes().filter(|it| *it == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        assert_eq!(place("ab\nä = x", 3), (2, 1));
        assert_eq!(place("ab\nä = x", 5), (2, 2));
        assert_eq!(place("ab\nä = x", 4), (2, 1), "inside a character");
        assert_eq!(place("", 99), (1, 1));
    }
}
