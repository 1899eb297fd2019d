//! From a table to a file that imports back.

use router::Table;

use super::COLUMNS;
use super::records::write_field;
use crate::store::aliases_text;

/// The whole table, sorted by address, all columns. Imported into an empty table it makes one
/// that exports to the same bytes.
pub fn export_csv(table: &Table) -> String {
    let mut out = COLUMNS.join(",");
    out.push('\n');
    for entry in table.iter() {
        let fields = [
            entry.address.to_string(),
            entry.home.to_string(),
            entry.state.to_string(),
            entry.batch.as_deref().unwrap_or("").to_owned(),
            entry.cloud_address.as_ref().map(ToString::to_string).unwrap_or_default(),
            aliases_text(&entry.aliases).unwrap_or_default(),
            entry.note.as_deref().unwrap_or("").to_owned(),
        ];
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            write_field(&mut out, field);
        }
        out.push('\n');
    }
    out
}
