//! Adds the ledger up now and then. It reads every file of it, on a thread that may block and beside the mail,
//! as `causeway ledger verify` does.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::control::Control;

/// After the start, when there is enough else to do.
const FIRST_AFTER: Duration = Duration::from_secs(600);
/// While the sum is not right, so that somebody who has mended it need not wait for a day.
const AGAIN_AFTER: Duration = Duration::from_secs(3600);
/// Looks at the setting, which a reload may change.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Runs until `stop`.
pub(crate) async fn add_up(control: Arc<Control>, stop: CancellationToken) {
    let mut waited = Duration::ZERO;
    let mut read_once = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => waited += LOOK_EVERY,
        }
        let is_wrong = control.watched.ledger.lock().is_some();
        let Some(every) = control.config.load().alerts.ledger_every else { continue };
        let wait = match (read_once, is_wrong) {
            (false, _) => FIRST_AFTER.min(every),
            (true, true) => AGAIN_AFTER.min(every),
            (true, false) => every,
        };
        if waited >= wait {
            waited = Duration::ZERO;
            read_once = true;
            control.add_ledger_up().await;
        }
    }
}

impl Control {
    /// What does not add up is kept for the next look at the alerts; what cannot be read does not either.
    pub(super) async fn add_ledger_up(&self) {
        let problem = match self.verify().await {
            Ok(it) if it.balanced => None,
            Ok(it) => it.problems.first().cloned().or_else(|| Some("no problem is named".into())),
            // The mail of the last run is still being read: nothing is known yet.
            Err(admin::BackendError::Busy { .. }) => return,
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = &problem {
            tracing::error!(problem, "The ledger does not add up.");
        }
        *self.watched.ledger.lock() = problem;
    }
}
