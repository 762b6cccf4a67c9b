-- Legal holds: what may be evidence goes neither by its period nor by an erasure while a hold is in force. Periods as
-- data: each rule removes what is over its period day by day, and notes when it ran and what it removed.
CREATE TABLE legal_hold (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer REFERENCES resident,
    class       text NOT NULL DEFAULT '',        -- of tables, as classes.toml names it; '': it is a person's
    relations   text[] NOT NULL DEFAULT '{}',    -- the tables of that class
    area_path   ltree NOT NULL,                  -- of who placed it
    reference   text NOT NULL CHECK (reference <> ''), -- number of the case, the letter, the decision
    reason      text NOT NULL,
    account_id  integer REFERENCES account ON DELETE SET NULL,
    placed_at   timestamptz NOT NULL,
    until       date,                            -- last day; NULL: until it is lifted
    lifted_at   timestamptz,
    lifted_by   integer REFERENCES account ON DELETE SET NULL,
    lifted_for  text NOT NULL DEFAULT '',
    CHECK ((resident_id IS NULL) = (class <> '')),
    CHECK ((class <> '') = (relations <> '{}'))
);
CREATE INDEX legal_hold_resident ON legal_hold (resident_id);
CREATE INDEX legal_hold_open ON legal_hold (id) WHERE lifted_at IS NULL;
CREATE INDEX legal_hold_account ON legal_hold (account_id);
CREATE INDEX legal_hold_lifter ON legal_hold (lifted_by);
CREATE INDEX legal_hold_area ON legal_hold USING gist (area_path);
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en, confirm) VALUES
    ('legal_hold', 'anonymise', 3, $$reason = '', lifted_for = ''$$,
     '个人信息保护法第五十六条：处理情况的记录三年；文字删除', 'PIPL article 56: records of processing, three years; words go', true);
CREATE FUNCTION legal_hold_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.lifted_at IS NULL AND (to_jsonb(OLD) - '{lifted_at,lifted_by,lifted_for}'::text[]
            = to_jsonb(NEW) - '{lifted_at,lifted_by,lifted_for}'::text[])
        OR current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'a hold is lifted once, and never changed' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER legal_hold_kept BEFORE UPDATE OR DELETE ON legal_hold FOR EACH ROW EXECUTE FUNCTION legal_hold_kept();

CREATE FUNCTION holds_in_force() RETURNS SETOF legal_hold LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT * FROM legal_hold
    WHERE lifted_at IS NULL AND (until IS NULL OR until >= (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::date)
$$;
CREATE FUNCTION held_residents() RETURNS integer[] LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT resident_id), '{}') FROM holds_in_force() WHERE resident_id IS NOT NULL
$$;
CREATE FUNCTION table_held(relation text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM holds_in_force() h WHERE table_held.relation = ANY (h.relations))
$$;
-- The hold for which an erasure waits: the person's own, or of a class in which the person has rows. NULL: none.
CREATE FUNCTION erasure_held(who integer) RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    found bigint := (SELECT min(id) FROM holds_in_force() WHERE resident_id = who);
    hold  record;
    any_  boolean;
BEGIN
    IF found IS NOT NULL OR NOT EXISTS (SELECT FROM holds_in_force()) THEN
        RETURN found;
    END IF;
    FOR hold IN SELECT h.id, c.relation, c.condition FROM holds_in_force() h
        JOIN erasure_conditions() c ON c.relation = ANY (h.relations) ORDER BY h.id, c.depth
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I x WHERE %s)', hold.relation, hold.condition) INTO any_ USING who;
        IF any_ THEN
            RETURN hold.id;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION holds_in_force(), held_residents(), table_held(text), erasure_held(integer) FROM PUBLIC;

