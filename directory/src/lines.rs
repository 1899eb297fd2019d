//! Rows as lines of text: what revisions are hashed over and plans are kept as.
//!
//! ```text
//! SIGN TAB address TAB home TAB state TAB batch TAB cloud_address TAB aliases TAB note TAB
//! changed_at TAB generation LF
//! ```
//!
//! SIGN is `-` for a row before, `+` for a row after, `=` for one that stays. What is not set is
//! empty; backslash, tab, line feed and carriage return are escaped as in C.

use std::sync::Arc;

use mail::{Address, SiteName, Timestamp};
use router::{Entry, Row, RowChange};

use crate::csv::split_aliases;
use crate::store::aliases_text;

/// One or two lines.
pub(crate) fn change(row: &RowChange) -> String {
    let mut text = String::new();
    for (sign, row) in [('-', &row.before), ('+', &row.after)] {
        if let Some(row) = row {
            line(&mut text, sign, row);
        }
    }
    text
}

pub(crate) fn line(text: &mut String, sign: char, row: &Entry) {
    let optional = |it: Option<String>| escaped(&it.unwrap_or_default());
    text.push_str(&format!(
        "{sign}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
        escaped(&row.address.to_string()),
        escaped(row.home.as_str()),
        row.state,
        optional(row.batch.as_deref().map(str::to_owned)),
        optional(row.cloud_address.as_ref().map(ToString::to_string)),
        optional(aliases_text(&row.aliases)),
        optional(row.note.as_deref().map(str::to_owned)),
        row.changed_at.as_micros(),
        row.generation,
    ));
}

pub(crate) fn escaped(text: &str) -> String {
    if !text.contains(['\\', '\t', '\n', '\r']) {
        return text.to_owned();
    }
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(it) = chars.next() {
        let it = match it {
            '\\' => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                other => other.unwrap_or('\\'),
            },
            it => it,
        };
        out.push(it);
    }
    out
}

/// Rows that [`change`] and [`line()`] wrote: those that change, and those that stay. `None` if the
/// text is not of that form.
pub(crate) fn read(text: &str) -> Option<(Vec<RowChange>, Vec<Arc<Row>>)> {
    let (mut changes, mut stay) = (Vec::<RowChange>::new(), Vec::new());
    for line in text.lines() {
        let (sign, rest) = line.split_once('\t')?;
        let row = Arc::new(Row::new(entry(rest)?));
        match sign {
            "-" => changes.push(RowChange { before: Some(row), after: None }),
            "=" => stay.push(row),
            "+" => match changes.last_mut() {
                Some(last) if last.after.is_none() && last.key() == Some(row.key()) => {
                    last.after = Some(row);
                }
                _ => changes.push(RowChange { before: None, after: Some(row) }),
            },
            _ => return None,
        }
    }
    Some((changes, stay))
}

fn entry(rest: &str) -> Option<Entry> {
    let mut fields = rest.split('\t').map(unescaped);
    let mut next = || fields.next();
    let address: Address = next()?.parse().ok()?;
    let home = SiteName::new(&next()?);
    let state = next()?.parse().ok()?;
    let set = |it: String| Some(it).filter(|it| !it.is_empty());
    let batch = set(next()?).map(Into::into);
    let cloud_address = set(next()?).map(|it| it.parse().ok().ok_or(())).transpose().ok()?;
    let aliases = next()?;
    let aliases: Option<Vec<Address>> =
        split_aliases(&aliases).into_iter().map(|it| it.parse().ok()).collect();
    let note = set(next()?).map(Into::into);
    let changed_at = Timestamp::from_micros(next()?.parse().ok()?);
    let generation = next()?.parse().ok()?;
    Some(Entry {
        address,
        home,
        state,
        batch,
        cloud_address,
        aliases: aliases?.into(),
        note,
        changed_at,
        generation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_reads_back() {
        for text in ["", "plain", "a\\b", "\\t", "a\tb\nc\rd", "ä\\\\\t"] {
            assert_eq!(unescaped(&escaped(text)), text);
            assert!(!escaped(text).contains(['\t', '\n', '\r']));
        }
    }
}
