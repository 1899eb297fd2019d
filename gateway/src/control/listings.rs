//! Lists of the table that are looked at by position, as the console scrolls through a million rows.
//!
//! The table is a hash tree and has no positions. The sorted rows of the last few lists are kept, so
//! that each further page of one costs its own rows only. A list belongs to one generation.

use std::collections::VecDeque;
use std::sync::Arc;

use api::{EntryList, ListQuery};
use parking_lot::Mutex;
use router::{Row, Table};

use super::table::{entry, matches};

/// Lists that are kept: of a million rows, 8 MB each.
const KEPT_MAX: usize = 4;

type Rows = Arc<Vec<Arc<Row>>>;

/// The lists that were asked for last, the newest first.
#[derive(Default)]
pub struct Listings(Mutex<VecDeque<(Key, Rows)>>);

#[derive(Clone, Debug, PartialEq)]
struct Key {
    generation: u64,
    /// Without the place of the page.
    filter: ListQuery,
}

impl Listings {
    /// At most `limit` rows after the first `offset` of those that match.
    pub(super) fn page(
        &self,
        table: &Table,
        query: &ListQuery,
        offset: u64,
        limit: usize,
    ) -> EntryList {
        let rows = self.rows(table, query);
        let first = usize::try_from(offset).unwrap_or(usize::MAX).min(rows.len());
        let last = first.saturating_add(limit).min(rows.len());
        let page = rows.get(first..last).unwrap_or_default();
        let next = page.last().filter(|_| last < rows.len());
        EntryList {
            generation: table.generation(),
            entries: page.iter().map(|it| entry(it.entry())).collect(),
            next_cursor: next.map(|it| it.address.to_string()),
            total: Some(rows.len() as u64),
        }
    }

    fn rows(&self, table: &Table, query: &ListQuery) -> Rows {
        let filter = ListQuery {
            cursor: None,
            offset: None,
            limit: None,
            generation: None,
            ..query.clone()
        };
        let key = Key { generation: table.generation(), filter };
        if let Some((_, rows)) = self.0.lock().iter().find(|(it, _)| *it == key) {
            return Arc::clone(rows);
        }
        // Not under the lock: the others can turn their pages meanwhile.
        let rows = Arc::new(table.sorted(|row| matches(row, query)));
        let mut kept = self.0.lock();
        kept.retain(|(it, _)| it.generation >= key.generation && *it != key);
        kept.push_front((key, Arc::clone(&rows)));
        kept.truncate(KEPT_MAX);
        rows
    }
}

#[cfg(test)]
mod tests {
    use mail::{SiteName, Timestamp};
    use router::{Entry, MoveState};

    use super::*;

    fn table(generation: u64, names: &[&str]) -> Table {
        let rows = names.iter().map(|name| Entry {
            address: format!("{name}@contoso.example").parse().unwrap(),
            home: SiteName::new("on_prem"),
            state: MoveState::OnPrem,
            batch: None,
            cloud_address: None,
            aliases: Vec::new().into(),
            note: None,
            changed_at: Timestamp::from_micros(0),
            generation,
        });
        Table::from_rows(generation, rows)
    }

    fn names(page: &EntryList) -> Vec<&str> {
        page.entries.iter().map(|it| it.address.split('@').next().unwrap()).collect()
    }

    #[test]
    fn a_page_is_found_by_its_position() {
        let (listings, query) = (Listings::default(), ListQuery::default());
        let table = table(1, &["emma", "anna", "carla", "bert", "david"]);
        let page = listings.page(&table, &query, 1, 2);
        assert_eq!((names(&page), page.total), (vec!["bert", "carla"], Some(5)));
        assert_eq!(page.next_cursor.as_deref(), Some("carla@contoso.example"));
        let page = listings.page(&table, &query, 4, 2);
        assert_eq!((names(&page), page.next_cursor.is_none()), (vec!["emma"], true));
        assert_eq!(names(&listings.page(&table, &query, 99, 2)), Vec::<&str>::new());
        let filter = ListQuery { matching: Some("ANN".to_owned()), ..ListQuery::default() };
        let page = listings.page(&table, &filter, 0, 2);
        assert_eq!((names(&page), page.total), (vec!["anna"], Some(1)));
    }

    #[test]
    fn another_generation_is_another_list() {
        let (listings, query) = (Listings::default(), ListQuery::default());
        assert_eq!(listings.page(&table(1, &["anna"]), &query, 0, 9).total, Some(1));
        assert_eq!(listings.page(&table(2, &["anna", "bert"]), &query, 0, 9).total, Some(2));
        assert_eq!(listings.0.lock().len(), 1, "what is past is not kept");
        for n in 0..9 {
            let filter = ListQuery { matching: Some(n.to_string()), ..ListQuery::default() };
            listings.page(&table(2, &["anna"]), &filter, 0, 9);
        }
        assert_eq!(listings.0.lock().len(), KEPT_MAX);
    }
}
