-- Erasure, whole: a decision for every table of a person, homes of several people, homes whose devices still send,
-- messages, means of readings, what was handed out, and a list that a restored backup is brought up to.

-- Whether a person's rows are being erased at this moment, with two votes: the only way past tables that never change.
CREATE FUNCTION being_erased(who integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT current_setting('shouwang.erasing', true) = 'yes'
           AND EXISTS (SELECT FROM erasure WHERE resident_id = who AND state = 'approved')
$$;
-- The home of somebody who lives there alone; NULL: what belongs to the home is others', too, and stays.
CREATE FUNCTION home_alone(who integer) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT me.household_id FROM resident me WHERE me.id = who AND NOT EXISTS (
        SELECT FROM resident r WHERE r.household_id = me.household_id AND r.id <> who
        AND NOT EXISTS (SELECT FROM erasure e WHERE e.resident_id = r.id AND e.state = 'done'))
$$;
REVOKE ALL ON FUNCTION home_alone(integer) FROM PUBLIC;

ALTER TABLE erasure_rule
    ADD COLUMN confirm boolean NOT NULL DEFAULT true; -- the district's counsel has to confirm it
UPDATE erasure_rule SET confirm = (act = 'keep') AND years IS NOT NULL;

CREATE FUNCTION pg_temp.decide(tables text, what text, how_long integer, stripped text, zh text, en text, ask boolean)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en, confirm)
    SELECT name, what, how_long, stripped, zh, en, ask FROM regexp_split_to_table(trim(tables), '\s+') name
    ON CONFLICT (relation) DO UPDATE SET act = EXCLUDED.act, years = EXCLUDED.years, sets = EXCLUDED.sets,
        law_zh = EXCLUDED.law_zh, law_en = EXCLUDED.law_en, confirm = EXCLUDED.confirm
$$;
SELECT pg_temp.decide('care_proposal event field_press meal_diet meal_stop register_line register_difference
    register_decision rollup_minute rollup_hour service_press time_round_member visit_code webhook_delivery
    webhook_attempt complaint_author message exchange_export', 'erase', NULL, NULL,
    '个人信息保护法第四十七条', 'PIPL article 47', false);
-- vouchers of public money: what was done, when, for how much, by whose number; words go
SELECT pg_temp.decide('service_order', 'anonymise', 30, $$done_note = ''$$,
    '会计档案管理办法附表一：原始凭证三十年；备注删除', '会计档案管理办法 (2015), table 1: vouchers for thirty years; notes go', true);
SELECT pg_temp.decide('meal_order', 'anonymise', 30, $$overridden = '', missing = '{}'$$,
    '会计档案管理办法附表一：原始凭证三十年；备注删除', '会计档案管理办法 (2015), table 1: vouchers for thirty years; notes go', true);
SELECT pg_temp.decide('settlement_line grant_payment', 'keep', 30, NULL,
    '会计档案管理办法附表一：原始凭证三十年；只有编号', '会计档案管理办法 (2015), table 1: vouchers for thirty years; by number alone', true);
SELECT pg_temp.decide('grant_application', 'anonymise', 30, $$applicant = '已删除', form = '{}'$$,
    '会计档案管理办法附表一：补贴发放的依据三十年；申请人姓名和表单删除',
    '会计档案管理办法 (2015), table 1: the ground of a payment, thirty years; name and form go', true);
SELECT pg_temp.decide('grant_step', 'anonymise', 30, $$detail = '{}'$$,
    '会计档案管理办法附表一：补贴发放的依据三十年', '会计档案管理办法 (2015), table 1: the ground of a payment, thirty years', true);
-- agreements and the file of somebody who was served
SELECT pg_temp.decide('home_bed', 'anonymise', 5, $$applicant = '已删除'$$,
    '参照养老机构管理办法第二十七条：老年人信息档案，协议期满后五年；申请人姓名删除',
    'by analogy with 养老机构管理办法 (2020), article 27: five years after the agreement; the name goes', true);
SELECT pg_temp.decide('home_bed_contract', 'keep', 5, NULL,
    '参照养老机构管理办法第二十七条：协议期满后五年', 'by analogy with 养老机构管理办法 (2020), article 27: five years after the agreement', true);
SELECT pg_temp.decide('home_bed_step', 'anonymise', 5, $$reason = '', detail = '{}'$$,
    '参照养老机构管理办法第二十七条：协议期满后五年；文字删除', 'by analogy with 养老机构管理办法 (2020), article 27: five years; words go', true);
