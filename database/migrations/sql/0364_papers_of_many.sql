-- Papers of volunteers, of many at once: one by one they took 0.4 ms each, 0.4 s for a page of the district's.

-- The newest line of each course, or the certificate of the library that is better.
CREATE FUNCTION time_courses_of(volunteers integer[])
    RETURNS TABLE (volunteer_id integer, course text, passed boolean, expires_on date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        SELECT DISTINCT ON (t.volunteer_id, named) t.volunteer_id, named AS course, t.passed, t.expires_on, t.at FROM (
            SELECT *, CASE course WHEN 'time-bank-basics' THEN 'volunteer_basic' ELSE course END AS named
            FROM time_volunteer_training WHERE volunteer_id = ANY (volunteers)) t
        ORDER BY t.volunteer_id, named, t.id DESC
    ), earned AS (
        SELECT DISTINCT ON (v.id, k.code) v.id AS volunteer_id, k.code AS course, c.expires_on, a.submitted_at
        FROM time_volunteer v JOIN staff s ON s.id = v.staff_id
        JOIN course_certificate c ON c.staff_id = s.id OR c.account_id = s.account_id
        JOIN course k ON k.id = c.course_id JOIN course_attempt a ON a.id = c.attempt_id
        WHERE v.id = ANY (volunteers) AND c.revoked_at IS NULL
        ORDER BY v.id, k.code, c.expires_on DESC NULLS FIRST
    )
    SELECT volunteer_id, course, coalesce(w.passed, false) OR good,
           CASE WHEN good AND w.passed THEN CASE WHEN e.expires_on IS NOT NULL AND w.expires_on IS NOT NULL
                                                 THEN greatest(e.expires_on, w.expires_on) END
                WHEN good THEN e.expires_on ELSE w.expires_on END
    FROM written w FULL JOIN earned e USING (volunteer_id, course),
        LATERAL (SELECT e.course IS NOT NULL AND (w.course IS NULL OR w.passed OR e.submitted_at > w.at) AS good) counts
$$;
REVOKE ALL ON FUNCTION time_courses_of(integer[]) FROM PUBLIC;

-- The last day on which both checks and the basic course count, each volunteer's; -infinity: one of them is lacking.
CREATE FUNCTION time_papers_of(volunteers integer[]) RETURNS TABLE (volunteer_id integer, until date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT number, CASE WHEN count(*) FILTER (WHERE papers.passed) = 3
                        THEN min(coalesce(papers.expires_on, 'infinity')) ELSE '-infinity' END
    FROM unnest(volunteers) number LEFT JOIN (
        (SELECT DISTINCT ON (c.volunteer_id, c.kind) c.volunteer_id, c.passed, c.expires_on
         FROM time_volunteer_check c WHERE c.volunteer_id = ANY (volunteers)
         ORDER BY c.volunteer_id, c.kind, c.id DESC)
        UNION ALL
        SELECT k.volunteer_id, k.passed, k.expires_on FROM time_courses_of(volunteers) k
        WHERE k.course = 'volunteer_basic'
    ) papers ON papers.volunteer_id = number
    GROUP BY number
$$;
REVOKE ALL ON FUNCTION time_papers_of(integer[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION time_courses(volunteer integer)
    RETURNS TABLE (course text, passed boolean, expires_on date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.course, k.passed, k.expires_on FROM time_courses_of(ARRAY[volunteer]) k
$$;

CREATE OR REPLACE FUNCTION time_papers_until(volunteer integer) RETURNS date LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT until FROM time_papers_of(ARRAY[volunteer])
$$;
