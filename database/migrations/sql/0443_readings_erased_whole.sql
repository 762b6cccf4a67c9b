-- Readings of whole series go in two statements, not one by one through the view: its trigger would open each pack.
-- Rows first: a step of packing that is under way holds them, and what it has made of them is seen by the second.
CREATE FUNCTION forget_readings(of_series integer[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    gone   bigint;
    packed bigint;
BEGIN
    IF to_regclass('reading_pack') IS NULL THEN -- grade 'community': a table
        DELETE FROM reading WHERE series_id = ANY (of_series);
        GET DIAGNOSTICS gone = ROW_COUNT;
        RETURN gone;
    END IF;
    DELETE FROM reading_row WHERE series_id = ANY (of_series);
    GET DIAGNOSTICS gone = ROW_COUNT;
    WITH packs AS (DELETE FROM reading_pack WHERE series_id = ANY (of_series) RETURNING n)
    SELECT coalesce(sum(n), 0) INTO packed FROM packs;
    RETURN gone + packed;
END $$;
REVOKE ALL ON FUNCTION forget_readings(integer[]) FROM PUBLIC;

-- As in 0310, but the readings.
CREATE OR REPLACE FUNCTION sweep_silenced() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    series integer[];
    gone   bigint;
BEGIN
    SELECT array_agg(s.id) INTO series FROM series s JOIN device d ON d.id = s.device_id
    JOIN silenced q ON q.ended_at IS NULL AND q.since > now() - interval '1 day'
        AND (q.device_id = d.id OR q.device_id IS NULL AND q.gateway_id = d.gateway_id);
    IF series IS NULL THEN
        RETURN 0;
    END IF;
    gone := forget_readings(series);
    PERFORM forget_means(series);
    RETURN gone;
END $$;

-- As in 0410, but the readings.
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
        ELSIF act = 'erase' AND step.relation = 'reading' THEN
            gone := forget_readings(series);
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
