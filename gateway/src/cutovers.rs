//! Ends cutovers that take too long: nobody's mail is held for ever because a sidecar died.

use std::sync::Arc;
use std::time::Duration;

use directory::{CUTOVER_ENDED_BY, Committed, Cutover, CutoverClock};
use mail::AddressKey;
use tokio_util::sync::CancellationToken;

use crate::control::Control;

/// How often cutovers are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until `stop`. To be spawned once, on the control runtime.
pub(crate) async fn watch(control: Arc<Control>, stop: CancellationToken) {
    let mut clock = CutoverClock::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => (),
        }
        let cutovers = control.routes.directory().cutovers();
        let max = control.config.load().routing.cutover_max;
        let due = clock.due(&cutovers, max, control.now(), control.started.0.elapsed());
        if !due.is_empty() {
            end(&control, due, max).await;
        }
    }
}

/// What the disk refuses is tried again with the next look.
async fn end(control: &Control, due: Vec<Cutover>, max: Duration) {
    let directory = Arc::clone(control.routes.directory());
    let domains = Arc::clone(&control.routes.domains());
    let at = control.now();
    let reason = format!("the cutover took longer than routing.cutover_max ({} s)", max.as_secs());
    let why = reason.clone();
    let ended = tokio::task::spawn_blocking(move || {
        let ended = directory.end_cutovers(&domains, &due, &why, at);
        ended.map_err(|it| it.to_string()).map(|it| (it, due))
    });
    match ended.await.unwrap_or_else(|it| Err(it.to_string())) {
        Ok((committed, due)) if committed.changed_n > 0 => tell(control, &committed, &due, &reason),
        // Somebody was faster.
        Ok(_) => (),
        Err(error) => tracing::error!(error, "Cutovers that took too long cannot be ended."),
    }
}

fn tell(control: &Control, committed: &Committed, due: &[Cutover], reason: &str) {
    control.committed(committed, CUTOVER_ENDED_BY, reason);
    let ended = due.iter().filter(|it| committed.changed.binary_search(&it.key).is_ok());
    for it in ended {
        tracing::error!(
            mailbox = %it.key,
            since = %it.since,
            generation = committed.generation,
            "Its cutover took too long and has ended: the mailbox is where it was before."
        );
    }
    let table = control.routes.directory().current();
    let now = |key: &AddressKey| Some((key.clone(), table.get(key)?.state));
    let mailboxes = committed.changed.iter().filter_map(now).collect();
    let ended = (committed.generation, committed.changed_n as u64);
    control.watched.happened.cutovers_ended(ended, mailboxes, reason, control.now());
}
