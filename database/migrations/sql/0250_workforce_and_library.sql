-- Professionals: what the staff records do not say, and reminders of certificates that end. Documents with versions and
-- read confirmations, courses with tests, and the certificates that they end with.

CREATE TABLE staff_profile (
    staff_id            integer PRIMARY KEY REFERENCES staff ON DELETE CASCADE,
    education           text CHECK (education IN ('primary', 'junior', 'senior', 'vocational', 'college', 'bachelor', 'master')),
    level               smallint CHECK (level BETWEEN 1 AND 5), -- skill level of the occupation: 5 the lowest, 1 the highest
    title               text NOT NULL DEFAULT '',       -- professional title, in the district's words
    first_registered_on date,                           -- in the district's database of professionals
    version             integer NOT NULL DEFAULT 1
);

-- Earlier employers; the present one is the organisation of the staff record.
CREATE TABLE staff_employment (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    employer text NOT NULL,
    post     text NOT NULL DEFAULT '',
    since    date NOT NULL,
    until    date,                                      -- the last day; NULL: not known
    CONSTRAINT staff_employment_once UNIQUE (staff_id, employer, since),
    CHECK (since <= until)
);

-- Append-only: who changed what of both.
CREATE TABLE staff_profile_change (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id   integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    account_id integer REFERENCES account,
    actor      text NOT NULL,
    what       text NOT NULL CHECK (what IN ('profile', 'add_employer', 'remove_employer')),
    before     jsonb,
    after      jsonb
);
CREATE INDEX staff_profile_change_staff ON staff_profile_change (staff_id, id);
CREATE TRIGGER staff_profile_change_append_only BEFORE UPDATE ON staff_profile_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A certificate comes near its last day; each step once. One of a certificate that was renewed meanwhile is void.
CREATE TABLE certificate_reminder (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id   integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    kind       text NOT NULL,
    expires_on date NOT NULL,
    days       smallint NOT NULL CHECK (days IN (90, 30, 7, 0)), -- before the last day
    made_at    timestamptz NOT NULL,
    sent_at    timestamptz,                             -- handed to the path of messages; NULL: on the pages alone
    taken_at   timestamptz,                             -- somebody of the employer sees to it
    taken_by   integer REFERENCES account,
    taken_name text,
    CONSTRAINT certificate_reminder_once UNIQUE (staff_id, kind, expires_on, days),
    CHECK ((taken_at IS NULL) = (taken_name IS NULL))
);
CREATE INDEX certificate_reminder_unsent ON certificate_reminder (id) WHERE sent_at IS NULL;
CREATE INDEX staff_certificate_ends ON staff_certificate (expires_on, staff_id) WHERE expires_on IS NOT NULL;

CREATE TABLE library_document (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code          text NOT NULL UNIQUE,
    kind          text NOT NULL CHECK (kind IN ('standard', 'procedure', 'guide', 'form')),
    title_zh      text NOT NULL,
    title_en      text NOT NULL,
    area          ltree NOT NULL,                       -- for which it holds
    roles         text[] NOT NULL DEFAULT '{}',         -- who reads and confirms it; none: nobody has to
    organisations integer[] NOT NULL DEFAULT '{}',      -- of these alone; none: of all
    topics        text[] NOT NULL DEFAULT '{}',         -- care_services/library/topics.py
    read_days     smallint NOT NULL DEFAULT 7 CHECK (read_days BETWEEN 1 AND 365), -- to confirm, from the first day
    retired_at    timestamptz,
    made_at       timestamptz NOT NULL,
    version       integer NOT NULL DEFAULT 1
);
CREATE INDEX library_document_area ON library_document USING gist (area);

-- Append-only: a text that somebody confirmed never changes.
CREATE TABLE library_version (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id integer NOT NULL REFERENCES library_document,
    number      integer NOT NULL CHECK (number > 0),
    valid_from  date NOT NULL,
    text        text NOT NULL DEFAULT '',               -- Markdown
    file        bytea CHECK (octet_length(file) <= 10485760), -- PDF
    file_name   text NOT NULL DEFAULT '',
    sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32), -- of the file, else of the text
    note        text NOT NULL DEFAULT '',               -- what is new in it
    grams       text[] NOT NULL DEFAULT '{}',           -- pairs of characters, for the search
    made_at     timestamptz NOT NULL,
    account_id  integer REFERENCES account,
    actor       text NOT NULL,
    CONSTRAINT library_version_number UNIQUE (document_id, number),
    CHECK (text <> '' OR file IS NOT NULL)
);
CREATE INDEX library_version_grams ON library_version USING gin (grams);
CREATE TRIGGER library_version_append_only BEFORE UPDATE OR DELETE ON library_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE library_read (
    version_id integer NOT NULL REFERENCES library_version,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    PRIMARY KEY (version_id, account_id)
);
CREATE INDEX library_read_account ON library_read (account_id);

