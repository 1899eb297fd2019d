//! States of mailboxes in the move, for the sidecar.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/moves",
        "One page of the mailboxes that match, with what waits for them.",
        &["state", "batch", "cursor", "limit"],
        "",
        "MoveList",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/moves/{name}",
        "One mailbox: its state, attempts under way, deliveries in doubt.",
        &[],
        "",
        "Move",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/moves/transitions",
        "Steps of moves as one generation, each only if its row is as the caller saw it.",
        &[],
        "Transitions",
        "Transitioned",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/moves/{name}/cut",
        "Break off attempts for a mailbox in cutover; says which are in doubt by it.",
        &[],
        "CutRequest",
        "Cut",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/moves/{name}/resolve",
        "Say whether a mailbox has a message whose delivery is in doubt.",
        &[],
        "Resolve",
        "Resolved",
    ),
    endpoint(
        Need::Operator,
        "put",
        "/api/v1/moves/sync",
        "How far the copies of mailboxes are.",
        &[],
        "SyncReports",
        "SyncTaken",
    ),
    endpoint(
        Need::Viewer,
        "post",
        "/api/v1/explain/simulate",
        "Which mail since yesterday would have gone elsewhere under edits or a plan.",
        &[],
        "Simulate",
        "Simulation",
    ),
];
