-- Who died or moved away is known everywhere: a state of the resident, what follows from it as data, and the way back.
ALTER TABLE resident ADD COLUMN gone text CHECK (gone IN ('died', 'moved', 'other')); -- NULL: here, as far as we know
ALTER TABLE resident ADD COLUMN gone_on date;
ALTER TABLE resident ADD CONSTRAINT resident_gone_on CHECK ((gone IS NULL) = (gone_on IS NULL));
CREATE INDEX resident_gone ON resident (household_id) WHERE gone IS NOT NULL;
-- the state is no edit of the record: it has a history of its own
CREATE OR REPLACE TRIGGER resident_history AFTER INSERT OR UPDATE OR DELETE ON resident
    FOR EACH ROW EXECUTE FUNCTION note_record_change('gone', 'gone_on');
UPDATE resident r SET gone = l.reason, gone_on = l.left_on FROM resident_leaving l
WHERE l.resident_id = r.id AND l.back_at IS NULL;

CREATE FUNCTION resident_is_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE resident r SET gone = l.reason, gone_on = l.left_on
    FROM (SELECT) one LEFT JOIN resident_leaving l ON l.resident_id = NEW.resident_id AND l.back_at IS NULL
    WHERE r.id = NEW.resident_id AND (r.gone, r.gone_on) IS DISTINCT FROM (l.reason, l.left_on);
    RETURN NULL;
END $$;
CREATE TRIGGER resident_is_gone AFTER INSERT OR UPDATE ON resident_leaving
    FOR EACH ROW EXECUTE FUNCTION resident_is_gone();

ALTER TABLE resident_leaving ADD COLUMN terms jsonb NOT NULL DEFAULT '{}'; -- what the rules of that day said
CREATE INDEX resident_leaving_written ON resident_leaving (written_at DESC, id DESC);

-- What follows from it in other tables. Conditions and assignments stand for alias x; $1 the resident, $2 the day,
-- $3 the moment, $4 the terms. Statements of history: $1 the row before, $2 the moment, $3 account, $4 actor, $5 words.
CREATE TABLE leaving_rule (
    code      text PRIMARY KEY,
    place     smallint NOT NULL,                 -- in this order, and back in the other
    reasons   text[] NOT NULL DEFAULT '{died,moved,other}',
    term      text,                              -- the term (days) after which; NULL: at once
    relation  text NOT NULL,
    condition text NOT NULL,
    act       text NOT NULL CHECK (act IN ('set', 'delete')),
    sets      text NOT NULL DEFAULT '' CHECK ((act = 'set') = (sets <> '')),
    history   text NOT NULL DEFAULT '',
    back_if   text NOT NULL DEFAULT 'true',      -- of the row as it was, $1 the moment: whether it can come back
    back      text NOT NULL DEFAULT ''           -- the statement of history when it comes back
);
CREATE TABLE leaving_done (                      -- a rule that was carried out for somebody
    leaving_id bigint NOT NULL REFERENCES resident_leaving ON DELETE CASCADE,
    rule       text NOT NULL REFERENCES leaving_rule,
    at         timestamptz NOT NULL,
    PRIMARY KEY (leaving_id, rule)
);
CREATE TABLE leaving_effect (                    -- a row that it changed, as it was before
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    leaving_id bigint NOT NULL REFERENCES resident_leaving ON DELETE CASCADE,
    rule       text NOT NULL REFERENCES leaving_rule,
    at         timestamptz NOT NULL,
    was        jsonb NOT NULL,
    became     jsonb,                            -- NULL: taken away
    undone_at  timestamptz,
    undone_as  text CHECK (undone_as IN ('back', 'changed', 'past', 'taken', 'lost')),
    CHECK ((undone_at IS NULL) = (undone_as IS NULL))
);
CREATE INDEX leaving_effect_leaving ON leaving_effect (leaving_id, id);

