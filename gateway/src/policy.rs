//! The two ends of the receive path: who decides about a recipient, and who takes a message.

use std::sync::Arc;

use mail::Path;
use router::Admission;
use smtp::server::Verdict;
use spool::Message;

/// Judges recipients. Called on the reactor: answers from memory, never waits.
pub trait Policy: Send + Sync + 'static {
    fn recipient(&self, path: Path, admission: Admission) -> Verdict;
}

/// Takes messages that are durable.
pub trait Handoff: Send + Sync + 'static {
    /// Never blocks and cannot refuse: what is not taken now is found again at the next start.
    fn submit(&self, message: Arc<Message>);
}

impl<F> Handoff for F
where
    F: Fn(Arc<Message>) + Send + Sync + 'static,
{
    fn submit(&self, message: Arc<Message>) {
        self(message);
    }
}
