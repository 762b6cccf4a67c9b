-- The audit is searched by account, action and place; a signed checkpoint a day says how far the chain was.

CREATE INDEX audit_resident_id ON audit (resident_id, id) WHERE resident_id IS NOT NULL;
CREATE INDEX audit_account_id ON audit (account_id, id);
CREATE INDEX audit_action_id ON audit (action, id);
CREATE INDEX audit_origin_id ON audit (origin, id);
CREATE INDEX audit_about_login ON audit ((detail->>'login'), id) WHERE detail ? 'login';

CREATE TABLE audit_checkpoint (
    position  bigint PRIMARY KEY,                -- of sealed_entry
    hash      bytea NOT NULL,
    at        timestamptz NOT NULL,
    key       text NOT NULL,                     -- the public key, hexadecimal: 32 bytes of Ed25519
    signature bytea NOT NULL                     -- over the lines that the file has
);
CREATE INDEX audit_checkpoint_at ON audit_checkpoint (at);
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Checks of the whole chain, as somebody asked for them or the daily job made them.
CREATE TABLE audit_check (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    entries bigint NOT NULL,
    head    text NOT NULL DEFAULT '',            -- POSITION:HASH
    faults  text[] NOT NULL DEFAULT '{}',
    by      text NOT NULL                        -- a login, or the job's name
);
CREATE INDEX audit_check_at ON audit_check (at);
