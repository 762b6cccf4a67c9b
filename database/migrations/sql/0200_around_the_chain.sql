-- No service chooses a line's number, skips the chain, or writes to it by a detour; the daily check finds lines that are
-- not in it; audit and histories of alerts are sought together. Services have the right to insert by column, without the
-- number (database/rights/grants.py): a line is numbered and sealed by the database's owner, whoever wrote it.

-- The console's role writes in the name of whoever's session is open, or in nobody's: whoever has its password alone
-- leaves lines that say so.
CREATE FUNCTION say_who_wrote() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user = 'shouwang_console' AND NEW.account_id IS NOT NULL AND NEW.account_id IS DISTINCT FROM viewer_account() THEN
        NEW.detail := NEW.detail || jsonb_build_object('said_to_be', coalesce((SELECT login FROM account WHERE id = NEW.account_id), '?'));
        NEW.account_id := viewer_account();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_by_whom BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION say_who_wrote();

-- A trigger's function in the hands of whoever may make a table of their own (TEMPORARY) could write to the chain.
REVOKE ALL ON FUNCTION seal_entry(), seal(text, bigint, jsonb) FROM PUBLIC;

-- A step of the search for lines that are not in the chain: of the audit, or of the histories of alerts of people.
CREATE FUNCTION check_unsealed(asked text, after bigint, most integer, OUT entries integer, OUT last bigint, OUT faults text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF asked = 'audit' THEN
        SELECT count(*), max(id), coalesce(array_agg(format('audit %s: it was written around the chain', id) ORDER BY id) FILTER (WHERE NOT sealed), '{}')
        INTO entries, last, faults FROM (
            SELECT a.id, EXISTS (SELECT FROM sealed_entry s WHERE s.log = 'audit' AND s.entry_id = a.id) AS sealed
            FROM audit a WHERE a.id > after ORDER BY a.id LIMIT most) AS step;
    ELSE
        SELECT count(*), max(id), coalesce(array_agg(format('alert_event %s: it was written around the chain', id) ORDER BY id)
                                           FILTER (WHERE NOT sealed AND NOT is_synthetic(alert_id)), '{}')
        INTO entries, last, faults FROM (
            SELECT e.id, e.alert_id, EXISTS (SELECT FROM sealed_entry s WHERE s.log = 'alert_event' AND s.entry_id = e.id) AS sealed
            FROM alert_event e WHERE e.id > after ORDER BY e.id LIMIT most) AS step;
    END IF;
END $$;
REVOKE ALL ON FUNCTION check_unsealed(text, bigint, integer) FROM PUBLIC;

-- Histories of synthetic homes are not sealed: so no alert of people becomes one of them, nor does a home that had any.
CREATE FUNCTION keep_alerts_of_people() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT h.synthetic FROM household h WHERE h.id = OLD.household_id)
       IS DISTINCT FROM (SELECT h.synthetic FROM household h WHERE h.id = NEW.household_id) THEN
        RAISE EXCEPTION 'an alert of people stays one' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alert_of_people BEFORE UPDATE OF household_id ON alert
    FOR EACH ROW WHEN (OLD.household_id IS DISTINCT FROM NEW.household_id) EXECUTE FUNCTION keep_alerts_of_people();
CREATE FUNCTION keep_homes_of_people() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM alert WHERE household_id = NEW.id) THEN
        RAISE EXCEPTION 'a home that had alerts stays what it is' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER household_synthetic_stays BEFORE UPDATE ON household -- by its name after household_synthetic
    FOR EACH ROW WHEN (OLD.synthetic IS DISTINCT FROM NEW.synthetic) EXECUTE FUNCTION keep_homes_of_people();

-- The search: by time, whatever else is asked for.
CREATE INDEX audit_at_id ON audit (at, id);
CREATE INDEX audit_resident_at_id ON audit (resident_id, at, id) WHERE resident_id IS NOT NULL;
CREATE INDEX audit_account_at_id ON audit (account_id, at, id);
CREATE INDEX audit_action_at_id ON audit (action, at, id);
CREATE INDEX audit_origin_at_id ON audit (origin, at, id);
DROP INDEX audit_resident_id, audit_account_id, audit_action_id, audit_origin_id, audit_resident_at, audit_account_at;
CREATE INDEX alert_event_at_id ON alert_event (at, id);
CREATE INDEX alert_event_account_at_id ON alert_event (account_id, at, id) WHERE account_id IS NOT NULL;
CREATE INDEX alert_event_action_at_id ON alert_event (action, at, id);
CREATE INDEX alert_event_actor_at_id ON alert_event (actor, at, id) WHERE account_id IS NULL AND actor <> 'system';

-- What there is in the two, by name alone: each name is one probe of the index.
CREATE FUNCTION audit_actions() RETURNS TABLE (log text, action text) LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    WITH RECURSIVE looks (action) AS (
        (SELECT a.action FROM audit a ORDER BY a.action LIMIT 1)
        UNION ALL
        SELECT (SELECT a.action FROM audit a WHERE a.action > looks.action ORDER BY a.action LIMIT 1)
        FROM looks WHERE looks.action IS NOT NULL
    ), steps (action) AS (
        (SELECT e.action FROM alert_event e ORDER BY e.action LIMIT 1)
        UNION ALL
        SELECT (SELECT e.action FROM alert_event e WHERE e.action > steps.action ORDER BY e.action LIMIT 1)
        FROM steps WHERE steps.action IS NOT NULL
    )
    SELECT 'audit', looks.action FROM looks WHERE looks.action IS NOT NULL
    UNION ALL SELECT 'alert_event', steps.action FROM steps WHERE steps.action IS NOT NULL
$$;
-- The lines of what was done to an account: numbers alone. A condition on JSON is asked after a viewer's policy, and so
-- of every line, unless it is asked here.
CREATE FUNCTION audit_about(asked text) RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT id FROM audit WHERE detail ? 'login' AND detail->>'login' = asked ORDER BY id DESC LIMIT 5000
$$;
REVOKE ALL ON FUNCTION audit_actions(), audit_about(text) FROM PUBLIC;
-- The same for what was done about an alert beside its own history: who looked at it.
CREATE INDEX audit_about_alert ON audit ((detail->>'alert'), id) WHERE detail ? 'alert';
CREATE FUNCTION audit_about_alert(asked text) RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT id FROM audit WHERE detail ? 'alert' AND detail->>'alert' = asked ORDER BY id DESC LIMIT 5000
$$;
REVOKE ALL ON FUNCTION audit_about_alert(text) FROM PUBLIC;