-- Append-only: who changed a document's audience, or took it out of force.
CREATE TABLE library_change (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id integer NOT NULL REFERENCES library_document,
    at          timestamptz NOT NULL,
    account_id  integer REFERENCES account,
    actor       text NOT NULL,
    what        text NOT NULL CHECK (what IN ('add', 'change', 'version', 'retire', 'restore')),
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX library_change_document ON library_change (document_id, id);
CREATE TRIGGER library_change_append_only BEFORE UPDATE OR DELETE ON library_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE course (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE,
    retired_at timestamptz
);

-- Append-only: an attempt belongs to the text on which it was made.
CREATE TABLE course_version (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    course_id  integer NOT NULL REFERENCES course,
    number     integer NOT NULL CHECK (number > 0),
    content    jsonb NOT NULL,                          -- care_services/library/courses/course.py
    sha256     bytea NOT NULL CHECK (octet_length(sha256) = 32),
    at         timestamptz NOT NULL,
    account_id integer REFERENCES account,              -- NULL: it came with the platform
    actor      text NOT NULL,
    CONSTRAINT course_version_number UNIQUE (course_id, number)
);
CREATE TRIGGER course_version_append_only BEFORE UPDATE OR DELETE ON course_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE course_attempt (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    course_id    integer NOT NULL REFERENCES course,
    version_id   integer NOT NULL REFERENCES course_version,
    account_id   integer NOT NULL REFERENCES account ON DELETE CASCADE,
    begun_at     timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    drawn        jsonb NOT NULL,                        -- the questions and the order of their options
    submitted_at timestamptz,
    answers      jsonb,
    asked        smallint NOT NULL CHECK (asked > 0),
    correct      smallint,
    passed       boolean,
    CHECK ((submitted_at IS NULL) = (passed IS NULL)),
    CHECK ((submitted_at IS NULL) = (correct IS NULL))
);
CREATE UNIQUE INDEX course_attempt_open ON course_attempt (account_id, course_id) WHERE submitted_at IS NULL;
CREATE INDEX course_attempt_account ON course_attempt (account_id, course_id, begun_at);
CREATE INDEX course_attempt_course ON course_attempt (course_id, begun_at);

CREATE TABLE course_certificate (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text NOT NULL UNIQUE,
    check_code  text NOT NULL UNIQUE,                   -- on the paper: whoever has it can look the certificate up
    course_id   integer NOT NULL REFERENCES course,
    attempt_id  bigint NOT NULL UNIQUE REFERENCES course_attempt ON DELETE CASCADE,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    staff_id    integer REFERENCES staff ON DELETE SET NULL,
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    title_zh    text NOT NULL,                          -- of the course, as it was called then
    title_en    text NOT NULL,
    issued_on   date NOT NULL,
    expires_on  date,                                   -- the last valid day; NULL: it does not expire
    revoked_at  timestamptz,
    revoked_by  text NOT NULL DEFAULT '',
    revoked_why text NOT NULL DEFAULT '',
    CHECK (issued_on <= expires_on)
);
CREATE INDEX course_certificate_account ON course_certificate (account_id, course_id);
CREATE INDEX course_certificate_staff ON course_certificate (staff_id);
CREATE INDEX course_certificate_course ON course_certificate (course_id, id);

-- A course that gives a certificate of the staff records does so through somebody who looks at it.
CREATE TABLE course_approval (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    certificate_id integer NOT NULL UNIQUE REFERENCES course_certificate ON DELETE CASCADE,
    staff_id       integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    kind           text NOT NULL,                       -- a code of care_network/catalogues/workforce.py
    asked_at       timestamptz NOT NULL,
    state          text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'refused')),
    decided_at     timestamptz,
    decided_by     integer REFERENCES account,
    decided_name   text,
    reason         text NOT NULL DEFAULT '',
    CHECK ((state = 'waiting') = (decided_at IS NULL))
);
CREATE INDEX course_approval_staff ON course_approval (staff_id);
CREATE INDEX course_approval_waiting ON course_approval (id) WHERE state = 'waiting';

-- Whoever holds the paper may ask whether it is good: nothing but what stands on it, and the name in part.
CREATE FUNCTION course_certificate_of(asked text)
    RETURNS TABLE (number text, name text, title_zh text, title_en text, issued_on date, expires_on date, revoked boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.number, left(c.name_zh, 1) || repeat('*', greatest(char_length(c.name_zh) - 1, 1)), c.title_zh, c.title_en,
           c.issued_on, c.expires_on, c.revoked_at IS NOT NULL
    FROM course_certificate c WHERE c.check_code = asked
$$;
REVOKE ALL ON FUNCTION course_certificate_of(text) FROM PUBLIC;
