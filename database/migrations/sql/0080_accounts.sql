-- One-time passwords, a second factor, sessions that rest, and one account an hour's failures are counted for.

ALTER TABLE account
    ADD COLUMN one_time_until timestamptz,       -- the password is somebody else's choice: good until then, to be changed at once
    ADD COLUMN totp_secret text,                 -- base32 (RFC 6238); NULL: the password alone
    ADD COLUMN totp_last_step bigint NOT NULL DEFAULT 0; -- of 30 s since 1970: a code works once

ALTER TABLE session ADD COLUMN last_seen_at timestamptz NOT NULL DEFAULT now(); -- to the minute
CREATE INDEX session_live ON session (account_id, last_seen_at) WHERE revoked_at IS NULL;
CREATE INDEX audit_at ON audit (at);
