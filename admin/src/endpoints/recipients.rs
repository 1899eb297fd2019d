//! Who exists, by directory services and files.

use super::{Endpoint, Need, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/directory",
        "The directories and how old their copies are.",
        &[],
        "",
        "DirectoryStatus",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/directory/recipients",
        "One page of the recipients that match.",
        &["matching", "source", "cursor", "limit"],
        "",
        "RecipientList",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/directory/recipients/{name}",
        "The recipient with an address.",
        &[],
        "",
        "Recipient",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/directory/sources/{name}/sync",
        "Read a directory in full, now.",
        &[],
        "SyncRequest",
        "DirectorySync",
    ),
    endpoint(
        Need::Operator,
        "post",
        "/api/v1/directory/sources/{name}/import",
        "A CSV file becomes the copy of a directory that is kept by import.",
        &["dry_run", "accept_removals"],
        "text/csv",
        "DirectorySync",
    ),
    endpoint(
        Need::Viewer,
        "get",
        "/api/v1/directory/drift",
        "Where the table and the directories disagree.",
        &["cursor", "limit"],
        "",
        "DriftList",
    ),
];
