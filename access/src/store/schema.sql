-- Local accounts.
CREATE TABLE account (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    domains TEXT NOT NULL,            -- a JSON list
    batches TEXT NOT NULL,            -- a JSON list
    password TEXT NOT NULL,           -- PHC string, Argon2id
    totp BLOB,                        -- the confirmed secret
    totp_pending BLOB,                -- waits for its first code
    totp_step INTEGER NOT NULL,       -- the last one that was used
    recovery TEXT NOT NULL,           -- a JSON list of SHA-256, hexadecimal
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,      -- microseconds since 1970, UTC, as every *_at
    created_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT, WITHOUT ROWID;

-- Keys of programs.
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,        -- SHA-256 of its whole text
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    domains TEXT NOT NULL,
    batches TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- People who are signed in.
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,        -- SHA-256 of the cookie's value
    kind TEXT NOT NULL,               -- user, token, break_glass or oidc
    whose TEXT NOT NULL,              -- name, token's id, SHA-256 of the line, or JSON
    source TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was done: docs/formats/access.md.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    via TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    details TEXT NOT NULL,
    status INTEGER,
    code TEXT NOT NULL,
    begun INTEGER,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_actor ON audit (actor, seq);

-- Answers that the same Idempotency-Key gets again.
CREATE TABLE answer (
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    route TEXT NOT NULL,              -- method and path
    body_hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,                   -- NULL while it runs
    headers TEXT NOT NULL,            -- a JSON list of pairs
    body BLOB,                        -- NULL if it was too large to keep
    PRIMARY KEY (actor, key, route)
) STRICT, WITHOUT ROWID;
