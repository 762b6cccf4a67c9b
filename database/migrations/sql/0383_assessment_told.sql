-- What a family with consent is told of an ability assessment: how far it is, the grade in force, the days; no answer.
CREATE FUNCTION assessment_told(asked integer)
    RETURNS TABLE (state text, grade text, first_at timestamptz, due_on date, begun_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT x.state, x.grade, x.first_at, x.due_on, x.begun_at FROM assessment x
    WHERE x.resident_id = asked AND (x.current OR x.state IN ('draft', 'signed'))
      AND asked IN (SELECT viewer_own()) ORDER BY x.id;
END $$;
REVOKE ALL ON FUNCTION assessment_told(integer) FROM PUBLIC;
