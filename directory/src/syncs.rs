//! How far the copy of each mailbox is, as sidecars report it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use mail::{AddressKey, Timestamp};

use crate::store::SyncStore;
use crate::{Directory, DirectoryError};

/// The last report about one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncReport {
    pub items_total: u64,
    pub items_done: u64,
    /// When everything that there was had been copied; `None`: never yet.
    pub last_sync_at: Option<Timestamp>,
    pub reported_at: Timestamp,
}

/// In memory and on disk; the disk goes first.
pub(crate) struct Syncs {
    store: Mutex<SyncStore>,
    reports: RwLock<HashMap<AddressKey, SyncReport>>,
}

impl Syncs {
    pub(crate) fn open(table_path: &Path) -> Result<Self, DirectoryError> {
        let store = SyncStore::open(table_path)?;
        let reports = store.load()?.into_iter().collect();
        Ok(Self { store: Mutex::new(store), reports: RwLock::new(reports) })
    }
}

impl Directory {
    /// Keeps these reports, in the place of those of before. On disk when this returns. Blocks.
    pub fn report_syncs(&self, all: Vec<(AddressKey, SyncReport)>) -> Result<(), DirectoryError> {
        let syncs = self.syncs();
        let mut store = syncs.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.put(&all)?;
        syncs.reports.write().unwrap_or_else(PoisonError::into_inner).extend(all);
        Ok(())
    }

    /// The last report about the mailbox with exactly this address. Waits for nobody.
    pub fn sync_of(&self, key: &AddressKey) -> Option<SyncReport> {
        self.syncs().reports.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}
