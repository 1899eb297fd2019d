//! Carries the log of the database over into its file beside the edits, so that nobody who waits
//! for an edit waits for that as well.
//!
//! What a commit has synced is in the log (`-wal`) and survives; where a page of it lies, in the
//! log or in the file, matters to the length of the log only. Were this thread to fail, SQLite
//! itself carries a log of [`LOG_PAGES_MAX`] over within a commit.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// 256 MiB with pages of 4 KiB.
const LOG_PAGES_MAX: u32 = 65_536;

/// Octets of a log that is left alone; a log that was carried over is cut to it.
const LOG_SMALL: u32 = 4 << 20;

pub(super) struct Checkpointer {
    log: PathBuf,
    /// `None` when it is to end.
    nudge: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// `connection` is that of the edits, which leave the log alone from now on.
    pub(super) fn start(connection: &Connection, path: &Path) -> rusqlite::Result<Self> {
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
        connection.pragma_update(None, "journal_size_limit", LOG_SMALL)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let (nudge, nudged) = sync_channel(1);
        let path = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("table-checkpoint".to_owned())
            .spawn(move || carry_over(&path, &nudged))
            .ok();
        Ok(Self { log: log.into(), nudge: Some(nudge), thread })
    }

    /// After a commit. Costs the look at the length of a file.
    pub(super) fn committed(&self) {
        let is_long = std::fs::metadata(&self.log).is_ok_and(|it| it.len() > LOG_SMALL.into());
        if is_long && let Some(nudge) = &self.nudge {
            // Full: it is about to look anyway.
            let _ = nudge.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.nudge = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry_over(path: &Path, nudged: &Receiver<()>) {
    let mut connection = None;
    while nudged.recv().is_ok() {
        if let Err(error) = carry_over_once(&mut connection, path) {
            tracing::warn!(%error, "the log of the table's file was not carried over");
            connection = None;
        }
    }
}

/// PASSIVE waits for no reader and no writer, and none waits for it.
fn carry_over_once(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<()> {
    if connection.is_none() {
        *connection = Some(Connection::open(path)?);
    }
    let Some(connection) = connection else { return Ok(()) };
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
