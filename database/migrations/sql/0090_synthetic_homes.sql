-- Synthetic homes, by which the path of an emergency is proved; where they lie decides, so that no home of people is one.
ALTER TABLE household ADD COLUMN synthetic boolean NOT NULL DEFAULT false;

CREATE FUNCTION mark_synthetic() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.synthetic := coalesce((SELECT path <@ 'synthetic'::ltree FROM area WHERE id = NEW.area_id), false);
    RETURN NEW;
END $$;
CREATE TRIGGER household_synthetic BEFORE INSERT OR UPDATE ON household
    FOR EACH ROW EXECUTE FUNCTION mark_synthetic();

CREATE FUNCTION is_synthetic(alert uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT h.synthetic FROM alert a JOIN household h ON h.id = a.household_id WHERE a.id = $1), false)
$$;

-- What the program that watches the path last found; one row for each, and the console's corner shows the best.
CREATE TABLE path_proof (
    gateway   text PRIMARY KEY,             -- the gateway by which it presses
    proved_at timestamptz,                  -- the youngest press of which every receipt has come
    broken    text[] NOT NULL DEFAULT '{}', -- links behind which nothing comes: shouwang/path/judge.py
    looked_at timestamptz NOT NULL
);
-- The last notice of a synthetic alert that each console got.
CREATE TABLE path_console (
    worker     text PRIMARY KEY,
    alert_id   uuid,                        -- it may be older than its row
    noticed_at timestamptz,
    looked_at  timestamptz NOT NULL         -- the console's last word
);

-- There are some thousand synthetic alerts a day, of nobody: their histories are not sealed, and they go after two days
-- (alerting compares what it has written for one day).
CREATE OR REPLACE FUNCTION seal_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'alert_event' AND is_synthetic((to_jsonb(NEW) ->> 'alert_id')::uuid) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('sealed_entry', 0));
    PERFORM seal(TG_TABLE_NAME, NEW.id, to_jsonb(NEW));
    RETURN NULL;
END $$;

DROP TRIGGER alert_event_append_only ON alert_event;
CREATE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND is_synthetic(OLD.alert_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER alert_event_append_only BEFORE UPDATE OR DELETE ON alert_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();

CREATE FUNCTION drop_old_proofs() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    old uuid[] := ARRAY(SELECT a.id FROM alert a JOIN household h ON h.id = a.household_id
                        WHERE h.synthetic AND a.raised_at < now() - INTERVAL '2 days' LIMIT 5000);
    sent bigint[] := ARRAY(SELECT DISTINCT message_id FROM notification
                           WHERE alert_id = ANY (old) AND message_id IS NOT NULL);
BEGIN
    DELETE FROM notification WHERE alert_id = ANY (old);
    sent := ARRAY(SELECT id FROM message m WHERE id = ANY (sent)
                  AND NOT EXISTS (SELECT FROM notification n WHERE n.message_id = m.id));
    DELETE FROM delivery_attempt WHERE message_id = ANY (sent);
    DELETE FROM outbox_entry WHERE message_id = ANY (sent);
    DELETE FROM message WHERE id = ANY (sent);
    DELETE FROM alert_event WHERE alert_id = ANY (old);
    DELETE FROM alert WHERE id = ANY (old);
    DELETE FROM event e USING gateway g, household h
    WHERE e.gateway_id = g.id AND g.household_id = h.id AND h.synthetic AND e.received_at < now() - INTERVAL '2 days';
    DELETE FROM path_console WHERE looked_at < now() - INTERVAL '1 day';
END $$;
