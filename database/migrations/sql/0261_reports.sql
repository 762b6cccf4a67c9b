-- Packages for the levels above and beside: to whom, what, when, on which ground, and what was answered.
CREATE TABLE report_receiver (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text NOT NULL UNIQUE CHECK (length(code) BETWEEN 1 AND 40),
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    url         text NOT NULL DEFAULT '',        -- '': packages are carried there by hand
    signing_key text NOT NULL DEFAULT '',        -- Ed25519, hexadecimal: who counter-signs
    seal_key    text NOT NULL DEFAULT '',        -- age1…: who alone can open what tells of people
    account_id  integer REFERENCES account,      -- the other system to which residents agree, where consent is the ground
    active      boolean NOT NULL DEFAULT true,
    next_at     timestamptz NOT NULL DEFAULT '-infinity', -- nothing is sent before
    failures    integer NOT NULL DEFAULT 0,      -- attempts in a row without an answer that counts
    held_at     timestamptz,                     -- refused: nothing goes on before a person decided
    held_for    text NOT NULL DEFAULT '',
    version     integer NOT NULL DEFAULT 1,
    added_at    timestamptz NOT NULL,
    added_by    integer REFERENCES account
);

CREATE TABLE report_package (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receiver_id    integer NOT NULL REFERENCES report_receiver,
    number         integer NOT NULL CHECK (number > 0), -- in the order of its receiver, without gaps
    key            uuid NOT NULL UNIQUE,         -- the same for every attempt
    dataset        text NOT NULL,
    schema_version integer NOT NULL,
    area_path      ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE,
    starts_on      date NOT NULL,
    ends_on        date NOT NULL,                -- the last day
    manifest       text NOT NULL,                -- as it was signed
    sha256         text NOT NULL CHECK (length(sha256) = 64), -- of the package
    said           text NOT NULL CHECK (length(said) = 64),   -- SHA-256 of what it says, without time and number
    content        bytea NOT NULL,               -- the package; what tells of people is sealed for the receiver
    lines          integer NOT NULL,
    people         integer NOT NULL,
    purpose        text NOT NULL,
    basis          text NOT NULL CHECK (basis IN ('law', 'consent', 'nobody')),
    state          text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'withdrawn')),
    made_at        timestamptz NOT NULL,
    made_by        integer REFERENCES account,
    delivered_at   timestamptz,
    counter_signed_at timestamptz,
    counter_signature text NOT NULL DEFAULT '',  -- as it came, verified
    ended_by       integer REFERENCES account,   -- who withdrew it, or wrote down that it was handed over
    ended_for      text NOT NULL DEFAULT '',
    UNIQUE (receiver_id, number),
    CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
);
CREATE INDEX report_package_waiting ON report_package (receiver_id, number) WHERE state = 'waiting';
CREATE INDEX report_package_area ON report_package USING gist (area_path);

CREATE TABLE report_attempt (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id bigint NOT NULL REFERENCES report_package ON DELETE CASCADE,
    begun_at   timestamptz NOT NULL,
    ended_at   timestamptz,                      -- NULL: on its way, or we ended meanwhile: not known
    status     integer,
    outcome    text CHECK (outcome IN ('delivered', 'later', 'refused')),
    error      text NOT NULL DEFAULT ''
);
CREATE INDEX report_attempt_package ON report_attempt (package_id, id);

-- Of whom a package tells.
CREATE TABLE report_person (
    package_id  bigint NOT NULL REFERENCES report_package ON DELETE CASCADE,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    PRIMARY KEY (package_id, resident_id)
);
CREATE INDEX report_person_resident ON report_person (resident_id, package_id);
