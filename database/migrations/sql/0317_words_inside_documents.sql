-- The words of a version as they are searched, those inside its file, too; made of it, and made anew where missing.

CREATE TABLE library_search (
    version_id integer PRIMARY KEY REFERENCES library_version,
    flat       text NOT NULL,                       -- small letters, plain forms, single blanks
    grams      text[] NOT NULL,                     -- pairs of characters
    how        text NOT NULL CHECK (how IN ('text', 'partly', 'none', 'unread')), -- how much of the file was read
    pages      integer NOT NULL DEFAULT 0,          -- of a PDF; 0: not known
    inside     text NOT NULL DEFAULT '',            -- the file's words; pages end with a form feed
    made_at    timestamptz NOT NULL
);
CREATE INDEX library_search_grams ON library_search USING gin (grams);
CREATE INDEX library_version_of ON library_version (document_id, valid_from DESC, number DESC);
CREATE INDEX course_certificate_ends ON course_certificate (expires_on) WHERE revoked_at IS NULL;
