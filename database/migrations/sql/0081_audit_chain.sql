-- The audit and the alerts' history can not be changed unseen: append-only for everybody, and each entry is chained to
-- the one before by a hash. The head of the chain goes to the log each hour (database.maintenance).

-- A resident's lines stay as they are when the resident is removed; the removal's own line tells whose number it was.
ALTER TABLE audit DROP CONSTRAINT audit_resident_id_fkey;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE sealed_entry (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log      text NOT NULL CHECK (log IN ('audit', 'alert_event')),
    entry_id bigint NOT NULL,
    previous bytea NOT NULL UNIQUE,              -- the hash of the entry before; the first one has none: empty
    hash     bytea NOT NULL,                     -- sha256(previous || log || entry as JSON without nulls)
    UNIQUE (log, entry_id)
);
CREATE TRIGGER sealed_entry_append_only BEFORE UPDATE OR DELETE ON sealed_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sealed_entry_no_truncate BEFORE TRUNCATE ON sealed_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Nulls do not count, so that a later column, NULL in older rows, leaves their hashes as they are.
CREATE FUNCTION seal(entry_log text, entry_id bigint, entry jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    head bytea := coalesce((SELECT hash FROM sealed_entry ORDER BY position DESC LIMIT 1), '');
BEGIN
    INSERT INTO sealed_entry (log, entry_id, previous, hash) VALUES (
        entry_log, entry_id, head,
        sha256(head || convert_to(entry_log || jsonb_strip_nulls(entry)::text, 'UTF8')));
END $$;

-- At the commit, when the transaction has taken all its other locks: the chain's lock can close no circle with them.
-- With the owner's rights: services write entries and never the chain.
CREATE FUNCTION seal_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('sealed_entry', 0));
    PERFORM seal(TG_TABLE_NAME, NEW.id, to_jsonb(NEW));
    RETURN NULL;
END $$;

DO $$
DECLARE
    row record;
BEGIN
    SET LOCAL timezone = 'UTC';
    FOR row IN
        SELECT 'audit' AS log, id, to_jsonb(a) AS entry FROM audit a
        UNION ALL SELECT 'alert_event', id, to_jsonb(e) FROM alert_event e ORDER BY 1, 2
    LOOP
        PERFORM seal(row.log, row.id, row.entry);
    END LOOP;
END $$;

CREATE CONSTRAINT TRIGGER audit_sealed AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION seal_entry();
CREATE CONSTRAINT TRIGGER alert_event_sealed AFTER INSERT ON alert_event DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION seal_entry();
