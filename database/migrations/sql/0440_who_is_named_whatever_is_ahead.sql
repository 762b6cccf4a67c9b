-- Who is named for visits ahead, as in 0390, and quick whatever the planner expects: with statistics of an ordinary
-- day it read all 50,000 visits ahead for each of 675 people, 25 s.
CREATE OR REPLACE FUNCTION visits_named(since timestamptz)
    RETURNS TABLE (staff_id integer, employer integer, active boolean, version integer, kind text, skills text[],
                   papers jsonb, organisation_id integer, work text, last_day date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH own AS (
        -- Person by person, from service_order_named alone. The sum of an interval keeps the time out of the search:
        -- whenever the planner takes what lies ahead for a few visits, it would go through all of them for each person.
        SELECT s.id AS staff_id, n.organisation_id, n.service, n.last
        FROM staff s CROSS JOIN LATERAL (
            SELECT o.organisation_id, o.service, max(o.planned_start) AS last FROM service_order o
            WHERE o.staff_id = s.id AND o.state IN ('planned', 'assigned')
              AND o.planned_start + INTERVAL '0' > since
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