INSERT INTO leaving_rule (code, place, reasons, term, relation, condition, act, sets, history, back_if, back) VALUES
('plans', 10, DEFAULT, NULL, 'service_plan',
 $$x.resident_id = $1 AND x.state IN ('active', 'paused')$$, 'set', $$state = 'ended', version = version + 1$$,
 $$INSERT INTO service_plan_event (plan_id, at, action, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'end', $3, $4, $5)$$, 'true',
 $$INSERT INTO service_plan_event (plan_id, at, action, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'resume', $3, $4, $5)$$),
('visits', 20, DEFAULT, NULL, 'service_order',
 $$x.resident_id = $1 AND x.state IN ('planned', 'assigned')
   AND x.planned_start >= $2::timestamp AT TIME ZONE 'Asia/Shanghai'$$, 'set',
 $$state = 'cancelled', version = version + 1$$,
 $$INSERT INTO service_order_event (order_id, at, action, from_state, to_state, account_id, actor, note, detail)
   VALUES (($1 ->> 'id')::bigint, $2, 'cancel', $1 ->> 'state', 'cancelled', $3, $4, $5, '{"by": "leaving"}')$$,
 $$x.planned_start > $1$$,
 $$INSERT INTO service_order_event (order_id, at, action, from_state, to_state, account_id, actor, note, detail)
   VALUES (($1 ->> 'id')::bigint, $2, 'reopen', 'cancelled', $1 ->> 'state', $3, $4, $5, '{"by": "leaving"}')$$),
('asked', 30, DEFAULT, NULL, 'service_request', $$x.resident_id = $1 AND x.state IN ('asked', 'station')$$, 'set',
 $$state = 'withdrawn', answer_by = NULL, version = version + 1$$,
 $$INSERT INTO service_request_event (request_id, at, action, organisation_id, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'withdraw', ($1 ->> 'organisation_id')::integer, $3, $4, $5)$$,
 $$x.wanted_at > $1$$,
 $$INSERT INTO service_request_event (request_id, at, action, organisation_id, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'reopen', ($1 ->> 'organisation_id')::integer, $3, $4, $5)$$),
('meals', 40, DEFAULT, NULL, 'meal_order',
 $$x.resident_id = $1 AND x.state = 'ordered' AND x.day >= $2$$, 'set',
 $$state = 'cancelled', ended_at = $3, version = version + 1$$,
 $$INSERT INTO meal_order_event (order_id, at, account_id, state, note)
   VALUES (($1 ->> 'id')::bigint, $2, $3, 'cancelled', $5)$$,
 $$x.day >= ($1 AT TIME ZONE 'Asia/Shanghai')::date$$,
 $$INSERT INTO meal_order_event (order_id, at, account_id, state, note)
   VALUES (($1 ->> 'id')::bigint, $2, $3, 'ordered', $5)$$),
('help', 50, DEFAULT, NULL, 'time_request',
 $$x.resident_id = $1 AND x.state IN ('open', 'offered', 'accepted') AND x.paid_by = 'community'$$, 'set',
 $$state = 'cancelled', closed_at = $3, version = version + 1$$,
 $$INSERT INTO time_request_event (request_id, at, action, from_state, to_state, account_id, actor, volunteer_id, note)
   VALUES (($1 ->> 'id')::uuid, $2, 'cancel', $1 ->> 'state', 'cancelled', $3, $4,
           ($1 ->> 'volunteer_id')::integer, $5)$$,
 $$x.wanted_until > $1$$,
 $$INSERT INTO time_request_event (request_id, at, action, from_state, to_state, account_id, actor, volunteer_id, note)
   VALUES (($1 ->> 'id')::uuid, $2, 'reopen', 'cancelled', $1 ->> 'state', $3, $4,
           ($1 ->> 'volunteer_id')::integer, $5)$$),
('rounds', 60, DEFAULT, NULL, 'time_round_member', $$x.resident_id = $1$$, 'delete', DEFAULT, DEFAULT, DEFAULT, DEFAULT),
('helper', 70, DEFAULT, NULL, 'time_volunteer', $$x.resident_id = $1 AND x.state <> 'ended'$$, 'set',
 $$state = 'ended', version = version + 1$$,
 $$INSERT INTO time_volunteer_event (volunteer_id, at, action, from_state, to_state, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'end', $1 ->> 'state', 'ended', $3, $4, $5)$$, 'true',
 $$INSERT INTO time_volunteer_event (volunteer_id, at, action, from_state, to_state, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'resume', 'ended', $1 ->> 'state', $3, $4, $5)$$),
