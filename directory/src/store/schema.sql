-- One row per change of the table: a revision.
CREATE TABLE generation (
    generation INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,              -- microseconds since 1970, UTC
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    removed INTEGER NOT NULL
) STRICT;

-- The table as it is: rows valid from their generation on.
CREATE TABLE entry (
    key TEXT PRIMARY KEY,             -- the address as it is searched for
    address TEXT NOT NULL,            -- as the operator wrote it
    home TEXT NOT NULL,
    state TEXT NOT NULL,
    batch TEXT,
    cloud_address TEXT,
    aliases TEXT,                     -- separated by spaces
    note TEXT,
    changed_at INTEGER NOT NULL,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rows that were changed or removed: valid from generation up to, and without, generation_to.
CREATE TABLE past_entry (
    generation_to INTEGER NOT NULL,
    key TEXT NOT NULL,
    address TEXT NOT NULL,
    home TEXT NOT NULL,
    state TEXT NOT NULL,
    batch TEXT,
    cloud_address TEXT,
    aliases TEXT,
    note TEXT,
    changed_at INTEGER NOT NULL,
    generation INTEGER NOT NULL
) STRICT;
CREATE INDEX past_entry_to ON past_entry (generation_to);
CREATE INDEX past_entry_key ON past_entry (key);
