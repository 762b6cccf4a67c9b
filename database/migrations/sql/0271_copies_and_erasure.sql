-- A person's rights over their data (个人信息保护法, articles 45 and 47): a copy of all that is held, and erasure that
-- keeps what law keeps. What belongs to a person is read off the schema: the tables that refer to them, and to those.

CREATE TABLE person_copy (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident,
    code        text NOT NULL,                   -- of the resident, as it was
    asked_by    text NOT NULL CHECK (asked_by IN ('self', 'guardian', 'family', 'heir')),
    identity    text NOT NULL CHECK (length(identity) BETWEEN 1 AND 400), -- how it was made sure who asked
    account_id  integer REFERENCES account ON DELETE SET NULL,
    asked_at    timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'ended')),
    done        integer NOT NULL DEFAULT 0,      -- tables that are written
    total       integer NOT NULL DEFAULT 0,
    held        bigint NOT NULL DEFAULT 0,       -- rows that are written
    bytes       bigint NOT NULL DEFAULT 0,
    sha256      bytea,
    problem_zh  text NOT NULL DEFAULT '',
    problem_en  text NOT NULL DEFAULT '',
    made_at     timestamptz,
    expires_at  timestamptz                      -- the archive is removed then; that it was made stays
);
CREATE INDEX person_copy_open ON person_copy (id) WHERE state IN ('waiting', 'running');
CREATE INDEX person_copy_resident ON person_copy (resident_id, id);
CREATE INDEX person_copy_account ON person_copy (account_id);
CREATE TABLE person_copy_part (
    copy_id bigint NOT NULL REFERENCES person_copy ON DELETE CASCADE,
    number  integer NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (copy_id, number)
);