('bed', 80, DEFAULT, NULL, 'home_bed',
 $$x.resident_id = $1 AND x.state NOT IN ('closed', 'refused', 'withdrawn')$$, 'set',
 $$state = CASE WHEN state IN ('in_service', 'suspended') THEN 'closed' ELSE 'withdrawn' END, state_since = $3,
   due_at = NULL, next_check_on = NULL, version = version + 1$$,
 $$INSERT INTO home_bed_step (bed_id, at, step, from_state, to_state, account_id, actor, reason, detail)
   VALUES (($1 ->> 'id')::integer, $2, CASE WHEN $1 ->> 'state' IN ('in_service', 'suspended') THEN 'close'
           ELSE 'withdraw' END, $1 ->> 'state', CASE WHEN $1 ->> 'state' IN ('in_service', 'suspended') THEN 'closed'
           ELSE 'withdrawn' END, $3, $4, $5, '{"by": "leaving"}')$$, 'true',
 $$INSERT INTO home_bed_step (bed_id, at, step, from_state, to_state, account_id, actor, reason, detail)
   VALUES (($1 ->> 'id')::integer, $2, 'undo', CASE WHEN $1 ->> 'state' IN ('in_service', 'suspended') THEN 'closed'
           ELSE 'withdrawn' END, $1 ->> 'state', $3, $4, $5, '{"by": "leaving"}')$$),
('grants', 90, DEFAULT, NULL, 'grant_application',
 $$x.resident_id = $1 AND x.state = 'approved' AND x.per = 'month'
   AND (x.pays_until IS NULL OR x.pays_until > ($4 ->> 'pays_until')::date)$$, 'set',
 $$pays_until = greatest(($4 ->> 'pays_until')::date, pays_from), version = version + 1$$,
 $$INSERT INTO grant_step (application_id, at, step, to_state, account_id, actor, reason, detail)
   VALUES (($1 ->> 'id')::integer, $2, 'stop', 'approved', $3, $4, $5, '{"by": "leaving"}')$$, 'true',
 $$INSERT INTO grant_step (application_id, at, step, to_state, account_id, actor, reason, detail)
   VALUES (($1 ->> 'id')::integer, $2, 'resume', 'approved', $3, $4, $5, '{"by": "leaving"}')$$),
('applications', 100, DEFAULT, NULL, 'grant_application', $$x.resident_id = $1 AND x.state = 'waiting'$$, 'set',
 $$state = 'withdrawn', due_at = NULL, version = version + 1$$,
 $$INSERT INTO grant_step (application_id, at, step, to_state, account_id, actor, reason, detail)
   VALUES (($1 ->> 'id')::integer, $2, 'withdraw', 'withdrawn', $3, $4, $5, '{"by": "leaving"}')$$, 'true',
 $$INSERT INTO grant_step (application_id, at, step, to_state, account_id, actor, reason, detail)
   VALUES (($1 ->> 'id')::integer, $2, 'resume', 'waiting', $3, $4, $5, '{"by": "leaving"}')$$),
('exchange', 110, DEFAULT, 'exchange_days', 'exchange_consent', $$x.resident_id = $1 AND x.withdrawn_at IS NULL$$,
 'set', $$withdrawn_at = greatest($3, given_at)$$, DEFAULT, DEFAULT, DEFAULT),
('family', 120, DEFAULT, 'family_days', 'family_member', $$x.resident_id = $1$$, 'delete', DEFAULT, DEFAULT, DEFAULT,
 DEFAULT);

-- The rows that would change, for whoever asks: as that account may see them.
CREATE FUNCTION leaving_preview(who integer, day date, why text, moment timestamptz, terms jsonb)
    RETURNS TABLE (rule text, term text, was jsonb) LANGUAGE plpgsql STABLE SET timezone = 'UTC' AS $$
DECLARE
    one leaving_rule;
