//! Who exists, by directory services and files.

use admin::{Answer, Author, BackendError};
use api::{
    DirectoryImport, DirectoryMistake, DirectorySource, DirectoryState, DirectoryStatus,
    DirectorySync, Drift, DriftKind, DriftList, DriftQuery, FieldError, PendingRemovals, Recipient,
    RecipientList, RecipientQuery, SyncRequest,
};
use bytes::Bytes;
use mail::{Address, AddressKey};
use recipients::{Found, Pending, Recipients, RequestError, SourceView, Status, Synced};

use super::table::blocking;
use super::{Control, page_limit};

impl Control {
    fn known(&self) -> Result<Recipients, BackendError> {
        let known = self.routes.recipients().cloned();
        known.ok_or_else(|| BackendError::not_found("directory: none is configured"))
    }

    async fn list_recipients(&self, query: RecipientQuery) -> Result<RecipientList, BackendError> {
        let snapshot = self.known()?.snapshot();
        let after = cursor(query.cursor.as_deref())?;
        let limit = page_limit(query.limit);
        let text = query.matching.unwrap_or_default().to_lowercase();
        blocking(move || {
            let matches = |it: &Found| {
                query.source.as_ref().is_none_or(|source| *source == *it.source)
                    && (text.is_empty()
                        || it.recipient.addresses().any(|it| it.key().as_str().contains(&text)))
            };
            let mut found: Vec<(AddressKey, &Found)> = snapshot
                .iter()
                .filter(|it| matches(it))
                .map(|it| (it.recipient.address.key(), it))
                .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
                .collect();
            found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let more = found.len() > limit;
            found.truncate(limit);
            let next_cursor = found.last().filter(|_| more).map(|it| it.0.to_string());
            let recipients = found.into_iter().map(|it| recipient(it.1)).collect();
            Ok(RecipientList { recipients, next_cursor })
        })
        .await
    }

    fn find_recipient(&self, text: &str) -> Result<Recipient, BackendError> {
        let parsed: Address = text
            .parse()
            .map_err(|it: mail::AddressError| BackendError::invalid("address", it.to_string()))?;
        let snapshot = self.known()?.snapshot();
        let found =
            snapshot.find(&parsed.key()).or_else(|| snapshot.find_encapsulated(parsed.local()));
        let missing = || BackendError::not_found(format!("recipient {parsed} in a directory"));
        found.map(recipient).ok_or_else(missing)
    }

    async fn drift_page(&self, query: DriftQuery) -> Result<DriftList, BackendError> {
        let snapshot = self.known()?.snapshot();
        let (table, domains) = (self.routes.directory().snapshot(), self.routes.domains().clone());
        let after = cursor(query.cursor.as_deref())?;
        let limit = page_limit(query.limit);
        blocking(move || {
            let found = recipients::drift(&table, &snapshot, &domains, after.as_ref(), limit + 1);
            let next_cursor =
                found.get(limit).and_then(|_| found.get(limit - 1)).map(|it| it.0.to_string());
            let rows = found.into_iter().take(limit).flat_map(|it| it.1).map(drift).collect();
            Ok(DriftList { generation: table.generation(), rows, next_cursor })
        })
        .await
    }

    async fn sync_source(
        &self,
        source: String,
        request: SyncRequest,
        author: Author,
    ) -> Result<DirectorySync, BackendError> {
        tracing::info!(source, by = author.0, ?request, "A directory is to be read.");
        let SyncRequest { dry_run, accept_removals } = request;
        let asked = recipients::SyncRequest { dry_run, accept_removals };
        let done = self.known()?.sync(&source, asked).await.map_err(error)?;
        Ok(sync(&done, dry_run))
    }

    async fn import_source(
        &self,
        source: String,
        csv: Bytes,
        options: DirectoryImport,
        author: Author,
    ) -> Result<DirectorySync, BackendError> {
        let text = String::from_utf8(csv.to_vec()).map_err(|_| {
            BackendError::invalid("the file", "not UTF-8: save it in that encoding")
        })?;
        tracing::info!(source, by = author.0, ?options, "A directory's file is imported.");
        let DirectoryImport { dry_run, accept_removals } = options;
        let asked = recipients::SyncRequest { dry_run, accept_removals };
        let done = self.known()?.import(&source, text, asked).await.map_err(error)?;
        Ok(sync(&done, dry_run))
    }
}

impl admin::Recipients for Control {
    fn directory(&self) -> Answer<'_, DirectoryStatus> {
        Box::pin(async {
            let Ok(known) = self.known() else { return Ok(DirectoryStatus::default()) };
            let known = known.clone();
            // A sync that is being written down is waited for.
            let (views, snapshot) = blocking(move || Ok((known.views(), known.snapshot()))).await?;
            Ok(DirectoryStatus {
                sources: views.iter().map(source).collect(),
                recipients: snapshot.recipients() as u64,
                addresses: snapshot.addresses() as u64,
                conflicts: snapshot.conflicts.len() as u64,
            })
        })
    }

    fn recipients(&self, query: RecipientQuery) -> Answer<'_, RecipientList> {
        Box::pin(self.list_recipients(query))
    }

    fn recipient(&self, address: String) -> Answer<'_, Recipient> {
        Box::pin(async move { self.find_recipient(&address) })
    }

    fn sync_recipients(
        &self,
        source: String,
        request: SyncRequest,
        author: Author,
    ) -> Answer<'_, DirectorySync> {
        Box::pin(self.sync_source(source, request, author))
    }

    fn import_recipients(
        &self,
        source: String,
        csv: Bytes,
        options: DirectoryImport,
        author: Author,
    ) -> Answer<'_, DirectorySync> {
        Box::pin(self.import_source(source, csv, options, author))
    }

    fn drift(&self, query: DriftQuery) -> Answer<'_, DriftList> {
        Box::pin(self.drift_page(query))
    }
}