CREATE TABLE erasure (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident,
    code        text NOT NULL,                   -- of the resident, as it was; nothing else of them stands here
    reason      text NOT NULL CHECK (reason IN ('asked', 'ended', 'withdrawn', 'unlawful')), -- article 47
    asked_by    text NOT NULL CHECK (asked_by IN ('self', 'guardian', 'family', 'heir', 'district')),
    identity    text NOT NULL CHECK (length(identity) BETWEEN 1 AND 400),
    account_id  integer REFERENCES account ON DELETE SET NULL, -- who planned it
    planned_at  timestamptz NOT NULL,
    plan        jsonb NOT NULL,                  -- by table: rows, what is done, law, until when: as it was approved
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'done', 'refused')),
    done_at     timestamptz,
    certificate jsonb
);
CREATE UNIQUE INDEX erasure_once ON erasure (resident_id) WHERE state IN ('waiting', 'approved');
CREATE INDEX erasure_account ON erasure (account_id);
CREATE TABLE erasure_vote (
    erasure_id bigint NOT NULL REFERENCES erasure,
    account_id integer NOT NULL REFERENCES account,
    yes        boolean NOT NULL,
    note       text NOT NULL DEFAULT '' CHECK (length(note) <= 400),
    at         timestamptz NOT NULL,
    PRIMARY KEY (erasure_id, account_id)
);
CREATE TRIGGER erasure_vote_kept BEFORE UPDATE OR DELETE ON erasure_vote
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What becomes of a table's rows about a person at an erasure. A table that is not here is kept for three years and
-- shown as one without a decision of its own. Sources of law are to be confirmed by the district's counsel.
CREATE TABLE erasure_rule (
    relation text PRIMARY KEY,
    act      text NOT NULL CHECK (act IN ('erase', 'anonymise', 'keep')),
    years    integer,                            -- of keep, from the erasure; NULL: as long as the district runs
    sets     text,                               -- of anonymise: the assignments
    law_zh   text NOT NULL,
    law_en   text NOT NULL,
    CHECK ((act = 'anonymise') = (sets IS NOT NULL))
);
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en) VALUES
    ('resident', 'anonymise', NULL,
     $$code = 'X' || id, name_zh = '已删除', name_en = 'erased', birth_date = date_trunc('year', birth_date)::date,
       languages = '{cmn}', preferred_language = NULL, lives_alone = NULL, version = version + 1$$,
     '个人信息保护法第四十七条；编号保留，供依法留存的记录引用', 'PIPL article 47; the number stays for records that law keeps'),
    ('household', 'anonymise', NULL,
     $$address_zh = '已删除', address_en = 'erased', phone = '', longitude = NULL, latitude = NULL, floor = NULL,
       way_in = '', key_safe = NULL, version = version + 1$$,
     '同住人都已删除时才处理', 'only where nobody else lives there'),
    ('contact', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('family_member', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('medical_note', 'erase', NULL, NULL, '个人信息保护法第四十七条；不是医疗机构病历', 'PIPL article 47; it is no record of a medical institution'),
    ('resident_trait', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('identity_document', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('protection_now', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('protection_change', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('figure_person', 'erase', NULL, NULL, '个人信息保护法第四十七条；合计数保留', 'PIPL article 47; sums stay'),
    ('exchange_observation', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('panel', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('work_order_photo', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('person_copy_part', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('reading', 'erase', NULL, NULL, '个人信息保护法第四十七条；不是医疗机构病历', 'PIPL article 47; they are no record of a medical institution'),
    ('record_change', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('notification_preference', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47'),
    ('exchange_consent', 'keep', 3, NULL, '个人信息保护法第十四、十六条的凭据；民法典第一百八十八条，诉讼时效三年', 'evidence of consent, PIPL articles 14 and 16; Civil Code article 188, limitation of three years'),
    ('consent_event', 'keep', 3, NULL, '个人信息保护法第十四、十六条的凭据；民法典第一百八十八条，诉讼时效三年', 'evidence of consent, PIPL articles 14 and 16; Civil Code article 188, limitation of three years'),
    ('audit', 'keep', 3, NULL, '网络安全法第二十一条不少于六个月；个人信息保护法第五十六条三年；链式留存，不能改动', 'Cybersecurity Law article 21, six months at least; PIPL article 56, three years; chained, cannot be changed'),
    ('alert', 'keep', 3, NULL, '民法典第一百八十八条，诉讼时效三年', 'Civil Code article 188, limitation of three years'),
    ('alert_event', 'keep', 3, NULL, '民法典第一百八十八条，诉讼时效三年；链式留存', 'Civil Code article 188, limitation of three years; chained'),
    ('work_order', 'keep', 3, NULL, '民法典第一百八十八条，诉讼时效三年', 'Civil Code article 188, limitation of three years'),
    ('work_order_event', 'keep', 3, NULL, '民法典第一百八十八条，诉讼时效三年', 'Civil Code article 188, limitation of three years'),
    ('person_copy', 'keep', 3, NULL, '个人信息保护法第五十六条，处理记录三年', 'PIPL article 56, records of processing for three years'),
    ('erasure', 'keep', NULL, NULL, '删除的凭据', 'the evidence of the erasure'),
    ('erasure_vote', 'keep', NULL, NULL, '删除的凭据', 'the evidence of the erasure'),
    ('gateway', 'keep', NULL, NULL, '属于区里的设备', 'a thing of the district'),
    ('device', 'keep', NULL, NULL, '属于区里的设备', 'a thing of the district'),
    ('series', 'keep', NULL, NULL, '设备的测量项，其中的读数删除', 'what a device measures; its readings go');

-- The tables that say something of a person, with the condition on their rows (alias x, $1: the resident): those that
-- refer to the resident; to their home, where a row names nobody; and to such rows. Read off the foreign keys.
CREATE FUNCTION person_tables() RETURNS TABLE (relation text, condition text, depth integer) LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    known jsonb := jsonb_build_object(
        'resident', 'x.id = $1', 'household', 'x.id = (SELECT household_id FROM resident WHERE id = $1)');
    depths jsonb := '{"resident": 0, "household": 0}';
    more   jsonb;
    level  integer := 0;
BEGIN
    LOOP
        level := level + 1;
        WITH keys AS (
            SELECT child.relname::text AS child, parent.relname::text AS parent, a.attname::text AS col,
                   b.attname::text AS ref, a.attnotnull AS needed
            FROM pg_constraint c JOIN pg_class child ON child.oid = c.conrelid JOIN pg_class parent ON parent.oid = c.confrelid
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
            WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND c.connamespace = 'public'::regnamespace
              AND c.conparentid = 0 AND child.oid <> parent.oid AND child.relkind IN ('r', 'p')
        ), own AS (
            SELECT child, string_agg(format('x.%I = $1', col), ' OR ' ORDER BY col) AS said,
                   string_agg(format('x.%I IS NULL', col), ' AND ' ORDER BY col) AS nobody, bool_or(needed) AS needed
            FROM keys WHERE parent = 'resident' GROUP BY child
        ), by_way AS (
            SELECT child, bool_or(parent = 'household') AS at_home, string_agg(
                CASE WHEN parent = 'household' THEN format('x.%I = (SELECT household_id FROM resident WHERE id = $1)', col)
                     ELSE format('x.%I IN (SELECT x.%I FROM %I x WHERE %s)', col, ref, parent, known ->> parent) END,
                ' OR ' ORDER BY parent, col) AS way
            FROM keys WHERE parent <> 'resident' AND known ? parent GROUP BY child
        )
        SELECT jsonb_object_agg(child, CASE
                   WHEN own.child IS NULL THEN way
                   WHEN own.needed OR way IS NULL THEN own.said
                   ELSE format('(%s OR (%s) AND (%s))', own.said, own.nobody, way) END)
        INTO more
        FROM own FULL JOIN by_way USING (child)
        WHERE NOT known ? child
          -- a row that need not name a person waits for the other ways on which it may be theirs
          AND (own.child IS NULL OR own.needed OR by_way.at_home OR level > 1);
        EXIT WHEN more IS NULL;
        known := known || more;
        depths := depths || (SELECT jsonb_object_agg(key, level) FROM jsonb_object_keys(more) key);
    END LOOP;
    RETURN QUERY SELECT k.key, '(' || k.value || ')', (depths ->> k.key)::integer
                 FROM jsonb_each_text(known) k ORDER BY 3, 1;
END $$;

-- Those without a foreign key: by the number of a series, by a key that names the resident.
CREATE FUNCTION person_tables_by_name() RETURNS TABLE (relation text, condition text) LANGUAGE sql STABLE AS $$
    VALUES
    ('audit', 'x.resident_id = $1'),
    ('reading', 'x.series_id = ANY (person_series($1))'),
    ('record_change', 'x.record IN (''resident'', ''contact'') AND (x.key = (SELECT code FROM resident WHERE id = $1)'
     ' OR x.key LIKE (SELECT code FROM resident WHERE id = $1) || ''/%'')'),
    ('notification_preference',
     'x.recipient_kind = ''contact'' AND x.recipient_key LIKE (SELECT code FROM resident WHERE id = $1) || ''/%''')
$$;
CREATE FUNCTION person_series(who integer) RETURNS integer[] LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    found integer[];
BEGIN
    EXECUTE 'SELECT coalesce(array_agg(x.id), ''{}'') FROM series x WHERE '
        || (SELECT t.condition FROM person_tables() t WHERE t.relation = 'series') INTO found USING who;
    RETURN found;
END $$;
REVOKE ALL ON FUNCTION person_series(integer) FROM PUBLIC;

-- How many rows each table has about a resident: numbers, and nothing else.
CREATE FUNCTION person_counts(who integer) RETURNS TABLE (relation text, held bigint) LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT t.relation, t.condition FROM person_tables() t
               UNION ALL SELECT n.relation, n.condition FROM person_tables_by_name() n LOOP
        relation := one.relation;
        EXECUTE format('SELECT count(*) FROM %I x WHERE %s', one.relation, one.condition) INTO held USING who;
        RETURN NEXT;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION person_counts(integer) FROM PUBLIC;

-- The rows of one table for a copy that is being made, and for no other person. Secrets of devices and of programs are
-- left out, and what is sealed (the medical note) is given by the station.
CREATE FUNCTION person_rows(copy bigint, wanted text) RETURNS SETOF jsonb LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who  integer;
    rule text;
BEGIN
    SELECT resident_id INTO who FROM person_copy WHERE id = copy AND state = 'running';
    SELECT condition INTO rule FROM person_tables() WHERE relation = wanted;
    IF rule IS NULL THEN
        SELECT condition INTO rule FROM person_tables_by_name() WHERE relation = wanted;
    END IF;
    IF who IS NULL OR rule IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format('SELECT to_jsonb(x) FROM %I x WHERE %s', wanted, rule) USING who;
END $$;
REVOKE ALL ON FUNCTION person_rows(bigint, text) FROM PUBLIC;
CREATE FUNCTION copied_series(copy bigint) RETURNS integer[] LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT person_series(resident_id) FROM person_copy WHERE id = copy AND state = 'running'
$$;
REVOKE ALL ON FUNCTION copied_series(bigint) FROM PUBLIC;

-- The history of records goes with the person; only the function below does it.
CREATE OR REPLACE FUNCTION refuse_young_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at < (SELECT since FROM record_history)
       OR (current_setting('shouwang.erasing', true) = 'yes' AND EXISTS (SELECT FROM erasure WHERE state = 'approved')) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'record_change is append-only';
END $$;

-- Carry out an erasure that two people approved, and nobody refused: all of it, or nothing. Repeating it does nothing.
CREATE FUNCTION erase_person(number bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    one    record;
    step   record;
    alone  boolean;
    act    text;
    gone   bigint;
    report jsonb := '[]';
BEGIN
    SELECT * INTO one FROM erasure WHERE id = number AND state = 'approved' FOR UPDATE;
    IF one.id IS NULL OR (SELECT count(*) FROM erasure_vote WHERE erasure_id = number AND yes) < 2
       OR EXISTS (SELECT FROM erasure_vote WHERE erasure_id = number AND NOT yes) THEN
        RETURN false;
    END IF;
    PERFORM set_config('shouwang.erasing', 'yes', true), set_config('shouwang.account', '', true),
            set_config('shouwang.origin', 'erasure ' || number, true);
    alone := NOT EXISTS (SELECT FROM resident r JOIN resident me ON me.household_id = r.household_id
                         WHERE me.id = one.resident_id AND r.id <> me.id AND r.name_zh <> '已删除');
    UPDATE exchange_consent SET withdrawn_at = greatest(clock_timestamp(), given_at)
    WHERE resident_id = one.resident_id AND withdrawn_at IS NULL;
    FOR step IN
        SELECT t.relation, t.condition, t.depth, r.act, r.sets, r.years, r.law_zh, r.law_en
        FROM (SELECT p.relation, p.condition, p.depth FROM person_tables() p
              UNION ALL SELECT n.relation, n.condition, CASE n.relation WHEN 'record_change' THEN -1 ELSE 99 END
              FROM person_tables_by_name() n) t
        LEFT JOIN erasure_rule r ON r.relation = t.relation
        -- what hangs on other rows first; the history of it all last, when nothing adds to it any more
        ORDER BY t.depth DESC, t.relation = 'resident', t.relation
    LOOP
        act := coalesce(step.act, 'keep');
        gone := 0;
        IF act = 'erase' THEN
            EXECUTE format('DELETE FROM %I x WHERE %s', step.relation, step.condition) USING one.resident_id;
            GET DIAGNOSTICS gone = ROW_COUNT;
        ELSIF act = 'anonymise' AND (step.relation <> 'household' OR alone) THEN
            EXECUTE format('UPDATE %I x SET %s WHERE %s', step.relation, step.sets, step.condition) USING one.resident_id;
            GET DIAGNOSTICS gone = ROW_COUNT;
        ELSE
            EXECUTE format('SELECT count(*) FROM %I x WHERE %s', step.relation, step.condition) INTO gone USING one.resident_id;
            act := 'keep';
        END IF;
        report := report || jsonb_build_object(
            'relation', step.relation, 'act', act, 'rows', gone,
            'law_zh', coalesce(step.law_zh, ''), 'law_en', coalesce(step.law_en, ''), 'decided', step.act IS NOT NULL,
            'until', CASE WHEN act = 'keep' AND coalesce(step.years, CASE WHEN step.act IS NULL THEN 3 END) IS NOT NULL
                          THEN (now() + make_interval(years => coalesce(step.years, 3)))::date END);
    END LOOP;
    -- the changes by which the record became nobody's carry what it was before
    DELETE FROM record_change WHERE record IN ('resident', 'contact')
        AND (key = one.code OR key LIKE one.code || '/%' OR record = 'resident' AND row_id = one.resident_id);
    IF alone THEN
        DELETE FROM record_change x USING resident r
        WHERE r.id = one.resident_id AND x.record = 'household' AND x.row_id = r.household_id;
    END IF;
    UPDATE person_copy SET state = 'ended' WHERE resident_id = one.resident_id AND state IN ('waiting', 'running', 'done');
    UPDATE erasure SET state = 'done', done_at = clock_timestamp(), certificate = report WHERE id = number;
    PERFORM set_config('shouwang.erasing', '', true);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION erase_person(bigint) FROM PUBLIC;

-- The archives of copies that are over.
CREATE FUNCTION end_person_copies() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    ended integer;
BEGIN
    WITH over AS (
        UPDATE person_copy SET state = 'ended' WHERE state = 'done' AND expires_at <= now() RETURNING id
    ), gone AS (DELETE FROM person_copy_part p USING over WHERE p.copy_id = over.id)
    SELECT count(*) INTO ended FROM over;
    RETURN ended;
END $$;
REVOKE ALL ON FUNCTION end_person_copies() FROM PUBLIC;