SELECT pg_temp.decide('home_bed_check', 'anonymise', 5, $$findings = ''$$,
    '参照养老机构管理办法第二十七条：协议期满后五年；文字删除', 'by analogy with 养老机构管理办法 (2020), article 27: five years; words go', true);
SELECT pg_temp.decide('home_bed_survey', 'anonymise', 5, $$note = ''$$,
    '参照养老机构管理办法第二十七条：协议期满后五年；文字删除', 'by analogy with 养老机构管理办法 (2020), article 27: five years; words go', true);
SELECT pg_temp.decide('home_bed_device', 'keep', NULL, NULL, '属于区里的设备', 'a thing of the district', false);
SELECT pg_temp.decide('resident_leaving', 'anonymise', 5, $$evidence = '已删除', back_reason = ''$$,
    '参照养老机构管理办法第二十七条：何时、为何终止服务，五年',
    'by analogy with 养老机构管理办法 (2020), article 27: when and why the service ended, five years', true);
-- an assessment is no medical record (医疗机构病历管理规定 is of institutions); its grade is the ground of payments
SELECT pg_temp.decide('assessment', 'anonymise', 5,
    $$answers = '{}', diagnosis = NULL, events = '{}', informant = '', note = '', objection = '', sums = NULL, total = NULL,
      adjustments = NULL, evidence = NULL$$,
    '参照养老机构管理办法第二十七条：等级、日期和评估员五年，供补贴核查；逐项答案和健康信息删除',
    'by analogy with 养老机构管理办法 (2020), article 27: grade, day and assessors five years; answers and health go', true);
SELECT pg_temp.decide('assessment_event', 'anonymise', 5, $$note = ''$$,
    '参照养老机构管理办法第二十七条：五年；文字删除', 'by analogy with 养老机构管理办法 (2020), article 27: five years; words go', true);
-- what a claim may turn on, three years; words of people go
SELECT pg_temp.decide('service_plan', 'anonymise', 3, $$note = '', state = 'ended'$$,
    '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('service_plan_event service_order_event', 'anonymise', 3, $$note = '', detail = '{}'$$,
    '民法典第一百八十八条，诉讼时效三年；文字和位置删除', 'Civil Code article 188, limitation of three years; words and places go', true);
SELECT pg_temp.decide('service_request', 'anonymise', 3, $$words = '', actor = '已删除'$$,
    '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('service_request_event', 'anonymise', 3, $$note = '', detail = '{}'$$,
    '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('service_rating work_order_rating', 'anonymise', 3, $$words = ''$$,
    '民法典第一百八十八条，诉讼时效三年；评语删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('meal_order_event', 'anonymise', 3, $$note = ''$$,
    '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('meal_absence', 'anonymise', 3, $$note = '', found_note = ''$$,
    '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('complaint complaint_event', 'anonymise', 3, $$words = '已删除'$$,
    '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('equipment_loan', 'anonymise', 3, $$note = ''$$,
    '民法典第一百八十八条，诉讼时效三年；辅具属于区里', 'Civil Code article 188, limitation of three years; the thing is the district''s', true);
SELECT pg_temp.decide('equipment_step', 'anonymise', 3, $$reason = ''$$,
    '民法典第一百八十八条，诉讼时效三年；辅具属于区里', 'Civil Code article 188, limitation of three years; the thing is the district''s', true);
SELECT pg_temp.decide('quality_check quality_result quality_finding quality_event', 'keep', 3, NULL,
    '民法典第一百八十八条，诉讼时效三年；检查的是服务单位', 'Civil Code article 188, limitation of three years; it is the provider that was checked', true);
SELECT pg_temp.decide('notification', 'anonymise', 3,
    $$recipient_key = CASE recipient_kind WHEN 'contact' THEN 'X/已删除' ELSE recipient_key END, page = NULL,
      message_id = NULL$$,
    '民法典第一百八十八条，诉讼时效三年；内容和联系方式删除', 'Civil Code article 188, limitation of three years; contents and addresses go', true);
SELECT pg_temp.decide('call_attempt', 'anonymise', 3,
    $$called_key = CASE WHEN called_kind IN ('contact', 'resident') THEN 'X/已删除' ELSE called_key END, note = ''$$,
    '民法典第一百八十八条，诉讼时效三年；号码和文字删除', 'Civil Code article 188, limitation of three years; numbers and words go', true);
