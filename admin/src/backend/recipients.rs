//! Who exists, by directory services and files.

use api::{
    DirectoryImport, DirectoryStatus, DirectorySync, DriftList, DriftQuery, Recipient,
    RecipientList, RecipientQuery, SyncRequest,
};
use bytes::Bytes;

use super::{Answer, Author};

/// See the module, and [`crate::Backend`].
pub trait Recipients {
    fn directory(&self) -> Answer<'_, DirectoryStatus>;
    /// `query.limit` is set and in range.
    fn recipients(&self, query: RecipientQuery) -> Answer<'_, RecipientList>;
    /// Whoever has this address, or the X.500 name in it.
    fn recipient(&self, address: String) -> Answer<'_, Recipient>;
    fn sync_recipients(
        &self,
        source: String,
        request: SyncRequest,
        author: Author,
    ) -> Answer<'_, DirectorySync>;
    /// Mistakes of the file are [`crate::BackendError::Invalid`], all of them.
    fn import_recipients(
        &self,
        source: String,
        csv: Bytes,
        options: DirectoryImport,
        author: Author,
    ) -> Answer<'_, DirectorySync>;
    /// `query.limit` is set and in range.
    fn drift(&self, query: DriftQuery) -> Answer<'_, DriftList>;
}
