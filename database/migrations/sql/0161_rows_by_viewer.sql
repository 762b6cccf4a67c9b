-- What a role that sees the rows of its viewer alone has to know of the others' (database/rights/row_security.py).

-- Whoever asks for somebody in vain leaves a trace in the audit: a number, and nothing else of a person.
CREATE FUNCTION is_resident(asked integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$ SELECT EXISTS (SELECT FROM resident WHERE id = asked) $$;
CREATE FUNCTION resident_number(asked text) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$ SELECT id FROM resident WHERE code = asked $$;
CREATE FUNCTION alert_is_known(wanted uuid, OUT known boolean, OUT resident_id integer) LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT a.id IS NOT NULL, a.resident_id FROM (VALUES (1)) AS one LEFT JOIN alert a ON a.id = wanted
$$;
CREATE FUNCTION order_is_known(wanted uuid, OUT known boolean, OUT resident_id integer) LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT o.id IS NOT NULL, o.resident_id FROM (VALUES (1)) AS one LEFT JOIN work_order o ON o.id = wanted
$$;

-- Who has something in hand, wherever it is: nobody is sent to two doors.
CREATE VIEW order_in_hand AS
    SELECT staff_id, urgency, state, due_at FROM work_order WHERE staff_id IS NOT NULL;
