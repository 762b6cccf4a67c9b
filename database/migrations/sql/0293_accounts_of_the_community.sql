-- Whom a viewer sees in the time bank, as sets found once a statement. Its policies asked for an account by its volunteer,
-- for a volunteer by their requests, for these by their residents and for those by their homes, each for every row: a
-- page of the ledger took a second, half of it to plan.

CREATE FUNCTION viewer_people() RETURNS SETOF integer LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT r.id FROM resident r JOIN household h ON h.id = r.household_id
        WHERE h.area_id IN (SELECT viewer_areas());
    RETURN QUERY SELECT viewer_own();
END $$;
REVOKE ALL ON FUNCTION viewer_people() FROM PUBLIC;

-- Areas below the viewer's and around it, for staff.
CREATE FUNCTION viewer_near_areas() RETURNS SETOF integer LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    mine ltree := viewer_area();
BEGIN
    IF viewer_is_staff() THEN
        RETURN QUERY SELECT a.id FROM area a WHERE a.path <@ mine OR a.path @> mine;
    END IF;
END $$;
REVOKE ALL ON FUNCTION viewer_near_areas() FROM PUBLIC;

-- Volunteers who help, or helped, somebody whom the viewer sees, beside those who help near by anyway.
CREATE FUNCTION viewer_helpers() RETURNS SETOF integer LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
        WITH far AS MATERIALIZED (SELECT id FROM time_volunteer WHERE area_id NOT IN (SELECT viewer_near_areas())),
        people AS MATERIALIZED (SELECT p AS id FROM viewer_people() p)
        SELECT DISTINCT far.id FROM time_request q JOIN people ON people.id = q.resident_id
        CROSS JOIN LATERAL (VALUES (q.volunteer_id), (q.partner_id)) v (id) JOIN far ON far.id = v.id;
END $$;
REVOKE ALL ON FUNCTION viewer_helpers() FROM PUBLIC;

CREATE FUNCTION viewer_volunteers() RETURNS SETOF integer LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT v.id FROM time_volunteer v WHERE v.area_id IN (SELECT viewer_near_areas());
    RETURN QUERY SELECT viewer_helpers();
END $$;
REVOKE ALL ON FUNCTION viewer_volunteers() FROM PUBLIC;

CREATE FUNCTION viewer_time_accounts() RETURNS SETOF integer LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT a.id FROM time_account a WHERE a.resident_id IN (SELECT viewer_people());
    IF viewer_is_staff() THEN
        RETURN QUERY SELECT a.id FROM time_account a WHERE a.volunteer_id IN (SELECT viewer_volunteers())
            OR a.kind IN ('issuer', 'gift_pool', 'expired');
    END IF;
END $$;
REVOKE ALL ON FUNCTION viewer_time_accounts() FROM PUBLIC;

CREATE FUNCTION time_community() RETURNS integer[] LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT array_agg(id) FROM time_account WHERE kind IN ('issuer', 'gift_pool', 'expired')
$$;
REVOKE ALL ON FUNCTION time_community() FROM PUBLIC;
