//! Past tables that somebody looks at: kept for the next question, which is likely about them too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use router::Table;

/// Two, to compare one with the other.
const TABLES_MAX: usize = 2;
/// Larger tables are read again each time: memory is for mail.
const ROWS_MAX: usize = 250_000;

/// The newest answer last.
#[derive(Default)]
pub(crate) struct Past(Mutex<Vec<Arc<Table>>>);

impl Past {
    pub(crate) fn get(&self, generation: u64) -> Option<Arc<Table>> {
        self.tables().iter().find(|it| it.generation() == generation).cloned()
    }

    /// Instead of the one that has been here longest, unless it is large.
    pub(crate) fn keep(&self, table: &Arc<Table>) {
        if table.len() > ROWS_MAX {
            return;
        }
        let mut tables = self.tables();
        if tables.len() == TABLES_MAX {
            tables.remove(0);
        }
        tables.push(Arc::clone(table));
    }

    fn tables(&self) -> MutexGuard<'_, Vec<Arc<Table>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
