-- What people asked of machines, and test messages of channels, go after a year: who asked stays in the audit.
CREATE FUNCTION drop_old_requests() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    dropped integer;
    tests   integer;
BEGIN
    DELETE FROM upkeep_request WHERE id = ANY (ARRAY(
        SELECT id FROM upkeep_request
        WHERE asked_at < now() - INTERVAL '1 year' AND state NOT IN ('queued', 'sent') ORDER BY id LIMIT 5000));
    GET DIAGNOSTICS dropped = ROW_COUNT;
    DELETE FROM channel_test WHERE id = ANY (ARRAY(
        SELECT id FROM channel_test WHERE asked_at < now() - INTERVAL '1 year' ORDER BY id LIMIT 5000));
    GET DIAGNOSTICS tests = ROW_COUNT;
    RETURN dropped + tests;
END $$;
REVOKE EXECUTE ON FUNCTION drop_old_requests() FROM PUBLIC;
