-- Who is named for visits ahead, and what they may do: a page asks it of the whole district on every look. As a query
-- of the page's own account it read each visit by the policies of its row, 1.6 s and more at 50,000 visits ahead.

-- Of a person: the visits that are ahead of them, read from the index alone.
CREATE INDEX service_order_named ON service_order (staff_id, organisation_id, service, planned_start)
    WHERE state IN ('planned', 'assigned') AND staff_id IS NOT NULL;

-- Each person who is named for visits after a moment, by provider and kind of work, with the last day of such a visit.
-- A plan that names somebody counts to the last visit of all: its visits may name nobody, because that person's
-- certificate will have ended. No name, no resident and no number of visits is told: only what decides who may go.
CREATE FUNCTION visits_named(since timestamptz)
    RETURNS TABLE (staff_id integer, employer integer, active boolean, version integer, kind text, skills text[],
                   papers jsonb, organisation_id integer, work text, last_day date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH own AS (
        -- person by person: the planner takes what lies ahead for a few visits, and would fetch all 50,000
        SELECT s.id AS staff_id, n.organisation_id, n.service, n.last
        FROM staff s CROSS JOIN LATERAL (
            SELECT o.organisation_id, o.service, max(o.planned_start) AS last FROM service_order o
            WHERE o.staff_id = s.id AND o.state IN ('planned', 'assigned') AND o.planned_start > since
            GROUP BY o.organisation_id, o.service) n
    ), planned AS (
        SELECT DISTINCT p.staff_id, p.organisation_id, p.service FROM service_plan p
        WHERE p.staff_id IS NOT NULL AND (p.last_day IS NULL OR p.last_day >= (since AT TIME ZONE 'Asia/Shanghai')::date)
    ), named AS (
        SELECT * FROM own
        UNION ALL
        SELECT p.*, (SELECT max(o.planned_start) FROM service_order o
                     WHERE o.state IN ('planned', 'assigned', 'checked_in', 'missed') AND o.planned_start > since)
        FROM planned p
    ), works AS (
        SELECT n.staff_id, n.organisation_id, c.work, (max(n.last) AT TIME ZONE 'Asia/Shanghai')::date AS last_day
        FROM named n JOIN care_service c ON c.code = n.service
        WHERE n.last IS NOT NULL GROUP BY n.staff_id, n.organisation_id, c.work
    )
    SELECT s.id, s.organisation_id, s.active, s.version, s.kind, s.skills, coalesce(held.papers, '{}'),
           w.organisation_id, w.work, w.last_day
    FROM works w JOIN staff s ON s.id = w.staff_id
    LEFT JOIN (SELECT c.staff_id, jsonb_object_agg(c.kind, c.expires_on) AS papers FROM staff_certificate c
               GROUP BY c.staff_id) held ON held.staff_id = s.id
$$;
REVOKE ALL ON FUNCTION visits_named(timestamptz) FROM PUBLIC;