CREATE TABLE retention_rule (
    code     text PRIMARY KEY,
    relation text NOT NULL,
    days     integer NOT NULL CHECK (days > 0),
    over     text NOT NULL,                      -- of a row x: it is over; $1: the moment before which
    takes    text,                               -- a statement before, for what hangs on them; $1: the rows' places
    held_by  text                                -- of a row x: it is of the resident $1; NULL: as the schema has it
);
-- What each rule removed on each day; NULL: the database's own policies removed, and count nothing.
CREATE TABLE retention_run (
    rule    text NOT NULL,
    day     date NOT NULL,
    at      timestamptz NOT NULL,
    removed bigint,
    held    bigint NOT NULL DEFAULT 0,           -- over their period, and kept by a hold (counted up to a thousand)
    PRIMARY KEY (rule, day)
);
CREATE FUNCTION note_retention(which text, gone bigint, kept bigint DEFAULT 0) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    INSERT INTO retention_run AS r (rule, day, at, removed, held)
    VALUES (which, (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::date, clock_timestamp(), gone, kept)
    ON CONFLICT (rule, day) DO UPDATE SET at = EXCLUDED.at, removed = r.removed + EXCLUDED.removed, held = EXCLUDED.held
$$;
REVOKE ALL ON FUNCTION note_retention(text, bigint, bigint) FROM PUBLIC;

INSERT INTO retention_rule (code, relation, days, over, takes, held_by) VALUES
    ('message', 'message', 365, $q$x.created_at < $1 AND x.state NOT IN ('waiting', 'sending')
      AND NOT EXISTS (SELECT FROM notification n WHERE n.message_id = x.id AND n.state = 'waiting')$q$,
     $q$WITH old AS (SELECT id FROM message WHERE ctid = ANY ($1)),
      n AS (UPDATE notification SET message_id = NULL WHERE message_id IN (SELECT id FROM old)),
      o AS (DELETE FROM outbox_entry WHERE message_id IN (SELECT id FROM old))
      DELETE FROM delivery_attempt WHERE message_id IN (SELECT id FROM old)$q$,
     $q$EXISTS (SELECT FROM notification n JOIN alert a ON a.id = n.alert_id WHERE n.message_id = x.id AND (a.resident_id = $1
      OR a.resident_id IS NULL AND a.household_id = (SELECT household_id FROM resident WHERE id = $1)))$q$),
    ('notification', 'notification', 1095, $q$x.at < $1 AND x.state <> 'waiting'
      AND NOT EXISTS (SELECT FROM notification y WHERE y.failover_of = x.id)$q$, NULL, NULL),
    ('channel_test', 'channel_test', 365, 'x.asked_at < $1', NULL, NULL),
    ('duty_test', 'duty_test', 30, 'x.starts_at < $1',
     $q$WITH sent AS (SELECT n.message_id AS id FROM notification n JOIN duty_test d ON d.id = n.duty_test_id
                      WHERE d.ctid = ANY ($1) AND n.message_id IS NOT NULL),
      n AS (UPDATE notification SET message_id = NULL WHERE message_id IN (SELECT id FROM sent)),
      o AS (DELETE FROM outbox_entry WHERE message_id IN (SELECT id FROM sent)),
      a AS (DELETE FROM delivery_attempt WHERE message_id IN (SELECT id FROM sent))
      DELETE FROM message WHERE id IN (SELECT id FROM sent)$q$, NULL),
    ('protection_change', 'protection_change', 400, $q$x.at < $1 AND EXISTS (SELECT FROM protection_change later
      WHERE later.resident_id = x.resident_id AND later.function = x.function AND later.at > x.at AND later.at < $1)$q$,
     NULL, NULL),
    ('event', 'event', 730, 'x.received_at < $1 AND x.time < $1', NULL, NULL),
    ('quarantine', 'quarantine', 365, 'x.last_at < $1', NULL,
     'x.gateway IN (SELECT g.name FROM gateway g WHERE g.household_id = (SELECT household_id FROM resident WHERE id = $1))'),
    ('register_import', 'register_import', 1825, $q$x.at < $1 AND NOT EXISTS (SELECT FROM register_line l
      WHERE l.import_id = x.id AND l.settled_at IS NULL) AND EXISTS (SELECT FROM register_import later
      WHERE later.register = x.register AND later.area_path = x.area_path AND later.complete AND later.id > x.id)$q$, NULL,
     'EXISTS (SELECT FROM register_line l WHERE l.import_id = x.id AND l.resident_id = $1)'),
    ('record_change', 'record_change', 1825, 'x.at < $1 AND x.at < (SELECT since FROM record_history)', NULL,
     $q$(x.record IN ('resident', 'contact') AND (x.key = (SELECT code FROM resident WHERE id = $1)
      OR x.key LIKE (SELECT code FROM resident WHERE id = $1) || '/%')
      OR x.record = 'household' AND x.row_id = (SELECT household_id FROM resident WHERE id = $1))$q$),
    ('staff_profile_change', 'staff_profile_change', 1825, 'x.at < $1', NULL, NULL),
    ('staff_employment', 'staff_employment', 1825, 'x.until < $1::date', NULL, NULL),
    ('service_order_event', 'service_order_event', 1825, 'x.at < $1', NULL, NULL),
    ('service_plan_event', 'service_plan_event', 1825, 'x.at < $1', NULL, NULL),
    ('service_request_event', 'service_request_event', 1825, 'x.at < $1', NULL, NULL),
    ('service_press', 'service_press', 1825, 'x.stored_at < $1', NULL, NULL),
    ('button_press', 'button_press', 1825, 'x.heard_at < $1', NULL, NULL),
    ('meal_order_event', 'meal_order_event', 1825, 'x.at < $1', NULL, NULL),
    ('meal_arrangement_event', 'meal_arrangement_event', 1825, 'x.at < $1', NULL, NULL),
    ('meal_press', 'meal_press', 1825, 'x.stored_at < $1', NULL, NULL),
    ('meal_gap', 'meal_gap', 1825, 'x.closed_at < $1', NULL, NULL),
    ('care_notice', 'care_notice', 1825, $q$x.made_at < $1 AND x.state NOT IN ('queued', 'handed')$q$, NULL, NULL),
    ('care_digest', 'care_digest', 1825,
     'x.made_at < $1 AND NOT EXISTS (SELECT FROM care_notice n WHERE n.digest_id = x.id)', NULL, NULL),
    ('roster', 'roster', 1825, 'x.valid_until < $1::date', NULL, NULL),
    ('roster_exception', 'roster_exception', 1825, 'x.ends_at < $1', NULL, NULL),
    ('roster_change', 'roster_change', 1825, 'x.at < $1', NULL, NULL),
    ('privacy_breach', 'privacy_breach', 1825, 'x.closed_at < $1', NULL, NULL),
    ('webhook_delivery', 'webhook_delivery', 30, $q$x.state IN ('delivered', 'dropped') AND x.done_at < $1$q$, NULL, NULL),
    ('exchange_export', 'exchange_export', 7, $q$x.state = 'deleted' AND x.expires_at < $1$q$, NULL,
     '$1 = ANY (x.residents)'),
    ('upkeep_request', 'upkeep_request', 365, $q$x.asked_at < $1 AND x.state NOT IN ('queued', 'sent')$q$, NULL, NULL);
-- Of tables that only grow, the oldest pages are found without reading the rest.
CREATE INDEX event_received ON event USING brin (received_at);
CREATE INDEX notification_at ON notification USING brin (at);
CREATE INDEX notification_failover ON notification (failover_of) WHERE failover_of IS NOT NULL;
CREATE INDEX service_order_event_at ON service_order_event USING brin (at);
CREATE INDEX meal_order_event_at ON meal_order_event USING brin (at);
CREATE INDEX service_press_stored ON service_press USING brin (stored_at);
CREATE INDEX meal_press_stored ON meal_press USING brin (stored_at);

-- One step of a rule: removes up to 5,000 rows; fewer: it is through. Nobody makes it look ahead of the clock.
CREATE FUNCTION end_period(which text, asked timestamptz DEFAULT clock_timestamp()) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    rule   retention_rule;
    people integer[] := held_residents();
    before timestamptz;
    free   text := '';
    mine   text;
    places tid[];
    gone   integer := 0;
    kept   bigint := 0;
BEGIN
    SELECT * INTO STRICT rule FROM retention_rule WHERE code = which;
    before := least(asked, clock_timestamp()) - make_interval(days => rule.days);
    IF NOT table_held(rule.relation) THEN
        IF people <> '{}' THEN
            mine := coalesce(rule.held_by, (SELECT condition FROM person_tables() WHERE relation = rule.relation),
                             (SELECT condition FROM person_tables_by_name() WHERE relation = rule.relation));
            IF mine IS NOT NULL THEN
                free := format(' AND NOT EXISTS (SELECT FROM unnest($2) held (who) WHERE %s)',
                               replace(mine, '$1', 'held.who'));
            END IF;
        END IF;
        EXECUTE format('SELECT array_agg(place) FROM (SELECT x.ctid AS place FROM %I x WHERE (%s)%s LIMIT 5000'
                       ' FOR UPDATE OF x SKIP LOCKED) f', rule.relation, rule.over, free) INTO places USING before, people;
        IF places IS NOT NULL THEN
            IF rule.takes IS NOT NULL THEN
                EXECUTE rule.takes USING places;
            END IF;
            EXECUTE format('DELETE FROM %I WHERE ctid = ANY ($1)', rule.relation) USING places;
            GET DIAGNOSTICS gone = ROW_COUNT;
        END IF;
    END IF;
    IF gone < 5000 AND EXISTS (SELECT FROM holds_in_force()) THEN
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I x WHERE %s LIMIT 1000) f', rule.relation, rule.over)
            INTO kept USING before;
    END IF;
    PERFORM note_retention(which, gone, kept);
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION end_period(text, timestamptz) FROM PUBLIC;

