-- Who lives where, who cares for them, which devices watch over them.
CREATE EXTENSION IF NOT EXISTS ltree;

CREATE TABLE area (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path      ltree NOT NULL UNIQUE,             -- 'yantian.haishan.pengwan.c03'; the parent is subpath(path, 0, -1)
    level     text NOT NULL CHECK (level IN ('city', 'district', 'street', 'community', 'compound')),
    name_zh   text NOT NULL,
    name_en   text NOT NULL,
    longitude double precision CHECK (longitude BETWEEN -180 AND 180), -- degrees, CGCS2000
    latitude  double precision CHECK (latitude BETWEEN -90 AND 90)
);
CREATE INDEX area_path_gist ON area USING gist (path);

CREATE TABLE organisation (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code    text NOT NULL UNIQUE,
    area_id integer NOT NULL REFERENCES area,
    kind    text NOT NULL CHECK (kind IN ('district_center', 'street_elder_center', 'community_station',
                                          'compound_point', 'home_care_bed_team', 'medical_partner')),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    phone   text NOT NULL DEFAULT ''
);

CREATE TABLE household (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE,
    area_id    integer NOT NULL REFERENCES area, -- its compound
    address_zh text NOT NULL,
    address_en text NOT NULL,
    phone      text NOT NULL DEFAULT '',
    longitude  double precision CHECK (longitude BETWEEN -180 AND 180), -- degrees, CGCS2000; NULL: its compound's
    latitude   double precision CHECK (latitude BETWEEN -90 AND 90),
    CHECK ((longitude IS NULL) = (latitude IS NULL))
);
CREATE INDEX household_area ON household (area_id);

CREATE TABLE resident (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code          text NOT NULL UNIQUE,          -- stable; part of every alert id
    household_id  integer NOT NULL REFERENCES household,
    name_zh       text NOT NULL,
    name_en       text NOT NULL,
    sex           text NOT NULL CHECK (sex IN ('female', 'male')),
    birth_date    date NOT NULL,
    home_care_bed boolean NOT NULL DEFAULT false,
    spo2_scale    smallint NOT NULL DEFAULT 1 CHECK (spo2_scale IN (1, 2)), -- NEWS2: 2 only when prescribed
    on_oxygen     boolean NOT NULL DEFAULT false
);
CREATE INDEX resident_household ON resident (household_id);

-- A resident's own limits, where they differ from the rule's defaults.
CREATE TABLE resident_limit (
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    channel     text NOT NULL,
    low         real,
    high        real,
    set_by      text NOT NULL,
    set_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (resident_id, channel),
    CHECK (low IS NOT NULL OR high IS NOT NULL),
    CHECK (low < high)
);

CREATE TABLE gateway (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    household_id  integer NOT NULL REFERENCES household,
    registered_at timestamptz NOT NULL DEFAULT now(),
    state         text NOT NULL DEFAULT 'never seen' CHECK (state IN ('never seen', 'online', 'offline')),
    state_at      timestamptz,
    status        jsonb                          -- the last birth or death, as it came
);
CREATE INDEX gateway_household ON gateway (household_id);

CREATE TABLE device (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id  integer NOT NULL REFERENCES gateway,
    name        text NOT NULL,                   -- as on the wire
    model       text NOT NULL,                   -- a file of firmware_profiles/devices
    room        text NOT NULL DEFAULT '',
    resident_id integer REFERENCES resident,     -- who wears it; NULL: it watches the household
    UNIQUE (gateway_id, name)
);
CREATE INDEX device_resident ON device (resident_id);

CREATE TABLE account (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login         text NOT NULL UNIQUE CHECK (login = lower(login)),
    password_hash text NOT NULL,                 -- argon2id
    name_zh       text NOT NULL,
    name_en       text NOT NULL,
    role          text NOT NULL CHECK (role IN ('admin', 'dispatcher', 'carer', 'family')),
    area_path     ltree REFERENCES area (path) ON UPDATE CASCADE, -- staff see residents below it; NULL for family
    language      text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    active        boolean NOT NULL DEFAULT true,
    CHECK ((role = 'family') = (area_path IS NULL))
);

CREATE TABLE family_member (
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    relation_zh text NOT NULL,
    relation_en text NOT NULL,
    consent_at  timestamptz NOT NULL,            -- when the resident agreed to be seen
    PRIMARY KEY (account_id, resident_id)
);

CREATE INDEX family_member_resident ON family_member (resident_id);

CREATE TABLE session (
    token_hash bytea PRIMARY KEY,                -- sha256 of the cookie; the cookie itself is never stored
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    origin     text NOT NULL DEFAULT '',         -- the address it was opened from
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz                       -- logged out, or taken back
);
CREATE INDEX session_account ON session (account_id);

CREATE TABLE login_failure (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login  text NOT NULL,
    origin text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_failure_login_at ON login_failure (login, at);
CREATE INDEX login_failure_origin_at ON login_failure (origin, at);

-- Every look at a resident's data, and every change of it.
CREATE TABLE audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    account_id  integer REFERENCES account,
    action      text NOT NULL,
    resident_id integer REFERENCES resident,
    detail      jsonb NOT NULL DEFAULT '{}',
    origin      text NOT NULL DEFAULT ''
);
CREATE INDEX audit_resident_at ON audit (resident_id, at);
CREATE INDEX audit_account_at ON audit (account_id, at);
