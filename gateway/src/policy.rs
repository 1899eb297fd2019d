//! The two ends of the receive path: who decides about a recipient, and who takes a message.

use std::pin::Pin;
use std::sync::Arc;

use mail::Path;
use router::Admission;
use smtp::server::Verdict;
use spool::Message;

/// Judges recipients. Called on the reactor: answers from memory and never waits, or says that
/// somebody must be asked first.
pub trait Policy: Send + Sync + 'static {
    fn recipient(&self, path: Path, admission: Admission) -> Judged;
}

/// What is known of a recipient at once.
pub enum Judged {
    Now(Verdict),
    /// Ready within a bound of its own.
    Later(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self::Now(verdict)
    }
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
