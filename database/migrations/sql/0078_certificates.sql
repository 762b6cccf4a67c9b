-- Certificates of gateways: enrolment codes, what the issuing authority signed, revocation, and when each expires.

CREATE TABLE enrolment_code (
    gateway    text PRIMARY KEY,                 -- one code at a time; a new one replaces it
    code_hash  bytea NOT NULL UNIQUE,            -- sha256; the code itself is never stored
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz                       -- a code is used once
);

CREATE TABLE issued_certificate (
    serial     text PRIMARY KEY,                 -- hexadecimal
    gateway    text NOT NULL,
    key_hash   bytea NOT NULL,                   -- sha256 of the public key (SubjectPublicKeyInfo)
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX issued_certificate_gateway ON issued_certificate (gateway, issued_at);

-- A name that is here never comes back: the gateway that replaces a stolen one gets a new name.
CREATE TABLE revoked_identity (
    identity   text PRIMARY KEY,
    revoked_at timestamptz NOT NULL,
    revoked_by text NOT NULL,                    -- login
    reason     text NOT NULL
);

CREATE TABLE revocation_list (
    authority text PRIMARY KEY,                  -- its common name
    pem       text NOT NULL,
    made_at   timestamptz NOT NULL
);

-- Certificates of services and brokers, as their owners or clients see them; gateways tell theirs in their status.
CREATE TABLE certificate_expiry (
    holder     text PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);
