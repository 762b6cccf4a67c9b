-- A request for help that was cancelled because somebody was said to be gone may be open again: while that is taken back,
-- and no other one. What else is closed stays as it is, but for an erasure (0310).
CREATE OR REPLACE FUNCTION time_request_kept() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'cancelled' AND current_setting('shouwang.leaving', true) = 'undo'
       AND EXISTS (SELECT FROM resident_leaving l JOIN leaving_effect e ON e.leaving_id = l.id AND e.rule = 'help'
                   WHERE l.resident_id = OLD.resident_id AND l.back_at IS NOT NULL AND e.undone_at IS NULL
                     AND e.was ->> 'id' = OLD.id::text) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL AND NOT being_erased(OLD.resident_id) THEN
        RAISE EXCEPTION 'a request that is closed stays as it is' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;

-- A row that its table refuses to have back stays as it is and is named; it stops no other one.
CREATE OR REPLACE FUNCTION leaving_undo(number bigint, moment timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    one     resident_leaving;
    effect  record;
    here    jsonb;
    changed text[];
    can     boolean;
    outcome text;
    setting text;
    n       integer := 0;
BEGIN
    SELECT * INTO one FROM resident_leaving WHERE id = number AND back_at IS NOT NULL;
    IF one.id IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM set_config('shouwang.leaving', 'undo', true);
    FOR effect IN
        SELECT e.id, e.was, e.became, r.relation, r.act, r.back_if, r.back FROM leaving_effect e
        JOIN leaving_rule r ON r.code = e.rule WHERE e.leaving_id = number AND e.undone_at IS NULL
        ORDER BY e.id DESC FOR UPDATE OF e
    LOOP
        outcome := 'back';
        BEGIN
            EXECUTE format('SELECT %s FROM (SELECT (jsonb_populate_record(NULL::%I, $2)).*) x',
                           effect.back_if, effect.relation) INTO can USING moment, effect.was;
            IF NOT can THEN
                outcome := 'past';
            ELSIF effect.act = 'delete' THEN
                EXECUTE format('INSERT INTO %I SELECT (jsonb_populate_record(NULL::%I, $1)).* ON CONFLICT DO NOTHING',
                               effect.relation, effect.relation) USING effect.was;
                IF NOT FOUND THEN
                    outcome := 'taken';
                END IF;
            ELSE
                EXECUTE format('SELECT to_jsonb(x) FROM %I x WHERE x.id = (jsonb_populate_record(NULL::%I, $1)).id'
                               ' FOR UPDATE', effect.relation, effect.relation) INTO here USING effect.was;
                changed := ARRAY(SELECT key FROM jsonb_each(effect.was) w
                                 WHERE w.value IS DISTINCT FROM effect.became -> w.key);
                IF here IS NULL THEN
                    outcome := 'lost';
                ELSIF EXISTS (SELECT FROM unnest(changed) c
                              WHERE here -> c IS DISTINCT FROM effect.became -> c) THEN
                    outcome := 'changed';
                ELSE
                    SELECT string_agg(CASE WHEN c = 'version' THEN 'version = version + 1'
                           ELSE format('%I = (jsonb_populate_record(NULL::%I, $1)).%I', c, effect.relation, c) END, ', ')
                    INTO setting FROM unnest(changed) c;
                    EXECUTE format('UPDATE %I x SET %s WHERE x.id = (jsonb_populate_record(NULL::%I, $1)).id',
                                   effect.relation, setting, effect.relation) USING effect.was;
                END IF;
            END IF;
            IF outcome = 'back' AND effect.back <> '' THEN
                EXECUTE effect.back USING effect.was, moment, one.back_by,
                    coalesce((SELECT name_zh FROM account WHERE id = one.back_by), '系统'), '离开登记已撤销';
            END IF;
        EXCEPTION WHEN integrity_constraint_violation OR insufficient_privilege OR raise_exception THEN
            outcome := 'taken';
        END;
        UPDATE leaving_effect SET undone_at = moment, undone_as = outcome WHERE id = effect.id;
        n := n + (outcome = 'back')::integer;
    END LOOP;
    PERFORM set_config('shouwang.leaving', '', true);
    RETURN n;
END $$;
