-- Whoever removes a resident is told that a medical note goes with them, without a right to read it.
CREATE FUNCTION has_medical_note(asked integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$ SELECT EXISTS (SELECT FROM medical_note WHERE resident_id = asked) $$;
