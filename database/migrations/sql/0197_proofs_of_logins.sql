-- An authenticator app is enrolled at the login, before a session opens; a colleague lets somebody in; what opens a
-- session is signed for by a second role.

-- Whoever had the right password, and has to enrol first: bound to the browser, good for minutes.
CREATE TABLE login_enrolment (
    browser    bytea PRIMARY KEY,                -- sha256 of the browser's cookie
    account_id integer NOT NULL UNIQUE REFERENCES account ON DELETE CASCADE,
    secret     text NOT NULL,                    -- what the app was shown
    password   bytea NOT NULL,                   -- sha256 of the password's hash: another password ends it
    ends_at    timestamptz NOT NULL
);

ALTER TABLE recovery_code
    ADD COLUMN until timestamptz;                -- of a code by which a colleague lets somebody in; NULL: one's own

-- What may be written in the next minute for somebody without a session: see database/rights/row_security.py.
CREATE TABLE countersigned (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION countersign(asked bytea) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM countersigned WHERE at < clock_timestamp() - interval '1 minute';
    INSERT INTO countersigned (digest) VALUES (asked) ON CONFLICT (digest) DO UPDATE SET at = clock_timestamp();
END $$;
CREATE FUNCTION use_countersign(asked bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM countersigned WHERE digest = asked AND at > clock_timestamp() - interval '1 minute';
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION countersign(bytea), use_countersign(bytea) FROM PUBLIC;

-- A browser tells somebody else from now on: its address is a secret of its own, and names nobody.
CREATE FUNCTION release_browser(asked text) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$ DELETE FROM push_subscription WHERE endpoint = asked $$;
REVOKE ALL ON FUNCTION release_browser(text) FROM PUBLIC;
