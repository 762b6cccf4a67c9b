-- Who helped whom a viewer sees was asked of all requests, for every look at the time bank's books: 40,000 requests took
-- 20 ms, four times a page. A volunteer helps in a few areas: these are kept, and only who helped in one of the viewer's is
-- looked at in full.

-- Areas in which somebody lives, or lived once, whom a volunteer helps or helped. Only added to, and never the answer: a
-- way to leave out who cannot be meant.
CREATE TABLE time_helped_area (
    volunteer_id integer NOT NULL REFERENCES time_volunteer ON DELETE CASCADE,
    area_id      integer NOT NULL REFERENCES area ON DELETE CASCADE,
    PRIMARY KEY (volunteer_id, area_id)
);
INSERT INTO time_helped_area
    SELECT DISTINCT v.id, h.area_id FROM time_request q CROSS JOIN LATERAL (VALUES (q.volunteer_id), (q.partner_id)) v (id)
    JOIN resident r ON r.id = q.resident_id JOIN household h ON h.id = r.household_id WHERE v.id IS NOT NULL;
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en) VALUES
    ('time_helped_area', 'keep', NULL, NULL, '志愿服务条例第十九条：志愿服务记录；只有编号',
     '志愿服务条例 (2017), article 19: records of volunteering; by number alone')
ON CONFLICT (relation) DO NOTHING;

CREATE FUNCTION time_helped_there() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO time_helped_area
        SELECT v.id, h.area_id FROM (VALUES (NEW.volunteer_id), (NEW.partner_id)) v (id)
        JOIN resident r ON r.id = NEW.resident_id JOIN household h ON h.id = r.household_id
        WHERE v.id IS NOT NULL ORDER BY v.id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER time_helped_there AFTER INSERT OR UPDATE OF volunteer_id, partner_id, resident_id ON time_request
    FOR EACH ROW WHEN (NEW.volunteer_id IS NOT NULL OR NEW.partner_id IS NOT NULL) EXECUTE FUNCTION time_helped_there();

-- Somebody who was helped moves, or their home goes to another area.
CREATE FUNCTION time_helped_moved() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO time_helped_area
        SELECT DISTINCT v.id, h.area_id FROM household h JOIN resident r ON r.household_id = h.id
        JOIN time_request q ON q.resident_id = r.id CROSS JOIN LATERAL (VALUES (q.volunteer_id), (q.partner_id)) v (id)
        WHERE v.id IS NOT NULL AND CASE TG_TABLE_NAME WHEN 'resident' THEN r.id = NEW.id ELSE h.id = NEW.id END
          AND h.id = CASE TG_TABLE_NAME WHEN 'resident' THEN (to_jsonb(NEW) ->> 'household_id')::integer ELSE NEW.id END
        ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER time_helped_moved AFTER UPDATE OF household_id ON resident
    FOR EACH ROW WHEN (OLD.household_id IS DISTINCT FROM NEW.household_id) EXECUTE FUNCTION time_helped_moved();
CREATE TRIGGER time_helped_moved AFTER UPDATE OF area_id ON household
    FOR EACH ROW WHEN (OLD.area_id IS DISTINCT FROM NEW.area_id) EXECUTE FUNCTION time_helped_moved();

-- As before: volunteers who help, or helped, somebody whom the viewer sees.
CREATE OR REPLACE FUNCTION viewer_helpers() RETURNS SETOF integer LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    near integer[] := ARRAY(SELECT viewer_near_areas()); mine integer[] := ARRAY(SELECT viewer_areas());
    own integer[] := ARRAY(SELECT viewer_own());
BEGIN
    RETURN QUERY
        WITH far AS MATERIALIZED (
            SELECT DISTINCT v.id FROM time_helped_area there JOIN time_volunteer v ON v.id = there.volunteer_id
            WHERE there.area_id = ANY (mine) AND v.area_id <> ALL (near))
        SELECT far.id FROM far WHERE EXISTS (
            SELECT FROM time_request q JOIN resident r ON r.id = q.resident_id JOIN household h ON h.id = r.household_id
            WHERE (q.volunteer_id = far.id OR q.partner_id = far.id) AND h.area_id = ANY (mine));
    RETURN QUERY
        SELECT DISTINCT v.id FROM time_request q CROSS JOIN LATERAL (VALUES (q.volunteer_id), (q.partner_id)) v (id)
        WHERE q.resident_id = ANY (own) AND v.id IS NOT NULL;
END $$;

-- As before; and of the residents those alone who have an account.
CREATE OR REPLACE FUNCTION viewer_time_accounts() RETURNS SETOF integer LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    mine integer[] := ARRAY(SELECT viewer_areas()); own integer[] := ARRAY(SELECT viewer_own());
BEGIN
    RETURN QUERY SELECT a.id FROM time_account a JOIN resident r ON r.id = a.resident_id
        JOIN household h ON h.id = r.household_id WHERE h.area_id = ANY (mine) OR r.id = ANY (own);
    IF viewer_is_staff() THEN
        RETURN QUERY SELECT a.id FROM time_account a WHERE a.volunteer_id IN (SELECT viewer_volunteers())
            OR a.kind IN ('issuer', 'gift_pool', 'expired');
    END IF;
END $$;