SELECT pg_temp.decide('visit_result', 'anonymise', 3, $$note = '', hospital = 'unknown', injury = 'unknown'$$,
    '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true);
SELECT pg_temp.decide('alert_finding', 'anonymise', 3, $$hospital = 'unknown', injury = 'unknown'$$,
    '民法典第一百八十八条，诉讼时效三年', 'Civil Code article 188, limitation of three years', true);
SELECT pg_temp.decide('desk_support handover_alert sla_breach pause parameter_change figure_alert', 'keep', 3, NULL,
    '民法典第一百八十八条，诉讼时效三年；只有编号', 'Civil Code article 188, limitation of three years; by number alone', true);
SELECT pg_temp.decide('report_person', 'keep', 3, NULL,
    '个人信息保护法第五十六条：提供给谁的记录三年', 'PIPL article 56: what was given to whom, three years', true);
-- the accounts of the time bank: the other side's hours hang on them
SELECT pg_temp.decide('time_account time_entry time_lot time_seal time_transaction time_reversal', 'keep', NULL, NULL,
    '志愿服务条例第十九条：志愿服务记录；复式链式账目，只有编号，另一方的时数以此为据',
    '志愿服务条例 (2017), article 19: records of volunteering; a chained ledger by number, on which the other side''s hours rest', true);
SELECT pg_temp.decide('time_request', 'anonymise', NULL, $$words = '', settled_reason = CASE WHEN settled_reason IS NOT NULL THEN '已删除' END,
      said_by = CASE WHEN said_by LIKE 'resident:%' THEN 'resident:X' || resident_id ELSE said_by END$$,
    '志愿服务条例第十九条：志愿服务记录；文字删除', '志愿服务条例 (2017), article 19: records of volunteering; words go', true);
SELECT pg_temp.decide('time_request_event time_volunteer_event', 'anonymise', NULL, $$note = ''$$,
    '志愿服务条例第十九条：志愿服务记录；文字删除', '志愿服务条例 (2017), article 19: records of volunteering; words go', true);
SELECT pg_temp.decide('time_volunteer', 'anonymise', NULL,
    $$name_zh = '已删除', name_en = 'erased', phone = '', note = '', times = '[]', skills = '{}', state = 'ended',
      born_on = date_trunc('year', born_on)::date, version = version + 1$$,
    '志愿服务条例第十九条：志愿服务记录；姓名和电话删除', '志愿服务条例 (2017), article 19: records of volunteering; name and telephone go', true);
SELECT pg_temp.decide('time_volunteer_check time_volunteer_training time_round_crew', 'keep', NULL, NULL,
    '志愿服务条例第十九条：志愿服务记录；只有编号', '志愿服务条例 (2017), article 19: records of volunteering; by number alone', true);
-- things, and numbers of messages, without anything of a person
SELECT pg_temp.decide('device_firmware device_now figure_device ingest_stream exchange_stream stream_gap senml_arrival
    program_offer simulated_past silenced', 'keep', NULL, NULL,
    '设备和报文编号，无个人内容', 'things and numbers of messages, and nothing of a person', false);
UPDATE erasure_rule SET act = 'anonymise', sets = $$reason_zh = '已删除', reason_en = 'erased'$$,
    law_zh = law_zh || '；文字删除', law_en = law_en || '; words go' WHERE relation = 'work_order';
UPDATE erasure_rule SET act = 'anonymise', sets = $$note = '', detail = '{}'$$,
    law_zh = law_zh || '；文字删除', law_en = law_en || '; words go' WHERE relation = 'work_order_event';

UPDATE erasure_rule SET sets = sets || ', ability_grade = NULL, home_care_bed = false, spo2_scale = 1, on_oxygen = false'
    WHERE relation = 'resident';
UPDATE erasure_rule SET act = 'anonymise',
    sets = $$subject = CASE WHEN subject LIKE 'resident:%' THEN 'resident:X' || resident_id ELSE subject END$$,
    law_zh = law_zh || '；编号删除', law_en = law_en || '; the code goes' WHERE relation = 'alert';
UPDATE erasure_rule SET act = 'anonymise', sets = $$name_zh = '', name_en = '', reason = ''$$,
    law_zh = law_zh || '；接收人姓名删除', law_en = law_en || '; names of recipients go' WHERE relation = 'consent_event';
CREATE OR REPLACE TRIGGER consent_event_no_update BEFORE UPDATE ON consent_event
    FOR EACH ROW WHEN (NOT being_erased(OLD.resident_id)) EXECUTE FUNCTION refuse_consent_change();

-- A signed assessment changes for a lawful erasure alone.
CREATE OR REPLACE TRIGGER assessment_stays BEFORE UPDATE OR DELETE ON assessment
    FOR EACH ROW WHEN (NOT being_erased(OLD.resident_id)) EXECUTE FUNCTION keep_signed_assessment();
-- Tables that never change: an erasure alone takes words out of them. Chains (alert_event, audit) stay as they are.
CREATE FUNCTION refuse_change_but_erasure() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('shouwang.erasing', true) = 'yes'
       AND EXISTS (SELECT FROM erasure WHERE state = 'approved') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE OR REPLACE TRIGGER call_attempt_append_only BEFORE UPDATE OR DELETE ON call_attempt
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
CREATE OR REPLACE TRIGGER visit_result_append_only BEFORE UPDATE OR DELETE ON visit_result
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
CREATE OR REPLACE TRIGGER time_request_event_append_only BEFORE UPDATE OR DELETE ON time_request_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
CREATE OR REPLACE TRIGGER time_volunteer_event_append_only BEFORE UPDATE OR DELETE ON time_volunteer_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
-- As the caller, for whom a request that is closed stays as it is; but for an erasure, an undone leaving (0305), and the
-- note that a door which nobody opened has its alert (0300).
CREATE OR REPLACE FUNCTION time_request_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'cancelled' AND current_setting('shouwang.leaving', true) = 'undo'
       AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.door_told = 0 AND NEW.door_told = 1 AND OLD.ended_as = 'not_opened'
        AND to_jsonb(OLD) - 'door_told' = to_jsonb(NEW) - 'door_told' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL AND NOT being_erased(OLD.resident_id) THEN
        RAISE EXCEPTION 'a request that is closed stays as it is' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;

-- Devices whose data nobody may keep: the person was erased, and the thing may still hang on the wall and send. Ingest
-- drops what they send and counts it. It ends where the thing is given to another home or put to use again.
CREATE TABLE silenced (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway,
    device_id  integer REFERENCES device,        -- NULL: the gateway with all that it relays
    since      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz
);
CREATE INDEX silenced_gateway ON silenced (gateway_id) WHERE ended_at IS NULL;
CREATE INDEX silenced_device ON silenced (device_id) WHERE ended_at IS NULL;
CREATE FUNCTION end_silence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'gateway' THEN
        UPDATE silenced SET ended_at = clock_timestamp() WHERE gateway_id = NEW.id AND ended_at IS NULL;
    ELSE
        UPDATE silenced SET ended_at = clock_timestamp() WHERE ended_at IS NULL
            AND (device_id = NEW.id OR device_id IS NULL AND gateway_id = NEW.gateway_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER gateway_heard_again AFTER UPDATE OF household_id ON gateway FOR EACH ROW
    WHEN (NEW.household_id <> OLD.household_id) EXECUTE FUNCTION end_silence();
CREATE TRIGGER device_heard_again AFTER UPDATE OF retired_at ON device FOR EACH ROW
    WHEN (OLD.retired_at IS NOT NULL AND NEW.retired_at IS NULL) EXECUTE FUNCTION end_silence();
CREATE TRIGGER device_heard_anew AFTER INSERT ON device FOR EACH ROW EXECUTE FUNCTION end_silence();
-- The series of those devices: what came in while the erasure ran is removed by them, too.
CREATE FUNCTION sweep_silenced() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
    DELETE FROM reading WHERE series_id = ANY (series);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM forget_means(series);
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION sweep_silenced() FROM PUBLIC;

-- Means of minutes and hours: tables where the server has no continuous aggregates, else what those hold.
CREATE FUNCTION forget_means(of_series integer[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    held  record;
    one   bigint;
    gone  bigint := 0;
BEGIN
    FOR held IN
        SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname = 'public' AND tablename IN ('rollup_minute', 'rollup_hour')
    LOOP
        EXECUTE format('DELETE FROM %s WHERE series_id = ANY ($1)', held.name) USING of_series;
        GET DIAGNOSTICS one = ROW_COUNT;
        gone := gone + one;
    END LOOP;
    IF to_regclass('timescaledb_information.continuous_aggregates') IS NOT NULL THEN
        FOR held IN EXECUTE
            'SELECT format(''%I.%I'', materialization_hypertable_schema, materialization_hypertable_name) AS name'
            ' FROM timescaledb_information.continuous_aggregates WHERE view_name IN (''reading_minute'', ''reading_hour'')'
        LOOP
            EXECUTE format('DELETE FROM %s WHERE series_id = ANY ($1)', held.name) USING of_series;
            GET DIAGNOSTICS one = ROW_COUNT;
            gone := gone + one;
        END LOOP;
    END IF;
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION forget_means(integer[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION person_tables_by_name() RETURNS TABLE (relation text, condition text) LANGUAGE sql STABLE AS $$
    SELECT * FROM (VALUES
    ('audit', 'x.resident_id = $1'),
    ('reading', 'x.series_id = ANY (person_series($1))'),
    ('rollup_minute', 'x.series_id = ANY (person_series($1))'),
    ('rollup_hour', 'x.series_id = ANY (person_series($1))'),
    ('record_change', 'x.record IN (''resident'', ''contact'') AND (x.key = (SELECT code FROM resident WHERE id = $1)'
     ' OR x.key LIKE (SELECT code FROM resident WHERE id = $1) || ''/%'')'),
    ('notification_preference',
     'x.recipient_kind = ''contact'' AND x.recipient_key LIKE (SELECT code FROM resident WHERE id = $1) || ''/%'''),
    -- those that speak of nobody else
    ('message', 'x.id IN (SELECT n.message_id FROM notification n JOIN alert a ON a.id = n.alert_id'
     ' WHERE a.resident_id = $1 OR a.resident_id IS NULL AND a.household_id = (SELECT household_id FROM resident WHERE id = $1))'
     ' AND NOT EXISTS (SELECT FROM notification n JOIN alert a ON a.id = n.alert_id WHERE n.message_id = x.id'
     ' AND a.resident_id <> $1)'),
    ('exchange_export', '$1 = ANY (x.residents)')
    ) listed (relation, condition) WHERE to_regclass('public.' || relation) IS NOT NULL
$$;

-- How many rows an erasure finds: what belongs to a home of several people is left out.
CREATE FUNCTION erasure_counts(who integer) RETURNS TABLE (relation text, held bigint) LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM erasure_conditions() LOOP
        relation := one.relation;
        EXECUTE format('SELECT count(*) FROM %I x WHERE %s', one.relation, one.condition) INTO held USING who;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION erasure_conditions() RETURNS TABLE (relation text, condition text, depth integer) LANGUAGE sql STABLE AS $$
    SELECT t.relation, replace(replace(t.condition, '(SELECT household_id FROM resident WHERE id = $1)', '(SELECT home_alone($1))'),
                               'person_series($1)', 'erased_series($1)'), t.depth
    FROM (SELECT p.relation, p.condition, p.depth FROM person_tables() p
          UNION ALL SELECT n.relation, n.condition, CASE n.relation WHEN 'record_change' THEN -1 ELSE 99 END
          FROM person_tables_by_name() n) t
$$;
CREATE FUNCTION erased_series(who integer) RETURNS integer[] LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(s.id), '{}') FROM series s JOIN device d ON d.id = s.device_id
    JOIN gateway g ON g.id = d.gateway_id
    WHERE d.resident_id = who OR d.resident_id IS NULL AND g.household_id = home_alone(who)
$$;
REVOKE ALL ON FUNCTION erasure_counts(integer), erased_series(integer) FROM PUBLIC;

-- To whom data of the person went, for the certificate: they have to be asked to delete it, too.
CREATE FUNCTION handed_out(who integer) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.kind, x.zh), '[]') FROM (
        SELECT 'system' AS kind, a.name_zh AS zh, a.name_en AS en, max(coalesce(c.withdrawn_at, now()))::date AS last
        FROM exchange_consent c JOIN account a ON a.id = c.account_id WHERE c.resident_id = who GROUP BY 2, 3
        UNION ALL
        SELECT 'report', v.name_zh, v.name_en, max(k.made_at)::date FROM report_person p
        JOIN report_package k ON k.id = p.package_id JOIN report_receiver v ON v.id = k.receiver_id
        WHERE p.resident_id = who AND k.state = 'delivered' GROUP BY 2, 3
        UNION ALL
        SELECT 'research', j.recipient, j.recipient, max(e.made_at)::date FROM research_export e
        JOIN research_project j ON j.id = e.project_id WHERE e.released > 0 AND EXISTS (
            SELECT FROM consent_event c WHERE c.resident_id = who AND c.purpose = 'research' AND c.given AND c.at <= e.made_at)
        GROUP BY 2, 3
        UNION ALL
        SELECT 'copy', c.asked_by, c.asked_by, max(c.made_at)::date FROM person_copy c
        WHERE c.resident_id = who AND c.made_at IS NOT NULL GROUP BY 2, 3) x
$$;
REVOKE ALL ON FUNCTION handed_out(integer) FROM PUBLIC;
ALTER TABLE erasure
    ADD COLUMN given_to jsonb,                   -- at the erasure: to whom data had gone
    ADD COLUMN again_at timestamptz;             -- done once more, after a backup was restored

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

-- Erasures that were carried out, for a list that is kept outside the database: numbers, and nobody's name.
CREATE FUNCTION erasure_list() RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', e.id, 'resident_id', e.resident_id, 'code', e.code, 'reason', e.reason, 'asked_by', e.asked_by,
        'planned_at', e.planned_at, 'done_at', e.done_at,
        'votes', (SELECT jsonb_agg(jsonb_build_object('account_id', v.account_id, 'at', v.at))
                  FROM erasure_vote v WHERE v.erasure_id = e.id AND v.yes)) ORDER BY e.id), '[]')
    FROM erasure e WHERE e.state = 'done'
