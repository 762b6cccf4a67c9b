-- Who looked at a resident's data, day by day and person by person, for a family account that the resident agreed to: it
-- reads nothing else of the audit. Not the words that were sought, nor from where.
CREATE FUNCTION looks_at_own(asked integer, since timestamptz, most integer)
RETURNS TABLE (day date, name_zh text, name_en text, role text, looks bigint, last timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF asked NOT IN (SELECT viewer_own()) THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT (e.at AT TIME ZONE 'Asia/Shanghai')::date, a.name_zh, a.name_en, a.role, count(*), max(e.at)
        FROM audit e JOIN account a ON a.id = e.account_id
        WHERE e.resident_id = asked AND e.at >= since AND (e.action LIKE 'view\_%' OR e.action LIKE 'export\_%')
          AND a.id <> viewer_account()
        GROUP BY 1, a.id ORDER BY 1 DESC, 6 DESC LIMIT most;
END $$;
REVOKE ALL ON FUNCTION looks_at_own(integer, timestamptz, integer) FROM PUBLIC;
