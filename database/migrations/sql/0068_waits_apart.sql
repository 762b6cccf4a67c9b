-- Whoever makes retention wait has a wait of its own: the end of one shortens no other's. storage.waits_until is the latest.
CREATE TABLE retention_wait (
    session     integer PRIMARY KEY, -- of the server that asked for it
    waits_until timestamptz NOT NULL
);
INSERT INTO retention_wait SELECT 0, waits_until FROM storage WHERE waits_until > now();

-- As in 0065, for the session that calls it.
CREATE FUNCTION remember_retention_wait(span interval) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz;
BEGIN
    PERFORM FROM storage FOR UPDATE; -- one after the other, each seeing the others' waits
    DELETE FROM retention_wait WHERE waits_until <= now();
    INSERT INTO retention_wait VALUES (pg_backend_pid(), now() + span)
    ON CONFLICT (session) DO UPDATE SET waits_until = EXCLUDED.waits_until;
    UPDATE storage SET waits_until = (SELECT max(w.waits_until) FROM retention_wait w)
    RETURNING waits_until INTO STRICT until;
    RETURN until;
END $$;

CREATE OR REPLACE FUNCTION retention_waits(span interval) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT remember_retention_wait(span)
$$;
