-- What version 2 of the layout adds to version 1.
ALTER TABLE generation ADD COLUMN ticket TEXT;
ALTER TABLE generation ADD COLUMN plan TEXT;
ALTER TABLE generation ADD COLUMN approvers TEXT;   -- one a line
ALTER TABLE generation ADD COLUMN overrides TEXT;   -- one a line
ALTER TABLE generation ADD COLUMN previous_hash BLOB;
ALTER TABLE generation ADD COLUMN hash BLOB;

-- The rows of a revision are found by its number.
CREATE INDEX entry_generation ON entry (generation);
CREATE INDEX past_entry_from ON past_entry (generation);

-- Changes that are looked at before they are made.
CREATE TABLE plan (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    is_over INTEGER NOT NULL,         -- 1: nothing will become of it any more
    created_at INTEGER NOT NULL,
    document TEXT NOT NULL,           -- JSON
    rows TEXT NOT NULL                -- a line for each side of each row
) STRICT;
CREATE INDEX plan_over ON plan (is_over, id);
