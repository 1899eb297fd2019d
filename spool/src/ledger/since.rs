//! What was accepted since some time, page by page.

use std::ops::ControlFlow;

use mail::{Envelope, SpoolId, Timestamp};

use super::files::{self, Known, frames};
use super::frame::{Fact, Frame};
use super::trace::event_of;
use crate::error::SpoolError;
use crate::event::Event;
use crate::record::Kind;

/// A place in the ledger: what is before it has been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: u32,
    pub offset: u64,
}

/// A message as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub id: SpoolId,
    pub accepted_at: Timestamp,
    pub envelope: Envelope,
}

/// Shows what was accepted at `since` or later and is behind `from`, in the order of the log, until
/// `visit` breaks. Returns where it broke off; `None` at the end. Memory is one step of a file.
pub(super) fn accepted(
    files: &[Known],
    since: Timestamp,
    from: Option<Place>,
    mut visit: impl FnMut(Arrival) -> ControlFlow<()>,
) -> Result<Option<Place>, SpoolError> {
    walk(files, since, from, |frame| {
        if frame.kind != Kind::Message {
            return ControlFlow::Continue(());
        }
        let Ok(Fact::Accepted(head)) = frame.decode() else { return ControlFlow::Continue(()) };
        if head.accepted_at < since {
            return ControlFlow::Continue(());
        }
        let (id, accepted_at) = (frame.id, head.accepted_at);
        visit(Arrival { id, accepted_at, envelope: head.envelope })
    })
}

/// Shows what was written of some messages since then and behind `from`, until `visit` breaks.
/// What a notification settles is not among it.
pub(super) fn events(
    files: &[Known],
    since: Timestamp,
    from: Option<Place>,
    wanted: impl Fn(SpoolId) -> bool,
    mut visit: impl FnMut(&Event) -> ControlFlow<()>,
) -> Result<Option<Place>, SpoolError> {
    walk(files, since, from, |frame| match frame.kind {
        Kind::Event if wanted(frame.id) => match event_of(frame) {
            Some(event) => visit(&event),
            None => ControlFlow::Continue(()),
        },
        _ => ControlFlow::Continue(()),
    })
}

/// Files that may have something of `since` or later, from a place on.
fn walk(
    files: &[Known],
    since: Timestamp,
    from: Option<Place>,
    mut visit: impl FnMut(&Frame<'_>) -> ControlFlow<()>,
) -> Result<Option<Place>, SpoolError> {
    let start = match from {
        Some(place) => files.iter().position(|it| it.number == place.file).unwrap_or(0),
        // The next file was begun when this one was full, so all of an earlier one is older.
        None => files.iter().skip(1).take_while(|it| it.made_at < since).count(),
    };
    for known in &files[start.min(files.len())..] {
        let skip = from.filter(|it| it.file == known.number).map_or(0, |it| it.offset);
        let mut broke = None;
        let look = |frame: &Frame<'_>, end: u64| {
            if end <= skip {
                return ControlFlow::Continue(());
            }
            let flow = visit(frame);
            if flow.is_break() {
                broke = Some(Place { file: known.number, offset: end });
            }
            flow
        };
        frames(&*known.file, known.len, look)
            .map_err(SpoolError::io("read", files::path(known.number)))?;
        if broke.is_some() {
            return Ok(broke);
        }
    }
    Ok(None)
}
