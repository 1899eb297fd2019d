-- recipients.db, version 1: see docs/formats/recipients.md.
CREATE TABLE source (
    name    TEXT PRIMARY KEY,
    server  TEXT NOT NULL,
    usn     INTEGER NOT NULL,
    good_at INTEGER NOT NULL,
    full_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE recipient (
    source  TEXT NOT NULL,
    id      TEXT NOT NULL,
    address TEXT NOT NULL,
    others  TEXT NOT NULL,
    x500    TEXT NOT NULL,
    target  TEXT,
    kind    TEXT NOT NULL,
    usn     INTEGER NOT NULL,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
