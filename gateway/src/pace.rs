//! How long a client may take: for a command, and for a body, whether it is kept or read only to
//! be thrown away.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Times;

/// The progress of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// When the body began that comes in.
    started_at: Instant,
    /// When the client last completed something.
    renewed_at: Instant,
    /// Octets of the body that the client has sent.
    came: u64,
}

impl Pace {
    /// Something begins now: a session, or a body.
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self { started_at: now, renewed_at: now, came: 0 }
    }

    /// The client has completed something.
    pub(crate) fn renew(&mut self) {
        self.renewed_at = Instant::now();
    }

    /// Octets of a body have come.
    pub(crate) fn grown(&mut self, came: usize) {
        self.came = self.came.saturating_add(came as u64);
        self.renew();
    }

    /// When the next command must be there.
    pub(crate) fn command_deadline(&self, patience: Duration) -> Instant {
        self.renewed_at + patience
    }

    /// When the next octets of a body must be there: soon after the last ones, and in time for
    /// the rate. A client that sends an octet now and then meets every other limit for ever.
    pub(crate) fn body_deadline(&self, times: &Times, patience: Duration) -> Instant {
        let for_all = Duration::from_secs(self.came / times.data_rate_min);
        let by_rate = self.started_at + times.data_block + for_all;
        by_rate.min(self.renewed_at + patience)
    }
}
