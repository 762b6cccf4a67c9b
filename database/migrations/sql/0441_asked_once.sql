-- Who is looking is asked once, not for each look; as in 0201 else.
CREATE OR REPLACE FUNCTION looks_at_own(asked integer, since timestamptz, most integer)
RETURNS TABLE (day date, name_zh text, name_en text, role text, looks bigint, last timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE me integer := viewer_account();
BEGIN
    IF asked NOT IN (SELECT viewer_own()) THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT (e.at AT TIME ZONE 'Asia/Shanghai')::date, a.name_zh, a.name_en, a.role, count(*), max(e.at)
        FROM audit e JOIN account a ON a.id = e.account_id
        WHERE e.resident_id = asked AND e.at >= since AND (e.action LIKE 'view\_%' OR e.action LIKE 'export\_%')
          AND e.account_id <> me
        GROUP BY 1, a.id ORDER BY 1 DESC, 6 DESC LIMIT most;
END $$;

-- Whether somebody agreed is asked once for each meal, not for each column that hangs on it (OFFSET keeps the planner from
-- copying the question into them); as in 0295 else.
CREATE OR REPLACE FUNCTION provider_meals(asked date)
    RETURNS TABLE (order_id bigint, meal text, mode text, state text, code text, name_zh text, name_en text,
                   area_zh text, area_en text, address_zh text, address_en text, phone text, told boolean,
                   allergies text[], other_allergies text, texture text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE mine integer := viewer_provider(); today date := (now() AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    IF asked NOT BETWEEN today - 1 AND today + 1 THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT m.id, m.meal, m.mode, m.state, f.code, r.name_zh, r.name_en, a.name_zh, a.name_en, h.address_zh,
               h.address_en, h.phone, agreed.yes, CASE WHEN agreed.yes THEN d.allergies END,
               CASE WHEN agreed.yes THEN d.other_allergies END, CASE WHEN agreed.yes THEN d.texture END
        FROM meal_order m JOIN meal_offer f ON f.id = m.offer_id JOIN resident r ON r.id = m.resident_id
        JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
        CROSS JOIN LATERAL (SELECT consent_of(r.id, 'meal_allergies') IS TRUE AS yes OFFSET 0) agreed
        LEFT JOIN LATERAL (SELECT n.* FROM meal_diet n WHERE n.resident_id = r.id ORDER BY n.version DESC LIMIT 1) d
            ON true
        WHERE m.canteen_id = mine AND m.day = asked AND m.state <> 'cancelled'
        ORDER BY m.meal DESC, f.code, m.id;
END $$;

-- Their plans are the same whoever asks, and are made once a connection: the console plans else at each call.
ALTER FUNCTION viewer_people() SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION viewer_near_areas() SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION viewer_helpers() SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION viewer_volunteers() SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION viewer_time_accounts() SET plan_cache_mode = force_generic_plan;
