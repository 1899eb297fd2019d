//! Rows of the file to entries and back.

use std::collections::HashMap;

use mail::{Address, Domain, SiteName, Timestamp};
use router::Entry;
use rusqlite::Row;

/// What a row that became an entry has, in this order, after whatever else is asked for.
pub(crate) const COLUMNS: &str =
    "address, home, state, batch, cloud_address, aliases, note, changed_at, generation";

pub(crate) const CURRENT: &str =
    "SELECT address, home, state, batch, cloud_address, aliases, note, changed_at, generation
     FROM entry";

pub(crate) const AT: &str =
    "SELECT address, home, state, batch, cloud_address, aliases, note, changed_at, generation
     FROM entry WHERE generation <= ?1
     UNION ALL
     SELECT address, home, state, batch, cloud_address, aliases, note, changed_at, generation
     FROM past_entry WHERE generation_to > ?1 AND generation <= ?1";

/// SQLite's integers are signed. Generations count edits, so they never come near.
pub(crate) fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that was written by [`sql_number`].
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Turns rows into entries; what many rows share is kept once.
#[derive(Default)]
pub(crate) struct Decoder {
    sites: HashMap<String, SiteName>,
    domains: HashMap<String, Domain>,
}

/// A row that cannot be read.
pub(crate) enum RowFault {
    Sql(rusqlite::Error),
    /// It says what no row can.
    Says {
        row: String,
        message: String,
    },
}

impl From<rusqlite::Error> for RowFault {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sql(source)
    }
}

impl Decoder {
    pub(crate) fn entry(&mut self, row: &Row<'_>) -> Result<Entry, RowFault> {
        let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let optional = |column: usize| -> rusqlite::Result<Option<&str>> {
            Ok(row.get_ref(column)?.as_str_or_null()?)
        };
        let bad = |message: String| RowFault::Says { row: text.to_owned(), message };
        let state: String = row.get(2)?;
        Ok(Entry {
            address: self.address(text).map_err(bad)?,
            home: self.site(optional(1)?.unwrap_or_default()),
            state: state.parse().map_err(|why| bad(format!("state: {why}, not {state:?}")))?,
            batch: optional(3)?.map(Into::into),
            cloud_address: optional(4)?.map(|it| self.address(it)).transpose().map_err(bad)?,
            aliases: self.aliases(optional(5)?).map_err(bad)?,
            note: optional(6)?.map(Into::into),
            changed_at: Timestamp::from_micros(from_sql(row.get(7)?)),
            generation: from_sql(row.get(8)?),
        })
    }

    fn site(&mut self, name: &str) -> SiteName {
        if let Some(site) = self.sites.get(name) {
            return site.clone();
        }
        let site = SiteName::new(name);
        self.sites.insert(name.to_owned(), site.clone());
        site
    }

    fn address(&mut self, text: &str) -> Result<Address, String> {
        let bad = |why: mail::AddressError| format!("{text:?}: {why}");
        let (local, name) = text.rsplit_once('@').unwrap_or_default();
        if let Some(domain) = self.domains.get(name) {
            return Address::new(local, domain.clone()).map_err(bad);
        }
        let address: Address = text.parse().map_err(bad)?;
        self.domains.insert(name.to_owned(), address.domain().clone());
        Ok(address)
    }

    fn aliases(&mut self, text: Option<&str>) -> Result<Box<[Address]>, String> {
        let Some(text) = text else { return Ok(Box::default()) };
        crate::csv::split_aliases(text).into_iter().map(|it| self.address(it)).collect()
    }
}

/// Aliases in one column; read back by [`crate::csv::split_aliases`].
pub(crate) fn aliases_text(aliases: &[Address]) -> Option<String> {
    let list: Vec<String> = aliases.iter().map(Address::to_string).collect();
    (!list.is_empty()).then(|| list.join(" "))
}
