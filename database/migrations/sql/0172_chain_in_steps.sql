-- A step of the check of the audit's chain, for services that may not read what is sealed: they learn where it is broken.

CREATE FUNCTION check_chain(after bigint, before_hash bytea, most integer,
                            OUT entries integer, OUT last bigint, OUT last_hash bytea, OUT faults text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    row record;
BEGIN
    entries := 0; last := after; last_hash := before_hash; faults := '{}';
    FOR row IN
        SELECT s.position, s.log, s.entry_id, s.previous, s.hash, jsonb_strip_nulls(coalesce(
               (SELECT to_jsonb(a) FROM audit a WHERE s.log = 'audit' AND a.id = s.entry_id),
               (SELECT to_jsonb(e) FROM alert_event e WHERE s.log = 'alert_event' AND e.id = s.entry_id)))::text AS entry
        FROM sealed_entry s WHERE s.position > after ORDER BY s.position LIMIT most
    LOOP
        entries := entries + 1;
        IF row.previous <> last_hash THEN
            faults := faults || format('%s: %s %s: the chain is broken before it (an entry was removed or put in)', row.position, row.log, row.entry_id);
        END IF;
        IF row.entry IS NULL THEN
            faults := faults || format('%s: %s %s: it was removed', row.position, row.log, row.entry_id);
        ELSIF sha256(row.previous || convert_to(row.log || row.entry, 'UTF8')) <> row.hash THEN
            faults := faults || format('%s: %s %s: it was changed', row.position, row.log, row.entry_id);
        END IF;
        last := row.position; last_hash := row.hash;
        EXIT WHEN cardinality(faults) >= 20;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION check_chain(bigint, bytea, integer) FROM PUBLIC;