BEGIN
    FOR one IN SELECT * FROM leaving_rule r WHERE why = ANY (r.reasons) ORDER BY r.place LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::text, %L::text, to_jsonb(x) FROM %I x WHERE %s', one.code, one.term, one.relation, one.condition
        ) USING who, day, moment, terms;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION leaving_preview(integer, date, text, timestamptz, jsonb) FROM PUBLIC;

CREATE FUNCTION leaving_words(reason text, day date) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE reason WHEN 'died' THEN '老人已于 ' WHEN 'moved' THEN '老人已迁出，自 ' ELSE '老人已离开，自 ' END
        || day || CASE reason WHEN 'died' THEN ' 去世' ELSE ' 起' END
$$;

-- Carry out the rules that are due for somebody who is gone; a rule once. The number of rows that changed.
CREATE FUNCTION leaving_apply(number bigint, moment timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    one    resident_leaving;
    rule   leaving_rule;
    found  record;
    after  jsonb;
    actor  text;
    n      integer := 0;
BEGIN
    SELECT * INTO one FROM resident_leaving WHERE id = number AND back_at IS NULL FOR UPDATE;
    IF one.id IS NULL THEN
        RETURN 0;
    END IF;
    actor := coalesce((SELECT name_zh FROM account WHERE id = one.written_by), '系统');
    FOR rule IN
        SELECT * FROM leaving_rule r
        WHERE one.reason = ANY (r.reasons)
          AND NOT EXISTS (SELECT FROM leaving_done d WHERE d.leaving_id = number AND d.rule = r.code)
          AND (r.term IS NULL OR moment >= one.written_at + make_interval(days => (one.terms ->> r.term)::integer))
        ORDER BY r.place
    LOOP
        FOR found IN EXECUTE format(
            'SELECT to_jsonb(x) AS was, x.ctid AS place FROM %I x WHERE %s FOR UPDATE', rule.relation, rule.condition
        ) USING one.resident_id, one.left_on, moment, one.terms LOOP
            after := NULL;
            IF rule.act = 'delete' THEN
                EXECUTE format('DELETE FROM %I x WHERE x.ctid = $1', rule.relation) USING found.place;
            ELSE
                EXECUTE format('UPDATE %I x SET %s WHERE x.ctid = $5 RETURNING to_jsonb(x)', rule.relation, rule.sets)
                INTO after USING one.resident_id, one.left_on, moment, one.terms, found.place;
            END IF;
            INSERT INTO leaving_effect (leaving_id, rule, at, was, became)
            VALUES (number, rule.code, moment, found.was, after);
            IF rule.history <> '' THEN
                EXECUTE rule.history USING found.was, moment, one.written_by, actor,
                    leaving_words(one.reason, one.left_on);
            END IF;
            n := n + 1;
        END LOOP;
        INSERT INTO leaving_done (leaving_id, rule, at) VALUES (number, rule.code, moment);
    END LOOP;
    RETURN n;
END $$;
REVOKE ALL ON FUNCTION leaving_apply(bigint, timestamptz) FROM PUBLIC;

-- Bring back what was changed for somebody who is here after all: each row as it was, unless somebody has changed it
-- since, its time is over, or something else has its place. The number of rows that came back.
CREATE FUNCTION leaving_undo(number bigint, moment timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
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
        EXCEPTION WHEN unique_violation OR check_violation OR foreign_key_violation THEN
            outcome := 'taken';
        END;
        UPDATE leaving_effect SET undone_at = moment, undone_as = outcome WHERE id = effect.id;
        n := n + (outcome = 'back')::integer;
    END LOOP;
    PERFORM set_config('shouwang.leaving', '', true);
    RETURN n;
END $$;
REVOKE ALL ON FUNCTION leaving_undo(bigint, timestamptz) FROM PUBLIC;

-- A request that was cancelled because somebody was said to be gone may be open again; nothing else may.
CREATE OR REPLACE FUNCTION time_request_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'cancelled' AND current_setting('shouwang.leaving', true) = 'undo'
       AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a request that is closed stays as it is' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;

INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en) VALUES
    ('resident_leaving', 'keep', 3, NULL, '民法典第一百八十八条，诉讼时效三年', 'Civil Code article 188, limitation of three years'),
    ('leaving_effect', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('leaving_done', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('register_difference', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('register_decision', 'erase', NULL, NULL, '个人信息保护法第四十七条；审计中留有谁在何时作了决定', 'PIPL article 47; the audit keeps who decided when'),
    ('register_line', 'erase', NULL, NULL, '个人信息保护法第四十七条；原名册由来源部门保存', 'PIPL article 47; its office keeps the register')
ON CONFLICT (relation) DO NOTHING;

-- Registers are fetched, and packages made, at their times, in the name of whoever set it up.
ALTER TABLE register_source ADD COLUMN every_hours integer CHECK (every_hours BETWEEN 1 AND 8760); -- NULL: by hand
ALTER TABLE register_source ADD COLUMN next_at timestamptz;
ALTER TABLE register_source ADD COLUMN failures integer NOT NULL DEFAULT 0; -- one after the other
ALTER TABLE register_source ADD COLUMN good_at timestamptz;      -- of the last time that the other side answered well
ALTER TABLE register_source ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE register_source ADD COLUMN acts_as integer REFERENCES account; -- in whose name it is fetched by itself
CREATE INDEX register_source_due ON register_source (next_at) WHERE active AND every_hours IS NOT NULL;
CREATE TABLE register_source_change (            -- who changed a source, only added to
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id  integer NOT NULL REFERENCES register_source ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    account_id integer REFERENCES account,
    before     jsonb NOT NULL,
    after      jsonb NOT NULL
);
CREATE INDEX register_source_change_of ON register_source_change (source_id, id);

CREATE TABLE report_schedule (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receiver_id integer NOT NULL REFERENCES report_receiver,
    dataset     text NOT NULL,
    area_path   ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE,
    every       text NOT NULL CHECK (every IN ('day', 'week', 'month')), -- each time of the one that is over
    hour        smallint NOT NULL DEFAULT 6 CHECK (hour BETWEEN 0 AND 23), -- in Shanghai
    next_at     timestamptz NOT NULL,
    acts_as     integer NOT NULL REFERENCES account,
    active      boolean NOT NULL DEFAULT true,
    failures    integer NOT NULL DEFAULT 0,
    fault       text NOT NULL DEFAULT '',
    made_until  date,                            -- the last day of the newest package
    version     integer NOT NULL DEFAULT 1,
    UNIQUE (receiver_id, dataset, area_path, every)
);
CREATE INDEX report_schedule_due ON report_schedule (next_at) WHERE active;
CREATE INDEX report_schedule_area ON report_schedule USING gist (area_path);
ALTER TABLE report_receiver ADD COLUMN alarm_days integer NOT NULL DEFAULT 3 CHECK (alarm_days BETWEEN 1 AND 90);
ALTER TABLE report_receiver ADD COLUMN alarm uuid; -- the open alert that it has taken nothing for so long
CREATE INDEX report_package_log ON report_package (made_at DESC, id DESC);

-- Decisions on many lines at once, which can be taken back together.
CREATE TABLE register_batch (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    import_id  bigint NOT NULL REFERENCES register_import ON DELETE CASCADE,
    field      text NOT NULL,
    choice     text NOT NULL CHECK (choice IN ('ours', 'theirs', 'aside')),
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    account_id integer REFERENCES account,
    at         timestamptz NOT NULL,
    lines      integer NOT NULL DEFAULT 0,
    failed     integer NOT NULL DEFAULT 0,
    undone_at  timestamptz,
    undone_by  integer REFERENCES account,
    undone     integer NOT NULL DEFAULT 0         -- lines that are open again
);
CREATE INDEX register_batch_import ON register_batch (import_id, id DESC);
ALTER TABLE register_decision ADD COLUMN batch_id bigint REFERENCES register_batch;
CREATE INDEX register_decision_batch ON register_decision (batch_id) WHERE batch_id IS NOT NULL;

-- Who is gone does not live there: the room's devices tell of whoever is left.
CREATE OR REPLACE FUNCTION home_of_one(home integer) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) = 1 FROM resident WHERE household_id = home AND gone IS NULL);
END $$;