-- As before, by their rules: what is held stays.
CREATE OR REPLACE FUNCTION drop_old_record_changes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE record_history SET since = now() - INTERVAL '5 years' WHERE since < now() - INTERVAL '5 years';
    PERFORM end_period('record_change');
END $$;
CREATE OR REPLACE FUNCTION drop_old_requests() RETURNS integer LANGUAGE sql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT end_period('upkeep_request') + end_period('channel_test')
$$;
CREATE OR REPLACE FUNCTION drop_old_duty_tests() RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT end_period('duty_test')
$$;
CREATE OR REPLACE FUNCTION end_exports() RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM end_period('exchange_export');
    RETURN QUERY UPDATE exchange_export SET state = 'deleted' WHERE state <> 'deleted' AND expires_at <= now() RETURNING id;
END $$;
CREATE OR REPLACE FUNCTION forget_observations(days integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    people integer[] := held_residents();
    gone   bigint := 0;
    kept   bigint := 0;
BEGIN
    IF NOT table_held('exchange_observation') THEN
        DELETE FROM exchange_observation WHERE time < now() - make_interval(days => days) AND NOT resident_id = ANY (people);
        GET DIAGNOSTICS gone = ROW_COUNT;
    END IF;
    IF EXISTS (SELECT FROM holds_in_force()) THEN
        SELECT count(*) INTO kept FROM (SELECT FROM exchange_observation
            WHERE time < now() - make_interval(days => days) LIMIT 1000) f;
    END IF;
    PERFORM note_retention('exchange_observation', gone, kept);
END $$;
CREATE OR REPLACE FUNCTION end_person_copies() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    ended integer := 0;
    kept  bigint := 0;
BEGIN
    IF NOT table_held('person_copy_part') THEN
        WITH over AS (
            UPDATE person_copy SET state = 'ended' WHERE state = 'done' AND expires_at <= now()
                AND NOT resident_id = ANY (held_residents()) RETURNING id
        ), gone AS (DELETE FROM person_copy_part p USING over WHERE p.copy_id = over.id)
        SELECT count(*) INTO ended FROM over;
    END IF;
    IF ended > 0 THEN
        PERFORM note_retention('person_copy_part', ended);
    END IF;
    RETURN ended;
END $$;
CREATE OR REPLACE FUNCTION end_research_exports() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    ended bigint;
BEGIN
    UPDATE research_project SET state = 'ended'
    WHERE state = 'approved' AND expires_on < (now() AT TIME ZONE 'Asia/Shanghai')::date;
    IF table_held('research_export') THEN
        RETURN;
    END IF;
    UPDATE research_export e SET state = 'ended', body = NULL FROM research_project p
    WHERE p.id = e.project_id AND p.state IN ('ended', 'refused') AND e.state IN ('waiting', 'done', 'empty');
    GET DIAGNOSTICS ended = ROW_COUNT;
    IF ended > 0 THEN
        PERFORM note_retention('research_export', ended);
    END IF;
END $$;

-- As in 0310, and: it waits while a hold is in force.
CREATE OR REPLACE FUNCTION erase_person(number bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    one    record;
    step   record;
    alone  integer;
    old    text;
    act    text;
    gone   bigint;
    series integer[];
    mails  bigint[];
    given  jsonb;
    report jsonb := '[]';
BEGIN
    SELECT * INTO one FROM erasure WHERE id = number AND state = 'approved' FOR UPDATE;
    IF one.id IS NULL OR (SELECT count(*) FROM erasure_vote WHERE erasure_id = number AND yes) < 2
       OR EXISTS (SELECT FROM erasure_vote WHERE erasure_id = number AND NOT yes) THEN
        RETURN false;
    END IF;
    IF erasure_held(one.resident_id) IS NOT NULL THEN -- it waits until the hold is lifted, or over
        RETURN false;
    END IF;
    alone := home_alone(one.resident_id);
    -- nobody is forgotten in the middle of an emergency: it waits until the alert has ended
    PERFORM FROM alert a WHERE (a.resident_id = one.resident_id OR a.resident_id IS NULL AND a.household_id = alone)
        AND alert_is_open(a.state);
    IF FOUND THEN
        RETURN false;
    END IF;
    PERFORM set_config('shouwang.erasing', 'yes', true), set_config('shouwang.account', '', true),
            set_config('shouwang.origin', 'erasure ' || number, true);
    SELECT code INTO old FROM resident WHERE id = one.resident_id FOR UPDATE;
    given := handed_out(one.resident_id);
    -- first the things, so that nothing new comes: as retired, and unheard
    INSERT INTO silenced (gateway_id) SELECT g.id FROM gateway g WHERE g.household_id = alone
        AND NOT EXISTS (SELECT FROM silenced s WHERE s.gateway_id = g.id AND s.device_id IS NULL AND s.ended_at IS NULL);
    INSERT INTO silenced (gateway_id, device_id) SELECT d.gateway_id, d.id FROM device d
        WHERE d.resident_id = one.resident_id
        AND NOT EXISTS (SELECT FROM silenced s WHERE s.gateway_id = d.gateway_id AND s.ended_at IS NULL
                        AND coalesce(s.device_id, d.id) = d.id);
    UPDATE device d SET retired_at = coalesce(retired_at, clock_timestamp()), version = version + 1,
        retired_why = CASE WHEN retired_why = '' THEN '个人信息删除 erasure' ELSE retired_why END
    WHERE d.resident_id = one.resident_id OR d.gateway_id IN (SELECT id FROM gateway WHERE household_id = alone);
    UPDATE gateway SET version = version + 1 WHERE household_id = alone;
    series := erased_series(one.resident_id);
    -- what waits to go out stays here
    UPDATE exchange_consent SET withdrawn_at = greatest(clock_timestamp(), given_at)
    WHERE resident_id = one.resident_id AND withdrawn_at IS NULL;
    UPDATE report_package k SET state = 'withdrawn', ended_for = '个人信息删除，请重新生成 erasure of a person: make it anew'
    WHERE k.state = 'waiting' AND EXISTS (SELECT FROM report_person p
                                          WHERE p.package_id = k.id AND p.resident_id = one.resident_id);
    SELECT array_agg(x.id) INTO mails FROM message x WHERE EXISTS (
        SELECT FROM notification n JOIN alert a ON a.id = n.alert_id WHERE n.message_id = x.id
        AND (a.resident_id = one.resident_id OR a.resident_id IS NULL AND a.household_id = alone))
      AND NOT EXISTS (SELECT FROM notification n JOIN alert a ON a.id = n.alert_id WHERE n.message_id = x.id
        AND NOT (a.resident_id = one.resident_id OR a.resident_id IS NULL AND coalesce(a.household_id = alone, false)));
    UPDATE notification SET message_id = NULL WHERE message_id = ANY (mails);
    DELETE FROM delivery_attempt WHERE message_id = ANY (mails);
    DELETE FROM outbox_entry WHERE message_id = ANY (mails);
    UPDATE exchange_export SET state = 'deleted', residents = array_remove(residents, one.resident_id)
    WHERE one.resident_id = ANY (residents);
    FOR step IN
        SELECT t.relation, t.condition, t.depth, r.act, r.sets, r.years, r.law_zh, r.law_en
        FROM erasure_conditions() t LEFT JOIN erasure_rule r ON r.relation = t.relation
        -- what hangs on other rows first; the history of it all last, when nothing adds to it any more
        ORDER BY t.depth DESC, t.relation = 'resident', t.relation
    LOOP
        act := coalesce(step.act, 'keep');
        gone := 0;
        IF step.relation = 'message' THEN
            DELETE FROM message WHERE id = ANY (mails);
            GET DIAGNOSTICS gone = ROW_COUNT;
        ELSIF step.relation = 'exchange_export' THEN
            CONTINUE;
        ELSIF act = 'erase' THEN
            EXECUTE format('DELETE FROM %I x WHERE %s', step.relation, step.condition) USING one.resident_id;
            GET DIAGNOSTICS gone = ROW_COUNT;
        ELSIF act = 'anonymise' THEN
            EXECUTE format('UPDATE %I x SET %s WHERE %s', step.relation, step.sets, step.condition) USING one.resident_id;
            GET DIAGNOSTICS gone = ROW_COUNT;
        ELSE
            EXECUTE format('SELECT count(*) FROM %I x WHERE %s', step.relation, step.condition) INTO gone USING one.resident_id;
            act := 'keep';
        END IF;
        report := report || jsonb_build_object(
            'relation', step.relation, 'act', act, 'rows', gone,
            'law_zh', coalesce(step.law_zh, ''), 'law_en', coalesce(step.law_en, ''), 'decided', step.act IS NOT NULL,
            'until', CASE WHEN act <> 'erase' AND coalesce(step.years, CASE WHEN step.act IS NULL THEN 3 END) IS NOT NULL
                          THEN (now() + make_interval(years => coalesce(step.years, 3)))::date END);
    END LOOP;
    PERFORM forget_means(series);
    -- bytes that could not be read when they came: of the gateways of the home, or with the person's number
    DELETE FROM quarantine q USING gateway g WHERE g.name = q.gateway AND g.household_id = alone;
    -- the changes by which the record became nobody's carry what it was before
    DELETE FROM record_change WHERE record IN ('resident', 'contact')
        AND (key IN (one.code, old) OR key LIKE one.code || '/%' OR key LIKE old || '/%'
             OR record = 'resident' AND row_id = one.resident_id);
    DELETE FROM record_change x WHERE x.record = 'household' AND x.row_id = alone;
    UPDATE person_copy SET state = 'ended' WHERE resident_id = one.resident_id AND state IN ('waiting', 'running', 'done');
    UPDATE erasure SET state = 'done', certificate = report, given_to = given,
        again_at = CASE WHEN done_at IS NOT NULL THEN clock_timestamp() END, done_at = coalesce(done_at, clock_timestamp())
    WHERE id = number;
    PERFORM set_config('shouwang.erasing', '', true);
    RETURN true;
END $$;
-- As in 0310, and: nothing of who or what is held.
CREATE OR REPLACE FUNCTION end_kept(today date) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    one   record;
    rows  bigint;
    total bigint := 0;
    what  text;
BEGIN
    FOR one IN
        SELECT e.id, e.resident_id, t.relation, t.condition FROM erasure e
        CROSS JOIN LATERAL jsonb_array_elements(e.certificate) c
        JOIN erasure_conditions() t ON t.relation = c ->> 'relation'
        WHERE e.state = 'done' AND (c ->> 'until')::date < today AND NOT e.ended ? (c ->> 'relation')
          AND t.relation NOT IN ('resident', 'household')
          AND NOT table_held(t.relation) AND NOT e.resident_id = ANY (held_residents())
        ORDER BY e.id, t.depth DESC, t.relation
    LOOP
        BEGIN
            EXECUTE format('DELETE FROM %I x WHERE %s', one.relation, one.condition) USING one.resident_id;
            GET DIAGNOSTICS rows = ROW_COUNT;
            total := total + rows;
            what := today::text;
        EXCEPTION WHEN foreign_key_violation OR raise_exception OR integrity_constraint_violation OR insufficient_privilege THEN
            what := 'chained'; -- rows of a chain, or that others hang on: they go with the chain
        END;
        UPDATE erasure SET ended = ended || jsonb_build_object(one.relation, what) WHERE id = one.id;
    END LOOP;
    RETURN total;
END $$;

-- Readings stand in chunks of everybody: while a hold touches one of the tables, or a person, none goes. True: they wait.
CREATE FUNCTION readings_wait() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ran timestamptz;
BEGIN
    IF held_residents() = '{}' AND NOT table_held('reading') THEN
        IF to_regclass('timescaledb_information.job_stats') IS NOT NULL THEN
            EXECUTE 'SELECT max(s.last_successful_finish) FROM timescaledb_information.job_stats s'
                    ' JOIN timescaledb_information.jobs j USING (job_id)'
                    ' WHERE j.proc_name = ''policy_retention'' AND j.hypertable_name = ''reading''' INTO ran;
        END IF;
        IF ran > '-infinity' THEN
            INSERT INTO retention_run (rule, day, at) VALUES ('reading', (ran AT TIME ZONE 'Asia/Shanghai')::date, ran)
            ON CONFLICT (rule, day) DO UPDATE SET at = EXCLUDED.at;
        END IF;
        RETURN false;
    END IF;
    PERFORM retention_waits(interval '1 day'), note_retention('reading', 0, 1);
    IF to_regclass('timescaledb_information.jobs') IS NOT NULL THEN -- means of minutes and hours have policies of their own
        EXECUTE 'SELECT alter_job(job_id, next_start => now() + interval ''1 day'') FROM timescaledb_information.jobs'
                ' WHERE proc_name = ''policy_retention''';
    END IF;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION readings_wait() FROM PUBLIC;

-- Of people who are gone for five years (养老机构管理办法, 2020, article 27) a plan of erasure waits for its two votes:
-- nobody is erased by a clock. A plan that was refused is made again after a year. Twenty a day.
CREATE FUNCTION plan_ended_residents(today date) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    one     record;
    planned integer := 0;
    people  integer[] := held_residents();
    kept    bigint := 0;
    until   date := least(today, (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::date);
BEGIN
    FOR one IN
        SELECT r.id, r.code FROM resident r
        WHERE r.gone IS NOT NULL AND r.gone_on < until - interval '5 years' AND NOT r.id = ANY (people)
          AND NOT EXISTS (SELECT FROM erasure e WHERE e.resident_id = r.id
                          AND (e.state <> 'refused' OR e.planned_at > until - interval '1 year'))
          AND NOT EXISTS (SELECT FROM alert a WHERE a.resident_id = r.id AND alert_is_open(a.state))
        ORDER BY r.gone_on, r.id LIMIT 20
    LOOP
        CONTINUE WHEN erasure_held(one.id) IS NOT NULL;
        INSERT INTO erasure (resident_id, code, reason, asked_by, identity, planned_at, plan)
        SELECT one.id, one.code, 'withdrawn', 'district', '保存期限已满，系统列出 listed by its period', clock_timestamp(),
               coalesce(jsonb_agg(jsonb_build_object(
                   'relation', c.relation, 'act', coalesce(e.act, 'keep'), 'rows', c.held,
                   'law_zh', coalesce(e.law_zh, ''), 'law_en', coalesce(e.law_en, ''),
                   'until', CASE WHEN e.act = 'erase' OR e.relation IS NOT NULL AND e.years IS NULL THEN NULL
                                 ELSE (today + make_interval(years => coalesce(e.years, 3)))::date END,
                   'decided', e.relation IS NOT NULL, 'confirm', coalesce(e.confirm, true))
                   ORDER BY array_position(ARRAY['erase', 'anonymise', 'keep'], coalesce(e.act, 'keep')), c.held DESC), '[]')
        FROM erasure_counts(one.id) c LEFT JOIN erasure_rule e ON e.relation = c.relation WHERE c.held > 0;
        INSERT INTO audit (at, account_id, action, resident_id, detail, origin)
        VALUES (clock_timestamp(), NULL, 'plan_erasure', one.id, jsonb_build_object('by', 'period'), 'maintenance');
        planned := planned + 1;
    END LOOP;
    SELECT count(*) INTO kept FROM resident r WHERE r.id = ANY (people) AND r.gone_on < until - interval '5 years';
    PERFORM note_retention('ended_residents', planned, kept);
    DELETE FROM retention_run WHERE day < until - 800;
    RETURN planned;
END $$;
REVOKE ALL ON FUNCTION plan_ended_residents(date) FROM PUBLIC;
CREATE INDEX resident_gone_on ON resident (gone_on) WHERE gone IS NOT NULL;
