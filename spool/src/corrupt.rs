//! What does not check is copied to `corrupt/` and never deleted.

use std::io;

use mail::SpoolId;
use tracing::{error, warn};

use crate::disk::{Disk, DiskFile, read_full, write_all};
use crate::error::SpoolError;
use crate::index::Entry;
use crate::large;
use crate::record::Lsn;
use crate::shared::Shared;

pub(crate) const DIR: &str = "spool/corrupt";

/// A copy already there is left alone, so that the same finding is reported once.
/// Returns whether it is new; the copy is durable then.
pub(crate) fn save(disk: &dyn Disk, name: &str, bytes: &[u8]) -> Result<bool, SpoolError> {
    let path = format!("{DIR}/{name}");
    let names = disk.list(DIR).map_err(SpoolError::io("list", DIR))?;
    if names.iter().any(|it| it == name) {
        return Ok(false);
    }
    let temporary = format!("{DIR}/new-{name}");
    let _ = disk.unlink(&temporary);
    let file = disk.create(&temporary).map_err(SpoolError::io("create", &*temporary))?;
    let written = write_all(&*file, 0, bytes).and_then(|()| file.sync_data());
    written.map_err(SpoolError::io("write", &*temporary))?;
    disk.rename(&temporary, &path).map_err(SpoolError::io("rename", temporary))?;
    disk.sync_dir(DIR).map_err(SpoolError::io("sync", DIR))?;
    Ok(true)
}

/// Copies a range of a segment that recovery could not read.
pub(crate) fn save_range(
    disk: &dyn Disk,
    file: &dyn DiskFile,
    at: Lsn,
    len: u64,
) -> Result<bool, SpoolError> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let name = format!("seg-{:08x}-{:08x}", at.segment, at.offset);
    let n = read_full(file, u64::from(at.offset), &mut bytes)
        .map_err(SpoolError::io("read", &*name))?;
    save(disk, &name, &bytes[..n])
}

/// A message that recovery found cannot be read now that it is wanted. It leaves the index, so that
/// the ledger's proof misses it, and what can be read of it is copied; where nothing can, its
/// segment is kept for the next start to try.
pub(crate) fn lose_record(shared: &Shared, id: SpoolId, entry: &Entry, why: &io::Error) {
    let segment = shared.index.lock().segments.get(&entry.at.segment).map(|it| it.file.clone());
    let saved = segment.is_some_and(|file| {
        save_range(&*shared.disk, &*file, entry.at, u64::from(entry.bytes)).is_ok()
    });
    let mut index = shared.index.lock();
    if !saved {
        index.pin(entry.at.segment);
    }
    index.lose(id.as_u64());
    shared.metrics.queued.set(i64::try_from(index.queued()).unwrap_or(i64::MAX));
    drop(index);
    shared.count_corrupt();
    error!(%id, error = %why, copied = saved, "A message that was accepted cannot be read.");
}

/// A large body whose message is not known, and may be one that was damaged.
pub(crate) fn keep_body(shared: &Shared, id: SpoolId) {
    let path = format!("{DIR}/large-{id}");
    match shared.disk.rename(&large::path(id), &path) {
        Ok(()) => warn!(%id, path, "A large body is named by no message that can be read."),
        Err(error) => warn!(%id, %error, "Cannot move a large body."),
    }
}

/// A record that passed recovery does not check any more: bit rot, found while loading.
pub(crate) fn report_record(shared: &Shared, id: SpoolId, entry: &Entry) {
    let segment = shared.index.lock().segments.get(&entry.at.segment).map(|it| it.file.clone());
    let Some(file) = segment else { return };
    let saved = save_range(&*shared.disk, &*file, entry.at, u64::from(entry.bytes));
    match saved {
        Ok(false) => return,
        Ok(true) => error!(%id, "A message does not match its checksum; a copy is in corrupt/."),
        Err(error) => error!(%id, %error, "A message does not match its checksum."),
    }
    shared.count_corrupt();
}
