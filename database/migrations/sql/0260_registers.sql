-- Identity numbers of residents: encrypted by a key outside the database, found by a keyed hash.
CREATE TABLE identity_document (
    resident_id integer PRIMARY KEY REFERENCES resident ON DELETE CASCADE,
    document    text NOT NULL CHECK (document IN ('id_card', 'residence_permit', 'home_return_permit', 'taiwan_permit', 'passport')),
    key_id      text NOT NULL,
    nonce       bytea NOT NULL,
    ciphertext  bytea NOT NULL,                  -- AES-256-GCM of the number, bound to the resident
    digest      bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32), -- HMAC-SHA-256 with a key of its own
    version     integer NOT NULL DEFAULT 1,
    set_at      timestamptz NOT NULL,
    set_by      integer REFERENCES account
);

-- Residents who died or moved away: a state with a day and a reason; nothing about them is deleted.
CREATE TABLE resident_leaving (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    left_on     date NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('died', 'moved', 'other')),
    evidence    text NOT NULL CHECK (length(evidence) BETWEEN 1 AND 200), -- by what it is known
    written_at  timestamptz NOT NULL,
    written_by  integer REFERENCES account,
    back_at     timestamptz,                     -- came back, or it was a mistake
    back_by     integer REFERENCES account,
    back_reason text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX resident_leaving_now ON resident_leaving (resident_id) WHERE back_at IS NULL;
CREATE INDEX resident_leaving_resident ON resident_leaving (resident_id);

-- Registers that are fetched from a platform beside.
CREATE TABLE register_source (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE,
    register   text NOT NULL,
    name_zh    text NOT NULL,
    name_en    text NOT NULL,
    url        text NOT NULL,
    area_path  ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE,
    mapping    jsonb NOT NULL DEFAULT '{}',      -- field: heading
    etag       text NOT NULL DEFAULT '',
    since      text NOT NULL DEFAULT '',         -- as the other side named the place up to which we have it
    active     boolean NOT NULL DEFAULT true,
    asked_at   timestamptz,
    answer     text NOT NULL DEFAULT '',         -- of the last time: what came of it
    added_at   timestamptz NOT NULL,
    added_by   integer REFERENCES account
);

-- A register as it came in once. The same file, read in the same way, is the same import.
CREATE TABLE register_import (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    register    text NOT NULL,
    area_path   ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE,
    source_id   integer REFERENCES register_source,  -- NULL: a file
    name        text NOT NULL,                   -- of the file
    sha256      text NOT NULL CHECK (length(sha256) = 64), -- of the file's bytes
    fingerprint text NOT NULL,                   -- of the file and how it was read
    taken_on    date NOT NULL,                   -- the day of which the register tells
    complete    boolean NOT NULL,                -- it names everybody of the area: who is missing is no longer in it
    mapping     jsonb NOT NULL,
    lines       integer NOT NULL,
    counts      jsonb NOT NULL,                  -- lines by verdict, as it came in
    account_id  integer REFERENCES account,
    at          timestamptz NOT NULL,
    UNIQUE (register, area_path, fingerprint)
);
CREATE INDEX register_import_register ON register_import (register, id);
CREATE INDEX register_import_area ON register_import USING gist (area_path);

CREATE TABLE register_line (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    import_id   bigint NOT NULL REFERENCES register_import ON DELETE CASCADE,
    number      integer NOT NULL,                -- in the file; above its lines: who is missing in it
    verdict     text NOT NULL CHECK (verdict IN ('new', 'same', 'changed', 'conflict', 'candidate', 'unreadable', 'gone')),
    resident_id integer REFERENCES resident ON DELETE SET NULL,
    candidates  integer[] NOT NULL DEFAULT '{}', -- residents it may be
    said        jsonb NOT NULL,                  -- by field, without the identity number
    digest      bytea,                           -- keyed hash of the identity number
    key_id      text NOT NULL,
    nonce       bytea NOT NULL,
    ciphertext  bytea NOT NULL,                  -- the line as it stands in the file, and the identity number
    reason_zh   text NOT NULL DEFAULT '',
    reason_en   text NOT NULL DEFAULT '',
    settled_at  timestamptz,                     -- NULL: something is still to be done
    settled_by  integer REFERENCES account,
    settled_as  text CHECK (settled_as IN ('nothing', 'decided', 'added', 'ended', 'aside')),
    settled_for text NOT NULL DEFAULT '',        -- the reason, in words
    version     integer NOT NULL DEFAULT 1,
    UNIQUE (import_id, number),
    CHECK ((settled_at IS NULL) = (settled_as IS NULL))
);
CREATE INDEX register_line_verdict ON register_line (import_id, verdict, number);
CREATE INDEX register_line_open ON register_line (import_id, number) WHERE settled_at IS NULL;
CREATE INDEX register_line_resident ON register_line (resident_id, id) WHERE resident_id IS NOT NULL;

-- A field in which a line and our record differ.
CREATE TABLE register_difference (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    line_id  bigint NOT NULL REFERENCES register_line ON DELETE CASCADE,
    field    text NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('addition', 'update', 'conflict')),
    ours     text NOT NULL,                      -- '' : we do not know
    theirs   text NOT NULL,
    before   text NOT NULL DEFAULT '',           -- what the same register said the time before
    choice   text CHECK (choice IN ('ours', 'theirs', 'later')), -- the newest decision
    UNIQUE (line_id, field)
);

-- Decisions on differences, each with its reason; only added to.
CREATE TABLE register_decision (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    difference_id bigint NOT NULL REFERENCES register_difference ON DELETE CASCADE,
    choice        text NOT NULL CHECK (choice IN ('ours', 'theirs', 'later')),
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    account_id    integer REFERENCES account,
    at            timestamptz NOT NULL
);
CREATE INDEX register_decision_difference ON register_decision (difference_id, id);
