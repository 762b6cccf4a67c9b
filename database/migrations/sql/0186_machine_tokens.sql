-- Other systems: tokens with which they ask, and residents' consents to be known to them.

CREATE TABLE machine_token (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      integer NOT NULL REFERENCES account ON DELETE CASCADE, -- of the role machine
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    token_hash      bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32), -- sha256; the token itself is nowhere
    nightscout_hash bytea NOT NULL UNIQUE CHECK (octet_length(nightscout_hash) = 32), -- sha256 of the SHA-1 that Nightscout's clients send
    scopes          text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 20),
    area_path       ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE, -- what it may ask lies below it
    created_at      timestamptz NOT NULL,
    created_by      integer REFERENCES account,
    expires_at      timestamptz NOT NULL,
    last_used_at    timestamptz,                 -- to the minute
    last_origin     text NOT NULL DEFAULT '',
    revoked_at      timestamptz,
    revoked_by      integer REFERENCES account,
    CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days')
);
CREATE INDEX machine_token_account ON machine_token (account_id, id);

CREATE TABLE exchange_consent (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id  integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    account_id   integer NOT NULL REFERENCES account ON DELETE CASCADE, -- the other system that may know of the resident
    purpose      text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 200),
    given_at     timestamptz NOT NULL,
    given_by     integer REFERENCES account,     -- who wrote it down
    withdrawn_at timestamptz,
    withdrawn_by integer REFERENCES account,
    CHECK (withdrawn_at >= given_at)
);
CREATE UNIQUE INDEX exchange_consent_now ON exchange_consent (account_id, resident_id) WHERE withdrawn_at IS NULL;
CREATE INDEX exchange_consent_resident ON exchange_consent (resident_id);

-- Whom a token may ask about at this moment: below its area and its account's, with consent. Every query of the exchange goes through it.
CREATE FUNCTION exchange_residents(token integer)
RETURNS TABLE (resident_id integer, household_id integer) LANGUAGE sql STABLE AS $$
    SELECT r.id, r.household_id
    FROM machine_token t
    JOIN account me ON me.id = t.account_id AND me.active AND me.role = 'machine'
    JOIN exchange_consent c ON c.account_id = me.id AND c.withdrawn_at IS NULL AND c.given_at <= now()
    JOIN resident r ON r.id = c.resident_id
    JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id AND a.path <@ t.area_path AND a.path <@ me.area_path
    WHERE t.id = token AND t.revoked_at IS NULL AND t.expires_at > now()
$$;

-- An account without a password: an argon2 hash never has this form. Only accounts of this one role come by it.
CREATE FUNCTION add_machine_account(new_login text, new_name_zh text, new_name_en text, area text)
RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)
    VALUES (new_login, '!', new_name_zh, new_name_en, 'machine', area::ltree)
    ON CONFLICT (login) DO NOTHING RETURNING id
$$;
REVOKE ALL ON FUNCTION add_machine_account(text, text, text, text) FROM PUBLIC;