$$;
-- Bring a restored database up to that list: what it does not know as done is done again. Gives the numbers that it
-- did, and of those that it could not (an alert is open, or the person was not there yet) a negative one.
CREATE FUNCTION erase_again(listed jsonb) RETURNS SETOF bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    one   jsonb;
    known record;
BEGIN
    FOR one IN SELECT value FROM jsonb_array_elements(listed) LOOP
        SELECT * INTO known FROM erasure WHERE id = (one ->> 'id')::bigint;
        CONTINUE WHEN known.state = 'done';
        IF NOT EXISTS (SELECT FROM resident WHERE id = (one ->> 'resident_id')::integer)
           OR known.id IS NOT NULL AND known.resident_id <> (one ->> 'resident_id')::integer THEN
            RETURN NEXT -(one ->> 'id')::bigint;
            CONTINUE;
        END IF;
        -- another plan of the same person, made after the backup's moment, gives way
        UPDATE erasure SET state = 'refused' WHERE resident_id = (one ->> 'resident_id')::integer
            AND id <> (one ->> 'id')::bigint AND state IN ('waiting', 'approved');
        INSERT INTO erasure (id, resident_id, code, reason, asked_by, identity, planned_at, plan, state, done_at)
        OVERRIDING SYSTEM VALUE
        VALUES ((one ->> 'id')::bigint, (one ->> 'resident_id')::integer, one ->> 'code', one ->> 'reason',
                one ->> 'asked_by', '恢复备份后重新执行 done again after a restore', (one ->> 'planned_at')::timestamptz, '[]',
                'approved', (one ->> 'done_at')::timestamptz)
        ON CONFLICT (id) DO UPDATE SET state = 'approved', done_at = EXCLUDED.done_at;
        INSERT INTO erasure_vote (erasure_id, account_id, yes, note, at)
        SELECT (one ->> 'id')::bigint, (v ->> 'account_id')::integer, true, '恢复备份前已批准 approved before the restore',
               (v ->> 'at')::timestamptz
        FROM jsonb_array_elements(one -> 'votes') v
        WHERE EXISTS (SELECT FROM account WHERE id = (v ->> 'account_id')::integer)
        ON CONFLICT DO NOTHING;
        IF erase_person((one ->> 'id')::bigint) THEN
            RETURN NEXT (one ->> 'id')::bigint;
        ELSE
            RETURN NEXT -(one ->> 'id')::bigint;
        END IF;
    END LOOP;
    PERFORM setval(pg_get_serial_sequence('erasure', 'id'), greatest((SELECT max(id) FROM erasure), 1));
END $$;
REVOKE ALL ON FUNCTION erasure_list(), erase_again(jsonb) FROM PUBLIC;

-- What law kept, once its day has come: the rows go, table by table, and the certificate says so.
ALTER TABLE erasure ADD COLUMN ended jsonb NOT NULL DEFAULT '{}'; -- relation: day on which what was kept went
CREATE FUNCTION end_kept(today date) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
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
REVOKE ALL ON FUNCTION end_kept(date) FROM PUBLIC;