fn cursor(text: Option<&str>) -> Result<Option<AddressKey>, BackendError> {
    let parse = |it: &str| it.parse::<Address>().map(|it| it.key());
    let wrong = |_| BackendError::invalid("cursor", "want next_cursor of the page before");
    text.map(parse).transpose().map_err(wrong)
}

fn error(why: RequestError) -> BackendError {
    match why {
        RequestError::Unknown(name) => BackendError::not_found(format!("directory {name}")),
        RequestError::Kind(detail) => BackendError::Refused { detail, hint: None },
        RequestError::Failed(why) => BackendError::Refused {
            detail: format!("it cannot be read: {why}"),
            hint: Some("the last good copy serves on; see causeway directory status".to_owned()),
        },
        RequestError::File(mistakes) => BackendError::Invalid {
            detail: "Nothing was changed.".to_owned(),
            errors: mistakes
                .iter()
                .map(|it| FieldError::row(it.line as u64, &it.column, it.message.clone()))
                .collect(),
        },
    }
}

fn source(view: &SourceView) -> DirectorySource {
    let mistake = |(entry, message): &(String, String)| DirectoryMistake {
        entry: entry.clone(),
        message: message.clone(),
    };
    DirectorySource {
        name: view.name.clone(),
        kind: view.kind.to_owned(),
        place: view.place.clone(),
        state: match view.status {
            _ if view.kind == "callout" => DirectoryState::Asking,
            Status::Waiting => DirectoryState::Waiting,
            Status::Ok => DirectoryState::Ok,
            Status::Failed => DirectoryState::Failed,
            Status::NeedsConfirmation => DirectoryState::NeedsConfirmation,
        },
        fresh: view.is_fresh,
        age_seconds: view.age.map(|it| it.as_secs()),
        recipients: view.recipients as u64,
        addresses: view.addresses as u64,
        good_at: view.position.good_at.map(|it| it.to_string()),
        full_at: view.position.full_at.map(|it| it.to_string()),
        tried_at: view.tried_at.map(|it| it.to_string()),
        last_sync: view.last.as_ref().map(|it| sync(it, false)),
        last_error: view.error.clone(),
        pending_removals: view.pending.as_ref().map(pending),
        mistakes: view.mistakes.count as u64,
        mistakes_listed: view.mistakes.list.iter().map(mistake).collect(),
    }
}

fn sync(synced: &Synced, dry_run: bool) -> DirectorySync {
    DirectorySync {
        dry_run,
        full: synced.is_full,
        entries: synced.entries as u64,
        added: synced.added as u64,
        changed: synced.changed as u64,
        removed: synced.removed as u64,
        milliseconds: synced.took.as_millis().try_into().unwrap_or(u64::MAX),
        pending_removals: synced.pending.as_ref().map(pending),
    }
}

fn pending(pending: &Pending) -> PendingRemovals {
    PendingRemovals {
        recipients: pending.recipients as u64,
        addresses: pending.addresses as u64,
        of_addresses: pending.of_addresses as u64,
        examples: pending.examples.iter().map(Address::to_string).collect(),
    }
}

fn recipient(found: &Found) -> Recipient {
    let who = &found.recipient;
    Recipient {
        address: who.address.to_string(),
        aliases: who.others.iter().map(Address::to_string).collect(),
        x500: who.x500.iter().map(|it| it.to_string()).collect(),
        target_address: who.target.as_ref().map(Address::to_string),
        kind: who.kind.as_str().to_owned(),
        source: found.source.to_string(),
        id: who.id.to_string(),
    }
}

fn drift(found: recipients::Drift) -> Drift {
    let word =
        |it: &String| match it.chars().all(|c| c.is_ascii_alphanumeric() || "@.-_+,=".contains(c))
            && !it.is_empty()
        {
            true => it.clone(),
            false => format!("'{}'", it.replace('\'', r"'\''")),
        };
    let command = |words: Vec<String>| {
        let words: Vec<String> = words.iter().map(word).collect();
        format!("causeway {}", words.join(" "))
    };
    Drift {
        address: found.address.to_string(),
        kind: match found.kind {
            recipients::DriftKind::NotInTable => DriftKind::NotInTable,
            recipients::DriftKind::NotInDirectory => DriftKind::NotInDirectory,
            recipients::DriftKind::HomeDiffers => DriftKind::HomeDiffers,
            recipients::DriftKind::AliasDiffers => DriftKind::AliasDiffers,
            recipients::DriftKind::AliasConflict => DriftKind::AliasConflict,
        },
        table: found.table,
        directory: found.directory,
        suggestion: found.suggestion.map(command),
    }
}
