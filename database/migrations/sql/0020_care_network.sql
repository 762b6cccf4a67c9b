-- The people of the care network: contacts, staff, shifts and rosters, where staff are, what responders must know.

-- Rises with each change: two people at once get a clear answer.
ALTER TABLE area ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE household ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE resident ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE gateway ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE device ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE organisation
    ADD COLUMN version    integer NOT NULL DEFAULT 1,
    ADD COLUMN address_zh text NOT NULL DEFAULT '',
    ADD COLUMN address_en text NOT NULL DEFAULT '',
    ADD COLUMN longitude  double precision CHECK (longitude BETWEEN -180 AND 180), -- degrees, CGCS2000
    ADD COLUMN latitude   double precision CHECK (latitude BETWEEN -90 AND 90),
    ADD COLUMN active     boolean NOT NULL DEFAULT true,
    ADD CONSTRAINT organisation_place CHECK ((longitude IS NULL) = (latitude IS NULL));
CREATE INDEX organisation_area ON organisation (area_id);

-- Whom to call for a resident, in which order. Without the resident's consent nobody is told anything.
CREATE TABLE contact (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    phone       text NOT NULL,
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    relation_zh text NOT NULL,
    relation_en text NOT NULL,
    call_order  smallint NOT NULL CHECK (call_order BETWEEN 1 AND 99),
    consent_at  timestamptz,                     -- when the resident agreed; NULL: not yet, or taken back
    language    text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    has_key     boolean NOT NULL DEFAULT false,  -- can open the door
    account_id  integer REFERENCES account,      -- the family login of the same person
    version     integer NOT NULL DEFAULT 1,
    CONSTRAINT contact_phone UNIQUE (resident_id, phone),
    -- Deferred, so that two contacts can change places in one transaction.
    CONSTRAINT contact_order UNIQUE (resident_id, call_order) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX contact_account ON contact (account_id);

CREATE TABLE staff (
    id                  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code                text NOT NULL UNIQUE,
    organisation_id     integer NOT NULL REFERENCES organisation,
    kind                text NOT NULL CHECK (kind IN ('carer', 'nurse', 'doctor', 'dispatcher', 'social_worker',
                                                      'manager', 'volunteer')),
    name_zh             text NOT NULL,
    name_en             text NOT NULL,
    phone               text NOT NULL DEFAULT '',
    skills              text[] NOT NULL DEFAULT '{}', -- codes of care_network/catalogues/workforce.py
    languages           text[] NOT NULL DEFAULT '{cmn}', -- ISO 639-3
    active              boolean NOT NULL DEFAULT true,
    account_id          integer REFERENCES account,
    location_consent_at timestamptz,             -- when the person agreed that the present location is shown; NULL: not
    version             integer NOT NULL DEFAULT 1,
    CONSTRAINT staff_account UNIQUE (account_id)
);
CREATE INDEX staff_organisation ON staff (organisation_id);

CREATE TABLE staff_certificate (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id   integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    kind       text NOT NULL,                    -- a code of care_network/catalogues/workforce.py
    number     text NOT NULL DEFAULT '',
    issued_on  date,
    expires_on date,                             -- the last day on which it is valid; NULL: it does not expire
    version    integer NOT NULL DEFAULT 1,
    CONSTRAINT staff_certificate_kind UNIQUE (staff_id, kind),
    CHECK (issued_on <= expires_on)
);

-- Where a person on duty is now: the last place only, never a track.
CREATE TABLE staff_location (
    staff_id   integer PRIMARY KEY REFERENCES staff ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    longitude  double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180), -- degrees, CGCS2000
    latitude   double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    accuracy_m real NOT NULL CHECK (accuracy_m >= 0)
);

-- Working hours by Asia/Shanghai's clock; an end not after the start lies on the next day.
CREATE TABLE shift (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation_id integer NOT NULL REFERENCES organisation,
    code            text NOT NULL,
    name_zh         text NOT NULL,
    name_en         text NOT NULL,
    starts          time NOT NULL,
    ends            time NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT shift_code UNIQUE (organisation_id, code)
);

-- Who works a shift on which weekdays.
CREATE TABLE roster (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id    integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    shift_id    integer NOT NULL REFERENCES shift,
    weekdays    smallint[] NOT NULL CHECK (weekdays <@ '{1,2,3,4,5,6,7}' AND cardinality(weekdays) > 0), -- 1: Monday
    valid_from  date NOT NULL,                   -- of the day on which a shift starts
    valid_until date,                            -- the last such day; NULL: until further notice
    version     integer NOT NULL DEFAULT 1,
    CONSTRAINT roster_entry UNIQUE (staff_id, shift_id, valid_from),
    CHECK (valid_from <= valid_until)
);
CREATE INDEX roster_shift ON roster (shift_id);

-- What differs from the weekly pattern. An absence takes the person off every duty; an extra duty adds one.
CREATE TABLE roster_exception (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id        integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('absent', 'extra')),
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    organisation_id integer REFERENCES organisation, -- of an extra duty
    reason          text NOT NULL DEFAULT '',
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT roster_exception_start UNIQUE (staff_id, kind, starts_at),
    CHECK (starts_at < ends_at),
    CHECK ((kind = 'extra') = (organisation_id IS NOT NULL))
);
CREATE INDEX roster_exception_time ON roster_exception (ends_at, starts_at);
CREATE INDEX roster_exception_organisation ON roster_exception (organisation_id);

-- Allergies, conditions, medication, key-safe code: AES-256-GCM under a key that the database never sees.
CREATE TABLE medical_note (
    resident_id integer PRIMARY KEY REFERENCES resident ON DELETE CASCADE,
    key_id      text NOT NULL,                   -- which key of the key file
    nonce       bytea NOT NULL CHECK (octet_length(nonce) = 12),
    ciphertext  bytea NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     integer NOT NULL DEFAULT 1
);

-- A resident without any alert can be erased; the lines about who looked and changed stay.
ALTER TABLE audit
    DROP CONSTRAINT audit_resident_id_fkey,
    ADD CONSTRAINT audit_resident_id_fkey FOREIGN KEY (resident_id) REFERENCES resident ON DELETE SET NULL;
