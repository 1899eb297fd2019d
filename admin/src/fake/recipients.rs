//! Who exists, by directory services and files.

use api::{
    DirectoryImport, DirectorySource, DirectoryState, DirectoryStatus, DirectorySync, Drift,
    DriftKind, DriftList, DriftQuery, PendingRemovals, Recipient, RecipientList, RecipientQuery,
    SyncRequest,
};
use bytes::Bytes;

use super::{FakeBackend, ready};
use crate::{Answer, Author, BackendError};

/// One source with two recipients, of which a sync would remove one.
fn recipients() -> Vec<Recipient> {
    let recipient = |name: &str| Recipient {
        address: format!("{name}@contoso.example"),
        aliases: vec![format!("{name}.alias@contoso.example")],
        x500: vec![format!("/o=contoso/cn={name}")],
        target_address: None,
        kind: "user".to_owned(),
        source: "ad".to_owned(),
        id: name.to_owned(),
    };
    vec![recipient("anna"), recipient("bert")]
}

fn pending() -> PendingRemovals {
    PendingRemovals {
        recipients: 1,
        addresses: 2,
        of_addresses: 4,
        examples: vec!["bert@contoso.example".to_owned()],
    }
}

fn synced(dry_run: bool, accept: bool) -> DirectorySync {
    DirectorySync {
        dry_run,
        full: true,
        entries: 1,
        removed: 1,
        milliseconds: 7,
        pending_removals: (!accept).then(pending),
        ..DirectorySync::default()
    }
}

fn known(source: &str) -> Result<(), BackendError> {
    if source == "ad" {
        return Ok(());
    }
    Err(BackendError::not_found(format!("directory {source}: there is ad")))
}

impl crate::Recipients for FakeBackend {
    fn directory(&self) -> Answer<'_, DirectoryStatus> {
        ready(Ok(DirectoryStatus {
            sources: vec![DirectorySource {
                name: "ad".to_owned(),
                kind: "ldap".to_owned(),
                place: "ldap://dc.contoso.example DC=contoso,DC=example".to_owned(),
                state: DirectoryState::NeedsConfirmation,
                age_seconds: Some(90),
                recipients: 2,
                addresses: 4,
                pending_removals: Some(pending()),
                ..DirectorySource::default()
            }],
            recipients: 2,
            addresses: 4,
            conflicts: 0,
        }))
    }

    fn recipients(&self, query: RecipientQuery) -> Answer<'_, RecipientList> {
        let limit = query.limit.unwrap_or(200) as usize;
        let text = query.matching.unwrap_or_default();
        let found = recipients().into_iter().filter(|it| it.address.contains(&text));
        let mut page: Vec<_> =
            found.filter(|it| query.cursor.as_ref().is_none_or(|at| it.address > *at)).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let next_cursor = page.last().filter(|_| more).map(|it| it.address.clone());
        ready(Ok(RecipientList { recipients: page, next_cursor }))
    }

    fn recipient(&self, address: String) -> Answer<'_, Recipient> {
        let found = recipients()
            .into_iter()
            .find(|it| it.address == address || it.aliases.contains(&address));
        ready(found.ok_or_else(|| BackendError::not_found(format!("recipient {address}"))))
    }

    fn sync_recipients(
        &self,
        source: String,
        request: SyncRequest,
        author: Author,
    ) -> Answer<'_, DirectorySync> {
        self.change(move |state| {
            known(&source)?;
            state.log.push((author.0, format!("sync {source}")));
            Ok(synced(request.dry_run, request.accept_removals))
        })
    }

    fn import_recipients(
        &self,
        source: String,
        csv: Bytes,
        options: DirectoryImport,
        author: Author,
    ) -> Answer<'_, DirectorySync> {
        self.change(move |state| {
            known(&source)?;
            if !csv.starts_with(b"address") {
                let detail = "line 1, column address: missing".to_owned();
                return Err(BackendError::Invalid { detail, errors: Vec::new() });
            }
            state.log.push((author.0, format!("import {source}")));
            Ok(synced(options.dry_run, options.accept_removals))
        })
    }

    fn drift(&self, _: DriftQuery) -> Answer<'_, DriftList> {
        let row = Drift {
            address: "carl@contoso.example".to_owned(),
            kind: DriftKind::NotInTable,
            table: None,
            directory: Some("user, at its own side".to_owned()),
            suggestion: Some("causeway route set carl@contoso.example --home on_prem".to_owned()),
        };
        ready(Ok(DriftList { generation: 1, rows: vec![row], next_cursor: None }))
    }
}
