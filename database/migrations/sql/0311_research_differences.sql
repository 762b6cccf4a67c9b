-- Two exports of a project, laid side by side, must not tell of one person: who was given out in which group stays
-- known here, and a group that changed by fewer than k people is withheld. Pseudonyms are others in each export.
CREATE TABLE research_member (
    export_id   bigint NOT NULL REFERENCES research_export,
    resident_id integer NOT NULL REFERENCES resident,
    cell        text NOT NULL,                   -- the group: values of the quasi-identifiers as JSON
    PRIMARY KEY (export_id, resident_id)
);
CREATE INDEX research_member_resident ON research_member (resident_id);
ALTER TABLE research_export
    ADD COLUMN salt      bytea NOT NULL DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
    ADD COLUMN withheld  integer NOT NULL DEFAULT 0, -- of the suppressed: their group differs from an earlier export by fewer than k
    ADD COLUMN diversity jsonb NOT NULL DEFAULT '{}', -- sensitive column: fewest different values in a group that was given out
    ADD COLUMN fetched_at timestamptz;               -- first
INSERT INTO erasure_rule (relation, act, years, law_zh, law_en, confirm) VALUES
    ('research_member', 'keep', 3, '个人信息保护法第五十六条：提供给谁的记录三年；也用于防止两次导出相减',
     'PIPL article 56: what was given to whom, three years; and so that two exports tell nothing by their difference', true);

CREATE OR REPLACE FUNCTION handed_out(who integer) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.kind, x.zh), '[]') FROM (
        SELECT 'system' AS kind, a.name_zh AS zh, a.name_en AS en, max(coalesce(c.withdrawn_at, now()))::date AS last
        FROM exchange_consent c JOIN account a ON a.id = c.account_id WHERE c.resident_id = who GROUP BY 2, 3
        UNION ALL
        SELECT 'report', v.name_zh, v.name_en, max(k.made_at)::date FROM report_person p
        JOIN report_package k ON k.id = p.package_id JOIN report_receiver v ON v.id = k.receiver_id
        WHERE p.resident_id = who AND k.state = 'delivered' GROUP BY 2, 3
        UNION ALL
        SELECT 'research', j.recipient, j.recipient, max(e.made_at)::date FROM research_member m
        JOIN research_export e ON e.id = m.export_id JOIN research_project j ON j.id = e.project_id
        WHERE m.resident_id = who GROUP BY 2, 3
        UNION ALL
        SELECT 'copy', c.asked_by, c.asked_by, max(c.made_at)::date FROM person_copy c
        WHERE c.resident_id = who AND c.made_at IS NOT NULL GROUP BY 2, 3) x
$$;

-- Each piece of a copy that was fetched, so that a download goes on where it broke off.
CREATE TABLE person_copy_fetch (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    copy_id    bigint NOT NULL REFERENCES person_copy ON DELETE CASCADE,
    account_id integer REFERENCES account ON DELETE SET NULL,
    at         timestamptz NOT NULL,
    origin     text NOT NULL DEFAULT '',
    first_byte bigint NOT NULL
);
CREATE INDEX person_copy_fetch_copy ON person_copy_fetch (copy_id, id);
CREATE INDEX person_copy_fetch_account ON person_copy_fetch (account_id);
INSERT INTO erasure_rule (relation, act, years, law_zh, law_en, confirm) VALUES
    ('person_copy_fetch', 'keep', 3, '个人信息保护法第五十六条，处理记录三年', 'PIPL article 56, records of processing for three years', true);

-- Tables that came since: what somebody's leaving changed, notices, grades of ladders.
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en, confirm) VALUES
    ('leaving_effect', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47', false),
    ('leaving_done', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47', false),
    ('care_notice', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47', false),
    ('ladder_grade', 'anonymise', 3, 'why = ''''',
     '民法典第一百八十八条，诉讼时效三年；文字删除', 'Civil Code article 188, limitation of three years; words go', true)
    ON CONFLICT (relation) DO NOTHING;
-- lists of people leave out who is gone: an erased person is
UPDATE erasure_rule SET sets = sets || ', gone = coalesce(gone, ''other''), gone_on = coalesce(gone_on, current_date)'
WHERE relation = 'resident';
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
    ('exchange_export', '$1 = ANY (x.residents)'),
    ('care_notice', 'x.to_kind = ''contact'' AND x.to_key LIKE (SELECT code FROM resident WHERE id = $1) || ''/%'''
     ' OR x.link || ''/'' LIKE ''%/'' || (SELECT code FROM resident WHERE id = $1) || ''/%''')
    ) listed (relation, condition) WHERE to_regclass('public.' || relation) IS NOT NULL
$$;
